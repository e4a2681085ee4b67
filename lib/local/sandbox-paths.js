// The paths of a sandbox without a file system of its own: `/home/user` and `/root` stand for
// directories under the state directory, everything else is the host's. Resolves what clients write,
// maps it to the host and back, and refuses accidental changes of the host's files.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const HOMES = { user: '/home/user', root: '/root' };
const SHARED_TEMPORARY = ['/tmp', '/var/tmp'];

/** A path that cannot be used; services turn it into their own kind of error. */
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

class SandboxPaths {
  #mounts;

  /** @param {string} directory  the sandbox's own, absolute and without links */
  constructor(directory) {
    this.directory = directory;
    this.temporary = path.join(directory, 'tmp');
    this.#mounts = [
      { inside: HOMES.user, outside: path.join(directory, 'home') },
      { inside: HOMES.root, outside: path.join(directory, 'root') },
    ];
  }

  /** @returns {string[]} the host directories that must exist */
  get directories() {
    return [...this.#mounts.map(({ outside }) => outside), this.temporary];
  }

  /** @returns {string} a user's home as clients name it; @throws {PathError} unknown user */
  homeOf(user) {
    if (!Object.hasOwn(HOMES, user)) {
      throw new PathError('unauthenticated', `invalid username: '${user}'`);
    }
    return HOMES[user];
  }

  /**
   * @param {string} text  as the client wrote it: absolute, relative to the home, `~`, or empty
   * @param {string} user
   * @returns {string} an absolute, normalised path as clients name it
   */
  resolve(text, user) {
    const home = this.homeOf(user);
    if (text.includes('\0')) throw new PathError('invalid_argument', 'path contains a NUL byte');
    if (text === '' || text === '~') return home;
    if (text.startsWith('~/')) return path.posix.join(home, text.slice(2));
    if (text.startsWith('~')) {
      throw new PathError('invalid_argument', `cannot expand another user's home: ${text}`);
    }
    const resolved = path.posix.resolve(home, text);
    return resolved;
  }

  /** @returns {string} where a resolved path lies on the host */
  toHost(inside) {
    return replacePrefix(inside, this.#mounts, 'inside', 'outside');
  }

  /** @returns {string} how clients name a host path */
  toInside(host) {
    return replacePrefix(host, this.#mounts, 'outside', 'inside');
  }

  /** @returns {boolean} whether a host path lies in one of this sandbox's homes */
  isOwn(host) {
    return this.#mounts.some(({ outside }) => isWithin(host, outside));
  }

  /**
   * Guards the host against accidents: without isolation a client's `remove('/etc')` would be real.
   * Changes are allowed in the homes and in the directories for temporary files.
   * @param {string} inside  a resolved path
   * @returns {Promise<string>} the host path
   * @throws {PathError} permission_denied
   */
  async toWritableHost(inside) {
    const host = this.toHost(inside);
    const parent = await realParent(host);
    const allowed = [this.directory, os.tmpdir(), ...SHARED_TEMPORARY];
    if (allowed.some((directory) => isWithin(parent, directory))) return host;
    throw new PathError(
      'permission_denied',
      `'${inside}' is a file of the host: without isolation the local backend changes only files ` +
        'in the home and in /tmp',
    );
  }
}

/** The real path of the nearest existing directory above a path. */
async function realParent(host) {
  let directory = path.dirname(host);
  for (;;) {
    try {
      return await fs.promises.realpath(directory);
    } catch (error) {
      if (directory === path.dirname(directory)) throw error;
      directory = path.dirname(directory);
    }
  }
}

function isWithin(file, directory) {
  return file === directory || file.startsWith(directory + path.sep);
}

function replacePrefix(file, mounts, from, to) {
  const mount = mounts.find((candidate) => isWithin(file, candidate[from]));
  return mount ? mount[to] + file.slice(mount[from].length) : file;
}

module.exports = { HOMES, PathError, SandboxPaths };
