// What an Accept-Encoding header takes of the two encodings that envd has. Pure.
'use strict';

/**
 * @param {string|undefined} header
 * @returns {{ identity: boolean, gzip: boolean }} no header: identity only
 */
function acceptsEncoding(header) {
  if (header === undefined || header.trim() === '') return { identity: true, gzip: false };
  const quality = {};
  for (const part of header.split(',')) {
    const [name, ...parameters] = part.trim().toLowerCase().split(';');
    const q = parameters.map((text) => /^\s*q=([\d.]+)\s*$/.exec(text)?.[1]).find(Boolean);
    quality[name.trim()] = q === undefined ? 1 : Number(q);
  }
  const any = quality['*'];
  return {
    identity: (quality.identity ?? any ?? 1) > 0,
    gzip: (quality.gzip ?? any ?? 0) > 0,
  };
}

module.exports = { acceptsEncoding };
