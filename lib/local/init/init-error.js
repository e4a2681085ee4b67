// What a sandbox's pid 1 refuses, as an error: the kernel's number and what was done. The words for
// clients are made by the services. Imports nothing of the project.
'use strict';

const { constants } = require('node:os');

const NAME_OF_NUMBER = new Map(Object.entries(constants.errno).map(([name, n]) => [n, name]));

/** As Go prints them: clients of E2B know these texts. */
const GO_TEXT = {
  EACCES: 'permission denied',
  EBUSY: 'device or resource busy',
  ECONNREFUSED: 'connection refused',
  EDQUOT: 'disk quota exceeded',
  EEXIST: 'file exists',
  EINVAL: 'invalid argument',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ENOENT: 'no such file or directory',
  ENOMEM: 'cannot allocate memory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  ENXIO: 'no such device or address',
  EAGAIN: 'resource temporarily unavailable',
  E2BIG: 'argument list too long',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ETIMEDOUT: 'connection timed out',
  EXDEV: 'invalid cross-device link',
};

class InitError extends Error {
  /**
   * @param {number} errno
   * @param {string} what  what was done: `lstat /x`
   */
  constructor(errno, what) {
    const code = NAME_OF_NUMBER.get(errno) ?? `errno ${errno}`;
    super(`${what}: ${GO_TEXT[code] ?? code}`);
    this.errno = errno;
    this.code = code;
    this.what = what;
  }
}

/** The connection to a sandbox's pid 1 is gone, and the sandbox with it. */
class ChannelClosed extends Error {
  constructor(reason = 'the sandbox is gone') {
    super(reason);
    this.code = 'ECHANNELCLOSED';
  }
}

module.exports = { ChannelClosed, InitError };
