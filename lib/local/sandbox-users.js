// Who a call speaks for, and what the paths it names mean for him. The users are those of the sandbox's
// own /etc/passwd; its two usual ones are known without a look. Touches no file of the host.
'use strict';

const path = require('node:path');
const { PathError } = require('./path-error');

const HOMES = { user: '/home/user', root: '/root' };
const MAX_PASSWD_BYTES = 1024 * 1024;

class SandboxUsers {
  #init;
  #isolated;

  /** The user of calls that name none, and where his empty paths lead: null is his home. */
  defaultUser = 'user';
  defaultDirectory = null;

  /**
   * @param {() => import('./init/sandbox-init').SandboxInit} init
   * @param {{ isolated: boolean }} options  false: there are only `user` and `root`
   */
  constructor(init, { isolated }) {
    this.#init = init;
    this.#isolated = isolated;
  }

  /** @returns {Promise<string>} @throws {PathError} unknown user */
  async homeOf(user) {
    if (Object.hasOwn(HOMES, user)) return HOMES[user];
    const home = this.#isolated ? await this.#lookUp(user) : null;
    if (home) return home;
    throw new PathError('unauthenticated', `invalid username: '${user}'`);
  }

  /**
   * @param {unknown} text  as the client wrote it: absolute, relative to the home, `~`, or empty
   * @param {string} user
   * @returns {Promise<string>} absolute and normalised
   */
  async resolve(text, user) {
    const home = await this.homeOf(user);
    if (typeof text !== 'string') throw invalid('path must be a string');
    if (text.includes('\0')) throw invalid('path contains a NUL byte');
    if (text === '') return this.defaultDirectory ?? home;
    if (text === '~') return home;
    if (text.startsWith('~/')) return path.posix.join(home, text.slice(2));
    if (text.startsWith('~')) throw invalid(`cannot expand another user's home: ${text}`);
    return path.posix.resolve(home, text);
  }

  async #lookUp(user) {
    const { bytes } = await this.#init().read('root', '/etc/passwd', { length: MAX_PASSWD_BYTES });
    const pieces = [];
    for await (const piece of bytes) pieces.push(piece);
    const lines = Buffer.concat(pieces).toString().split('\n');
    const fields = lines.map((line) => line.split(':')).find(([name]) => name === user);
    return fields?.[5];
  }
}

function invalid(text) {
  return new PathError('invalid_argument', text);
}

module.exports = { HOMES, SandboxUsers };
