// A path or a user that cannot be used; services turn it into their own kind of error.
'use strict';

class PathError extends Error {
  /**
   * @param {'invalid_argument'|'unauthenticated'|'permission_denied'} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

module.exports = { PathError };
