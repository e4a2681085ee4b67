// Who may use envd's /files routes, and for whom: a token, or a signature in its place. The token that
// a header carries goes before a signature.
'use strict';

const { HttpError } = require('./answer');
const { PathError } = require('./path-error');
const { safeEqual, signatureMatches } = require('./signature');

/** @throws {HttpError} 401 */
function authorizeFiles(sandbox, method, query, headers) {
  const token = headers['x-access-token'];
  if (token !== undefined) {
    if (safeEqual(token, sandbox.token)) return;
    throw new HttpError(401, 'access token present in header but does not match');
  }
  if (!query.has('signature')) throw new HttpError(401, 'missing signature query parameter');
  if (!signatureMatches(method, query, sandbox.token))
    throw new HttpError(401, 'invalid signature');
  const expiration = query.get('signature_expiration');
  if (expiration !== null && Number(expiration) < Date.now() / 1000) {
    throw new HttpError(401, 'signature is already expired');
  }
}

/** @returns {string} the user that a request names, else the sandbox's default one */
function userOf(sandbox, query) {
  return query.get('username') || sandbox.users.defaultUser;
}

/**
 * @returns {Promise<string>} an absolute path
 * @throws {HttpError} 400, 401
 */
async function resolveFile(sandbox, text, user) {
  try {
    return await sandbox.users.resolve(text, user);
  } catch (error) {
    if (!(error instanceof PathError)) throw error;
    throw new HttpError(error.code === 'unauthenticated' ? 401 : 400, error.message);
  }
}

module.exports = { authorizeFiles, resolveFile, userOf };
