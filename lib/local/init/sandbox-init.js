// A sandbox's pid 1 as typed calls: processes, files, ports, freezing, measuring. One of them is one
// sandbox; its end is the sandbox's. Errors are InitError with the kernel's number; the words for
// clients are made by the services.
'use strict';

const { Channel } = require('./channel');
const { IncomingBytes } = require('./incoming-bytes');
const { InitError } = require('./init-error');
const { InitProcess } = require('./init-process');
const { PortConnection } = require('./port-connection');
const { BOOT_FLAG, CHANNEL, HAS, SPAWN_FLAG, TYPE, WATCH_FLAG } = require('./wire');

const ETIMEDOUT = 110;
const CALL_MS = 120_000; // a call of one answer; removing a large tree takes its time
const MAX_ENTRIES = 100_000;

/**
 * @typedef {object} Boot  what a sandbox is made of; see csrc/init/boot.h
 * @property {string} id
 * @property {string} hostname
 * @property {string} directory
 * @property {string} [root]  a directory; default: the host's own files
 * @property {string[]} layers
 * @property {string[]} [visible]
 * @property {string} [user]  the default one
 * @property {string} bootId  a UUID
 * @property {boolean} [network]  default true: the host's
 * @property {{ memoryBytes?: number, diskBytes?: number, processes?: number, cpuPercent?: number }}
 *   [limits]
 *
 * @typedef {object} InitEntry  one path, as pid 1 tells it
 * @property {string} path
 * @property {number} type  of FILE_TYPE in wire.js
 * @property {number} size
 * @property {number} mode  as st_mode, of the target
 * @property {string} owner
 * @property {string} group
 * @property {bigint} mtimeNs
 * @property {string} link  what a symbolic link comes to; '' for none
 * @property {Record<string, string>} metadata
 */

class SandboxInit {
  #channel;

  /**
   * @param {string} socket  the launcher's
   * @param {Boot} boot
   * @param {(line: string) => void} [onLog]
   * @returns {Promise<SandboxInit>} its walls stand
   * @throws {InitError} what could not be had
   */
  static async boot(socket, boot, onLog) {
    const channel = await Channel.connect(socket, onLog);
    try {
      const stream = channel.open(TYPE.BOOT, (frame) => putBoot(frame, boot));
      const flags = (await within(stream, CALL_MS)).u32();
      return new SandboxInit(channel, flags);
    } catch (error) {
      void channel.end();
      throw error;
    }
  }

  /** Use `boot`. */
  constructor(channel, flags) {
    this.#channel = channel;
    const has = (flag) => (flags & flag) !== 0;
    /** What this sandbox got. */
    this.has = Object.freeze({
      files: has(HAS.FILES),
      network: has(HAS.NETWORK),
      limits: has(HAS.LIMITS),
      freezer: has(HAS.FREEZER),
      users: has(HAS.USERS),
    });
  }

  /** @type {Promise<Error>} when the sandbox is gone, asked or not */
  get closed() {
    return this.#channel.closed;
  }

  /** From now on it does not keep the process from ending. */
  unref() {
    this.#channel.unref();
  }

  /**
   * Ends the sandbox with everything in it.
   * @returns {Promise<number>} sandboxes that did not end in time: 0 or 1
   */
  end() {
    return this.#channel.end();
  }

  /**
   * @param {object} spec
   * @param {string[]} spec.args  the first is looked up in PATH
   * @param {Record<string, string>} spec.env  the whole of it
   * @param {string} spec.cwd
   * @param {string} spec.user
   * @param {boolean} [spec.stdin]  false: /dev/null
   * @param {{ cols: number, rows: number }|null} [spec.pty]  a terminal in place of pipes
   * @param {boolean} [spec.wrapped]  the first four of `args` are a shell that executes the others:
   *   without it where that comes to the same; a PWD in `env` is then set
   * @returns {Promise<InitProcess>} running
   */
  async spawn({ args, env, cwd, user, ...options }) {
    const { stdin = false, pty = null, wrapped = false } = options;
    const flags =
      (stdin ? SPAWN_FLAG.STDIN : 0) |
      (pty ? SPAWN_FLAG.PTY : 0) |
      (wrapped ? SPAWN_FLAG.WRAPPED : 0);
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const fill = (frame) => {
      frame.list(args).list(variables).text(cwd).text(user).u32(flags);
      frame.u32(pty?.cols ?? 0).u32(pty?.rows ?? 0);
    };
    const stream = this.#channel.open(TYPE.SPAWN, fill, null);
    const pid = (await stream.started).u32();
    return new InitProcess(stream, pid, { stdin, pty: pty !== null });
  }

  /** @returns {Promise<InitEntry>} */
  stat(user, path) {
    return this.#entry(TYPE.STAT, (frame) => frame.text(user).text(path));
  }

  /**
   * @param {number} depth  1: the directory's own entries
   * @returns {Promise<InitEntry[]>} in no order; E2BIG past `most`
   */
  async list(user, path, depth, most = MAX_ENTRIES) {
    const entries = [];
    const onFrame = (type, channel, reader) => entries.push(reader.entry());
    const fill = (frame) => frame.text(user).text(path).u32(depth).u32(most);
    await this.#call(TYPE.LIST, fill, onFrame);
    return entries;
  }

  /** @returns {Promise<InitEntry>} with its parents; EEXIST */
  mkdir(user, path) {
    return this.#entry(TYPE.MKDIR, (frame) => frame.text(user).text(path));
  }

  /** @returns {Promise<InitEntry>} */
  move(user, from, to) {
    return this.#entry(TYPE.MOVE, (frame) => frame.text(user).text(from).text(to));
  }

  /** @returns {Promise<void>} with all that is in it; nothing there is well */
  async remove(user, path) {
    await this.#call(TYPE.REMOVE, (frame) => frame.text(user).text(path));
  }

  /** @returns {Promise<InitEntry>} of the joined file; the sources are gone */
  compose(user, sources, destination) {
    return this.#entry(TYPE.COMPOSE, (frame) => frame.text(user).list(sources).text(destination));
  }

  /**
   * @param {{ offset?: number, length?: number }} [range]  default: all
   * @returns {Promise<{ entry: InitEntry, bytes: IncomingBytes }>} regular files only; the bytes
   *   must be read, or their loop left
   */
  async read(user, path, { offset = 0, length = -1 } = {}) {
    const fill = (frame) => frame.text(user).text(path).i64(offset).i64(length);
    const stream = this.#channel.open(TYPE.READ, fill, null);
    const entry = (await stream.started).entry();
    return { entry, bytes: new IncomingBytes(stream) };
  }

  /**
   * @param {Record<string, string>} [metadata]  exactly what the file will have
   * @returns {Promise<{ write: (bytes: Buffer) => Promise<void>, finish: () => Promise<InitEntry>,
   *   abort: () => void }>} open and empty; `write` resolves when there is room for more
   */
  async write(user, path, metadata = {}) {
    const fill = (frame) => frame.text(user).text(path).list(Object.entries(metadata).flat());
    const stream = this.#channel.open(TYPE.WRITE, fill);
    await stream.started;
    return {
      write: (bytes) => stream.send(CHANNEL.BYTES, bytes),
      finish: async () => {
        await stream.sendEnd(CHANNEL.BYTES);
        return (await stream.done).entry();
      },
      abort: () => stream.cancel(),
    };
  }

  /**
   * @param {{ recursive: boolean, entries: boolean, networkMounts: boolean }} options  the last: also
   *   where changes from elsewhere are not seen; else EREMOTE
   * @param {(event: { name: string, type: number, entry: InitEntry|null }) => void} onEvent
   * @returns {Promise<{ close: () => void, closed: Promise<Error|null> }>} watching; `closed`
   *   resolves when the directory is gone
   */
  async watch(user, path, { recursive, entries, networkMounts }, onEvent) {
    const flags =
      (recursive ? WATCH_FLAG.RECURSIVE : 0) |
      (entries ? WATCH_FLAG.ENTRIES : 0) |
      (networkMounts ? WATCH_FLAG.NETWORK : 0);
    const fill = (frame) => frame.text(user).text(path).u32(flags);
    const stream = this.#channel.open(TYPE.WATCH, fill, (type, channel, reader) => {
      const [name, kind, hasEntry] = [reader.text(), reader.u32(), reader.u32()];
      onEvent({ name, type: kind, entry: hasEntry ? reader.entry() : null });
    });
    await stream.started;
    const closed = stream.done.then(
      () => null,
      (error) => error,
    );
    return { close: () => stream.cancel(), closed };
  }

  /** @returns {Promise<PortConnection>} to 127.0.0.1 or ::1 of the sandbox; ECONNREFUSED */
  async connect(port) {
    const stream = this.#channel.open(TYPE.CONNECT, (frame) => frame.u32(port), null);
    await stream.started;
    return new PortConnection(stream);
  }

  /** @returns {Promise<void>} when every process but pid 1 stands still */
  async freeze() {
    await this.#call(TYPE.FREEZE);
  }

  async thaw() {
    await this.#call(TYPE.THAW);
  }

  /**
   * @param {boolean} back  true: the host's network again, false: none, for what is started from now on
   * @returns {Promise<void>} EBUSY while processes run, EPERM where there is no way back
   */
  async isolate(back) {
    await this.#call(TYPE.ISOLATE, (frame) => frame.u32(back ? 1 : 0));
  }

  /** @returns {Promise<void>} when what was written lies in the sandbox's directories */
  async sync() {
    await this.#call(TYPE.SYNC);
  }

  /**
   * @returns {Promise<{ cpuUs: number, memoryBytes: number, cacheBytes: number, diskBytes: number,
   *   processes: number }>} since boot, and now
   */
  async usage() {
    const reader = await this.#call(TYPE.USAGE);
    const [cpuUs, memoryBytes, cacheBytes, diskBytes] = Array.from({ length: 4 }, () =>
      Number(reader.i64()),
    );
    return { cpuUs, memoryBytes, cacheBytes, diskBytes, processes: reader.u32() };
  }

  async #entry(type, fill) {
    return (await this.#call(type, fill)).entry();
  }

  #call(type, fill = () => {}, handler = undefined) {
    return within(this.#channel.open(type, fill, handler), CALL_MS);
  }
}

/** The answer of a stream that has a deadline. */
async function within(stream, timeoutMs) {
  const late = () => stream.cancel(new InitError(ETIMEDOUT, 'wait for pid 1 of the sandbox'));
  const timer = setTimeout(late, timeoutMs);
  timer.unref();
  try {
    return await stream.done;
  } finally {
    clearTimeout(timer);
  }
}

function putBoot(frame, boot) {
  const { memoryBytes = 0, diskBytes = 0, processes = 0, cpuPercent = 0 } = boot.limits ?? {};
  frame
    .text(boot.id)
    .text(boot.hostname)
    .text(boot.directory)
    .text(boot.root ?? '');
  frame.list(boot.layers).list(boot.visible ?? []);
  frame.text(boot.user ?? 'user').text(boot.bootId);
  frame.u32(boot.network === false ? BOOT_FLAG.NO_NETWORK : 0);
  frame.i64(memoryBytes).i64(diskBytes).u32(processes).u32(cpuPercent);
}

module.exports = { MAX_ENTRIES, SandboxInit };
