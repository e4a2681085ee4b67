// envd's filesystem.Filesystem service: Stat, ListDir, MakeDir, Move, Remove on one sandbox's paths.
// The bytes of files are `files-routes.js`'s.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { RpcError } = require('./connect-rpc');
const { entryInfo } = require('./entry-info');

const MAX_ENTRIES = 100_000;
const GO_TEXT = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ELOOP: 'too many levels of symbolic links',
  ENAMETOOLONG: 'file name too long',
  EEXIST: 'file exists',
  EXDEV: 'invalid cross-device link',
};

class FilesystemService {
  #paths;

  /** @param {import('./sandbox').Sandbox} sandbox */
  constructor({ paths }) {
    this.#paths = paths;
  }

  async stat(message, { user }) {
    return { entry: await this.#entry(this.#resolve(message.path, user)) };
  }

  async listDir(message, { user }) {
    const directory = this.#resolve(message.path, user);
    const depth = message.depth || 1;
    const stat = await fs.promises.stat(this.#paths.toHost(directory)).catch((error) => {
      throw fileError(error, 'stat', directory, 'directory not found');
    });
    if (!stat.isDirectory()) {
      throw new RpcError('invalid_argument', `path is not a directory: ${directory}`);
    }
    const entries = [];
    await this.#walk(directory, depth, entries);
    return entries.length > 0 ? { entries } : {};
  }

  async makeDir(message, { user }) {
    const directory = this.#resolve(message.path, user);
    const host = await this.#paths.toWritableHost(directory);
    const stat = await fs.promises.stat(host).catch(() => null);
    if (stat?.isDirectory()) {
      throw new RpcError('already_exists', `directory already exists: ${directory}`);
    }
    if (stat) {
      throw new RpcError(
        'invalid_argument',
        `path already exists but it is not a directory: ${directory}`,
      );
    }
    await attempt('mkdir', directory, () => fs.promises.mkdir(host, { recursive: true }));
    return { entry: await this.#entry(directory) };
  }

  async move(message, { user }) {
    const source = this.#resolve(message.source, user);
    const destination = this.#resolve(message.destination, user);
    const from = await this.#paths.toWritableHost(source);
    const to = await this.#paths.toWritableHost(destination);
    await attempt('lstat', source, () => fs.promises.lstat(from), 'source file not found');
    await attempt('rename', destination, async () => {
      await fs.promises.mkdir(path.dirname(to), { recursive: true });
      await fs.promises.rename(from, to);
    });
    return { entry: await this.#entry(destination) };
  }

  async remove(message, { user }) {
    const target = this.#resolve(message.path, user);
    const host = await this.#paths.toWritableHost(target);
    await attempt('remove', target, () => fs.promises.rm(host, { recursive: true, force: true }));
    return {};
  }

  #resolve(text, user) {
    if (text !== undefined && typeof text !== 'string') {
      throw new RpcError('invalid_argument', 'path must be a string');
    }
    return this.#paths.resolve(text ?? '', user);
  }

  #entry(inside) {
    return attempt('lstat', inside, () => entryInfo(this.#paths, inside));
  }

  /** Depth first, by name, without following links; what vanishes meanwhile is left out. */
  async #walk(directory, depth, entries) {
    const host = this.#paths.toHost(directory);
    const names = await attempt('open', directory, () => fs.promises.readdir(host));
    for (const name of names.sort()) {
      if (entries.length >= MAX_ENTRIES) {
        throw new RpcError(
          'resource_exhausted',
          `more than ${MAX_ENTRIES} entries in ${directory}`,
        );
      }
      const inside = path.posix.join(directory, name);
      const entry = await entryInfo(this.#paths, inside).catch(() => null);
      if (!entry) continue;
      entries.push(entry);
      const isDirectory = entry.type === 'FILE_TYPE_DIRECTORY' && entry.symlinkTarget === undefined;
      if (isDirectory && depth > 1) {
        await this.#walk(inside, depth - 1, entries).catch((error) => {
          if (error.code === 'resource_exhausted') throw error;
        });
      }
    }
  }
}

async function attempt(operation, inside, work, notFound) {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, operation, inside, notFound);
  }
}

/** A file system's error in envd's words. */
function fileError(error, operation, inside, notFound = 'file not found') {
  if (error instanceof RpcError) return error;
  const text = `${operation} ${inside}: ${GO_TEXT[error.code] ?? error.message}`;
  if (error.code === 'ENOENT') return new RpcError('not_found', `${notFound}: ${text}`);
  if (error.code === 'ENOTDIR') return new RpcError('invalid_argument', text);
  if (error.code === 'ELOOP') return new RpcError('failed_precondition', text);
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new RpcError('resource_exhausted', text);
  }
  return new RpcError('internal', text);
}

module.exports = { FilesystemService };
