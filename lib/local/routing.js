// Says which plane, sandbox and port a request is for: by host name, by the routing headers, by a
// signed URL, else the control plane; in this order, on one port. Pure but for the look at the
// sandboxes' tokens.
'use strict';

const { isIP } = require('node:net');
const { signatureMatches } = require('./signature');

const ENVD_PORT = 49983;
const HOST_LABEL = /^(\d+)-([a-z0-9]+)(?:-[^.]*)?$/i;

/**
 * @param {object} request
 * @param {string} request.method
 * @param {string} request.path
 * @param {URLSearchParams} request.query
 * @param {Record<string, string>} request.headers
 * @param {() => { id: string, token: string }[]} sandboxes  the living ones
 * @param {string|null} [domain]  of the sandboxes' host names, where there is one
 * @returns {{ plane: 'control' } | { plane: 'sandbox', sandboxId: string, port: number }
 *   | { plane: 'refused', status: number, text: string }}
 */
function routeRequest({ method, path, query, headers }, sandboxes, domain = null) {
  const host = hostName(headers.host);
  if (host === `api.${domain}`) return { plane: 'control' };
  const label = host.includes('.') ? HOST_LABEL.exec(host.slice(0, host.indexOf('.'))) : null;
  if (label) return toSandbox(label[2].toLowerCase(), Number(label[1]));
  const id = headers['e2b-sandbox-id'];
  const port = headers['e2b-sandbox-port'];
  if ((id !== undefined || port !== undefined) && honoursHeaders(host)) {
    if (!id || !port) return refuse(400, 'missing header');
    if (!/^\d{1,5}$/.test(port)) return refuse(400, 'Invalid sandbox port');
    return toSandbox(id, Number(port));
  }
  if (path === '/files' && query.has('signature')) {
    const found = sandboxes().find(({ token }) => signatureMatches(method, query, token));
    if (found) return toSandbox(found.id, ENVD_PORT);
    return refuse(401, 'invalid signature');
  }
  return { plane: 'control' };
}

function toSandbox(sandboxId, port) {
  if (!/^[a-z0-9]+$/.test(sandboxId)) return refuse(400, 'Invalid sandbox ID');
  return { plane: 'sandbox', sandboxId, port };
}

function refuse(status, text) {
  return { plane: 'refused', status, text };
}

/** The hosted proxy looks at the headers only where the host name cannot carry the sandbox. */
function honoursHeaders(host) {
  return host === '' || host === 'localhost' || isIP(host) !== 0 || host.startsWith('sandbox.');
}

/** @returns {string} the host without its port, lower-cased; brackets of IPv6 removed */
function hostName(header = '') {
  const name = header.startsWith('[') ? header.slice(1, header.indexOf(']')) : header.split(':')[0];
  return name.toLowerCase();
}

module.exports = { ENVD_PORT, routeRequest };
