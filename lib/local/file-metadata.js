// The metadata that an upload gives its files: headers `X-Metadata-<key>: <value>`. Pure.
'use strict';

const { HttpError } = require('./answer');

const PREFIX = 'x-metadata-';
const NAMESPACE_BYTES = 'user.e2b.'.length; // each key lies under it in the file system
const MAX_KEY_BYTES = 246;
const MAX_BYTES = 4096; // of all keys and values, with the namespace of each

/**
 * @param {Record<string, string>} headers  of a request, names in lower case
 * @param {Record<string, string[]>} [distinct]  the same, each as often as it was sent: the first counts
 * @returns {Record<string, string>}
 * @throws {HttpError} 400
 */
function parseMetadata(headers, distinct = {}) {
  const metadata = {};
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(PREFIX)) continue;
    const key = name.slice(PREFIX.length);
    const text = distinct[name]?.[0] ?? value;
    if (key === '') throw new HttpError(400, 'metadata key is empty');
    if (!isPrintable(key) || !isPrintable(text)) {
      throw new HttpError(400, `metadata '${key}' must be printable US-ASCII`);
    }
    if (key.length > MAX_KEY_BYTES) {
      throw new HttpError(400, `metadata key '${key}' is longer than ${MAX_KEY_BYTES} bytes`);
    }
    bytes += NAMESPACE_BYTES + key.length + text.length;
    metadata[key] = text;
  }
  if (bytes <= MAX_BYTES) return metadata;
  throw new HttpError(400, `metadata is larger than ${MAX_BYTES} bytes`);
}

function isPrintable(text) {
  return /^[\x20-\x7e]*$/.test(text);
}

module.exports = { parseMetadata };
