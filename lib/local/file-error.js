// What pid 1 refuses about files, in the words of envd's filesystem service. Pure.
'use strict';

const { RpcError } = require('./connect-rpc');

const CODE_OF = {
  ENOENT: 'not_found',
  ENOTDIR: 'invalid_argument',
  EISDIR: 'invalid_argument',
  ENAMETOOLONG: 'invalid_argument',
  EINVAL: 'invalid_argument',
  ELOOP: 'failed_precondition',
  EACCES: 'permission_denied',
  EPERM: 'permission_denied',
  EROFS: 'permission_denied',
  E2BIG: 'resource_exhausted',
  EAGAIN: 'resource_exhausted',
  ENOSPC: 'resource_exhausted',
  EDQUOT: 'resource_exhausted',
  EMFILE: 'resource_exhausted',
  EOVERFLOW: 'resource_exhausted',
  ETIMEDOUT: 'deadline_exceeded',
  ECHANNELCLOSED: 'unavailable',
};

/**
 * @param {Error} error  InitError, or what the services throw themselves
 * @param {string} [notFound]  what envd says first about a path that is not there
 * @returns {Error} RpcError, or as it was when it is none of pid 1's
 */
function fileError(error, notFound = 'file not found') {
  if (error.code === 'ESRCH') return new RpcError('unauthenticated', 'invalid username');
  if (error.errno === undefined && error.code !== 'ECHANNELCLOSED') return error;
  const code = CODE_OF[error.code] ?? 'internal';
  return new RpcError(code, code === 'not_found' ? `${notFound}: ${error.message}` : error.message);
}

/** Runs a call to pid 1 and turns its refusal. */
async function attempt(work, notFound) {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, notFound);
  }
}

module.exports = { attempt, fileError };
