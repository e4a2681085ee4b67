// envd's filesystem.Filesystem service on one sandbox: Stat, ListDir, MakeDir, Move, Remove, and the
// four methods of watching, whose state is in `watchers.js`. The bytes of files are `files-routes.js`'s.
'use strict';

const { RpcError } = require('./connect-rpc');
const { entryInfo } = require('./entry-info');
const { attempt } = require('./file-error');
const { MAX_ENTRIES } = require('./init/sandbox-init');
const { FILE_TYPE } = require('./init/wire');
const { Watchers } = require('./watchers');

class FilesystemService {
  #sandbox;
  #watchers;

  /** @param {import('./sandbox').Sandbox} sandbox */
  constructor(sandbox) {
    this.#sandbox = sandbox;
    this.#watchers = new Watchers(sandbox);
  }

  async stat(message, { user }) {
    const path = await this.#resolve(message.path, user);
    return { entry: entryInfo(await attempt(() => this.#init.stat(user, path))) };
  }

  async listDir(message, { user }) {
    const path = await this.#resolve(message.path, user);
    const depth = message.depth || 1;
    let entries;
    try {
      entries = await attempt(() => this.#init.list(user, path, depth), 'directory not found');
    } catch (error) {
      throw listError(error, path);
    }
    if (entries.length === 0) return {};
    return { entries: entries.sort(byNames).map(entryInfo) };
  }

  async makeDir(message, { user }) {
    const path = await this.#resolve(message.path, user);
    return attempt(async () => {
      try {
        return { entry: entryInfo(await this.#init.mkdir(user, path)) };
      } catch (error) {
        if (error.code !== 'EEXIST' && error.code !== 'ENOTDIR') throw error;
        const { type } = await this.#init.stat(user, path);
        if (type === FILE_TYPE.DIRECTORY) {
          throw new RpcError('already_exists', `directory already exists: ${path}`);
        }
        const text = `path already exists but it is not a directory: ${path}`;
        throw new RpcError('invalid_argument', text);
      }
    });
  }

  async move(message, { user }) {
    const source = await this.#resolve(message.source, user);
    const destination = await this.#resolve(message.destination, user);
    const move = () => this.#init.move(user, source, destination);
    return { entry: entryInfo(await attempt(move, 'source file not found')) };
  }

  async remove(message, { user }) {
    const path = await this.#resolve(message.path, user);
    await attempt(() => this.#init.remove(user, path));
    return {};
  }

  async watchDir(message, call) {
    const path = await this.#resolve(message.path, call.user);
    return this.#watchers.stream(path, message, call);
  }

  async createWatcher(message, { user }) {
    const path = await this.#resolve(message.path, user);
    return { watcherId: await this.#watchers.create(path, message, user) };
  }

  getWatcherEvents({ watcherId }) {
    const events = this.#watchers.take(watcherId);
    return events.length > 0 ? { events } : {};
  }

  removeWatcher({ watcherId }) {
    this.#watchers.remove(watcherId);
    return {};
  }

  /** Forgets what is being watched: the sandbox is gone, or starts anew. */
  dispose() {
    this.#watchers.dispose();
  }

  get #init() {
    return this.#sandbox.init;
  }

  #resolve(text, user) {
    return this.#sandbox.users.resolve(text ?? '', user);
  }
}

function listError(error, path) {
  if (error.code === 'resource_exhausted') {
    return new RpcError(error.code, `more than ${MAX_ENTRIES} entries in ${path}`);
  }
  if (error.code === 'invalid_argument') {
    return new RpcError(error.code, `path is not a directory: ${path}`);
  }
  return error;
}

/** Depth first, by name: as if `/` came before every other character. */
function byNames(one, other) {
  const [a, b] = [one.path.replaceAll('/', '\0'), other.path.replaceAll('/', '\0')];
  return a < b ? -1 : 1;
}

module.exports = { FilesystemService };
