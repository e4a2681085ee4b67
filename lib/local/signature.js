// Signed URLs of /files: the signature's formula and its check. Pure.
'use strict';

const { createHash, timingSafeEqual } = require('node:crypto');

/**
 * @param {object} parts
 * @param {string} parts.path  exactly as in the query, empty if absent
 * @param {'read'|'write'} parts.operation
 * @param {string} parts.user  as in the query, empty if absent
 * @param {string} parts.token  envd's
 * @param {string} [parts.expiration]  Unix seconds, decimal
 * @returns {string} `v1_` and base64 without padding
 */
function signUrl({ path, operation, user, token, expiration }) {
  const parts = [path, operation, user, token];
  if (expiration !== undefined) parts.push(expiration);
  const digest = createHash('sha256').update(parts.join(':')).digest('base64');
  return `v1_${digest.replace(/=+$/, '')}`;
}

/** @returns {object} the parts of a request to /files that its signature covers */
function signedParts(method, query) {
  return {
    path: query.get('path') ?? '',
    operation: method === 'GET' || method === 'HEAD' ? 'read' : 'write',
    user: query.get('username') ?? '',
    expiration: query.get('signature_expiration') ?? undefined,
  };
}

/** @returns {boolean} whether the request's signature was made with this token; expiry aside */
function signatureMatches(method, query, token) {
  return safeEqual(query.get('signature') ?? '', signUrl({ ...signedParts(method, query), token }));
}

/** @returns {boolean} equality without telling by time where the first difference is */
function safeEqual(left, right) {
  const a = createHash('sha256').update(left).digest();
  const b = createHash('sha256').update(right).digest();
  return timingSafeEqual(a, b);
}

module.exports = { safeEqual, signUrl, signatureMatches };
