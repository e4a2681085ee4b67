// What of one sandbox's directories is being watched, as a stream (WatchDir) or to be asked for
// (CreateWatcher, GetWatcherEvents, RemoveWatcher). Bounded: who does not fetch his events is told so.
'use strict';

const { randomUUID } = require('node:crypto');
const { RpcError, parseTimeoutMs } = require('./connect-rpc');
const { entryInfo } = require('./entry-info');
const { EventStream } = require('./event-stream');
const { fileError } = require('./file-error');
const { EVENT_TYPE } = require('./init/wire');

const MAX_WATCHERS = 1_000; // that are asked, of one sandbox
const MAX_WAITING = 10_000; // events that nobody has fetched
const MAX_TIMER_MS = 0x7fffffff;
const KEEPALIVE = '{"keepalive":{}}';

const TYPE_TEXT = {
  [EVENT_TYPE.CREATED]: 'EVENT_TYPE_CREATE',
  [EVENT_TYPE.WRITTEN]: 'EVENT_TYPE_WRITE',
  [EVENT_TYPE.REMOVED]: 'EVENT_TYPE_REMOVE',
  [EVENT_TYPE.RENAMED]: 'EVENT_TYPE_RENAME',
  [EVENT_TYPE.CHMODDED]: 'EVENT_TYPE_CHMOD',
};

class Watchers {
  #sandbox;
  #byId = new Map();
  #streams = new Set();

  /** @param {import('./sandbox').Sandbox} sandbox */
  constructor(sandbox) {
    this.#sandbox = sandbox;
  }

  /**
   * @param {string} path
   * @param {object} message  WatchDirRequest
   * @param {{ user: string, headers: object }} call
   * @returns {Promise<EventStream>}
   */
  async stream(path, message, { user, headers }) {
    const timeoutMs = parseTimeoutMs(headers);
    let watch = null;
    let timer = null;
    let waiting = 0; // events sent since the client had enough
    const stream = new EventStream({
      headers,
      keepalive: KEEPALIVE,
      onDrain: () => {
        waiting = 0;
      },
      onClose: () => end(),
    });
    const end = (error) => {
      clearTimeout(timer);
      watch?.close();
      this.#streams.delete(stream);
      if (!stream.closed) stream.finish(error);
    };
    const onEvent = (event) => {
      if (!stream.send(JSON.stringify({ filesystem: toEvent(event) }))) waiting += 1;
      if (waiting > MAX_WAITING) end(tooMany(path));
    };
    stream.send('{"start":{}}');
    watch = await this.#watch(path, message, user, onEvent);
    this.#streams.add(stream);
    void watch.closed.then((error) => end(error ? watchError(error, path) : undefined));
    if (timeoutMs !== null) {
      const late = { code: 'deadline_exceeded', message: 'context deadline exceeded' };
      timer = setTimeout(() => end(late), Math.min(timeoutMs, MAX_TIMER_MS));
      timer.unref();
    }
    return stream;
  }

  /** @returns {Promise<string>} the watcher's id */
  async create(path, message, user) {
    if (this.#byId.size >= MAX_WATCHERS) {
      throw new RpcError('resource_exhausted', `the sandbox has ${MAX_WATCHERS} watchers already`);
    }
    const watcher = { events: [], error: null, close: () => {} };
    const id = randomUUID();
    this.#byId.set(id, watcher);
    try {
      const watch = await this.#watch(path, message, user, (event) => {
        if (watcher.events.length < MAX_WAITING) watcher.events.push(toEvent(event));
        else watcher.error ??= tooMany(path);
      });
      watcher.close = watch.close;
      void watch.closed.then((error) => {
        if (error) watcher.error ??= watchError(error, path);
      });
      return id;
    } catch (error) {
      this.#byId.delete(id);
      throw error;
    }
  }

  /**
   * @returns {object[]} the events since the last call
   * @throws {RpcError} once, when some are lost, or when the directory is gone
   */
  take(id) {
    const watcher = this.#find(id);
    const { events, error } = watcher;
    watcher.events = [];
    if (events.length > 0 || !error) return events;
    watcher.error = null;
    throw error;
  }

  remove(id) {
    this.#find(id).close();
    this.#byId.delete(id);
  }

  dispose() {
    for (const { close } of this.#byId.values()) close();
    this.#byId.clear();
    for (const stream of this.#streams) stream.close();
  }

  #find(id) {
    const watcher = this.#byId.get(id);
    if (watcher) return watcher;
    throw new RpcError('not_found', `watcher with id ${id} not found`);
  }

  async #watch(path, { recursive, includeEntry, allowNetworkMounts }, user, onEvent) {
    const options = {
      recursive: recursive === true,
      entries: includeEntry === true,
      networkMounts: allowNetworkMounts === true,
    };
    try {
      return await this.#sandbox.init.watch(user, path, options, onEvent);
    } catch (error) {
      throw watchError(error, path);
    }
  }
}

/** FilesystemEvent; `entry` only where it says something of what is there now. */
function toEvent({ name, type, entry }) {
  return { name, type: TYPE_TEXT[type], ...(entry ? { entry: entryInfo(entry) } : {}) };
}

function watchError(error, path) {
  const turned = fileError(error);
  if (turned.code === 'not_found') return new RpcError('not_found', `path ${path} not found`);
  if (error.code !== 'ENOTDIR') return turned;
  return new RpcError('invalid_argument', `path ${path} not a directory`);
}

function tooMany(path) {
  const text = `more than ${MAX_WAITING} events of ${path} were not fetched; some are lost`;
  return new RpcError('resource_exhausted', text);
}

module.exports = { MAX_WAITING, Watchers };
