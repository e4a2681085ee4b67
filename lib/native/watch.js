'use strict';

// Changes in a folder of a sandbox, told as they happen.

const { checkOptions, invalid, show } = require('../options');
const { callbackOf, flagOf } = require('./arguments');
const { broken, envelope, readEnvelopes } = require('./byte-stream');
const { Call } = require('./calls');
const { CONNECTION_KEYS, requestTimeoutOf } = require('./connection');
const { attempt, checkPath, checkSandboxId, DAEMON_PORT } = require('./direct');
const errors = require('../errors');
const { fileInfo } = require('./shapes');

const WATCH_KEYS = ['recursive', 'entries', 'networkMounts', 'user', ...CONNECTION_KEYS];
const DEFAULT_TIMEOUT_MS = 60_000;
const TYPES = {
  EVENT_TYPE_CREATE: 'create',
  EVENT_TYPE_WRITE: 'write',
  EVENT_TYPE_REMOVE: 'remove',
  EVENT_TYPE_RENAME: 'rename',
  EVENT_TYPE_CHMOD: 'chmod',
};

/** A folder that is being watched, in the hands of who asked for it. */
class FileWatcher {
  #call;
  #stopped = false;

  constructor(call, sandboxId, path, ended) {
    this.#call = call;
    this.sandboxId = sandboxId;
    this.path = path;
    /** @type {Promise<void>} resolves when it was stopped, rejects when it broke off */
    this.done = ended.catch((error) => {
      if (!this.#stopped) throw error;
    });
    this.done.catch(() => {}); // nobody needs to listen to it
  }

  /** @returns {Promise<void>} when no event will come any more */
  stop() {
    this.#stopped = true;
    this.#call.cancel();
    return this.done;
  }

  [Symbol.asyncDispose]() {
    return this.stop();
  }
}

/**
 * Watches a folder. Nothing is lost silently: when the daemon cannot keep up, or the connection
 * breaks, `done` rejects.
 *
 * @param {string} sandboxId
 * @param {string} path
 * @param {(event: { name: string, type: 'create'|'write'|'remove'|'rename'|'chmod',
 *   entry: object|null }) => unknown} onEvent `name` is relative to the folder; a promise that it
 *   returns holds the next one back
 * @param {object} [options] recursive (default false), entries (default false: with what is there
 *   after a create, write or chmod, as an item of listE2bFiles), networkMounts (default false: a
 *   folder on one is refused with BAD_REQUEST, since what others do there is not seen), user, and the
 *   connection
 * @returns {Promise<FileWatcher>} as soon as the folder is watched
 */
function watchE2bFiles(sandboxId, path, onEvent, options) {
  return attempt(() => {
    const given = checkOptions(options, WATCH_KEYS, 'watchE2bFiles');
    checkSandboxId(sandboxId);
    if (callbackOf(onEvent, 'onEvent') === null) {
      throw invalid(`onEvent must be a function, not ${show(onEvent)}`);
    }
    const message = { path: checkPath(path) };
    if (flagOf(given.recursive, 'recursive')) message.recursive = true;
    if (flagOf(given.entries, 'entries')) message.includeEntry = true;
    if (flagOf(given.networkMounts, 'networkMounts')) message.allowNetworkMounts = true;
    const timeoutMs = requestTimeoutOf(given) ?? DEFAULT_TIMEOUT_MS;
    const pingSeconds = Math.max(1, Math.floor(timeoutMs / 2_000));
    const call = new Call(given, watchE2bFiles, sandboxId, () => undefined);
    const request = {
      what: 'watching the folder',
      method: 'POST',
      path: '/filesystem.Filesystem/WatchDir',
      port: DAEMON_PORT,
      contentType: 'application/connect+json',
      headers: ['Connect-Protocol-Version: 1', `Keepalive-Ping-Interval: ${pingSeconds}`],
      user: given.user,
      idempotent: true,
      stream: true,
    };
    return new Promise((resolve, reject) => {
      let ended = null;
      readEnvelopes(call, (event, isLast) => {
        if (isLast) throw endOf(event, sandboxId);
        if (event.start) resolve(new FileWatcher(call, sandboxId, path, ended));
        return event.filesystem ? onEvent(toEvent(event.filesystem)) : undefined;
      });
      const body = envelope(message);
      ended = call.enter(call.begin().direct(sandboxId, request, body, call.record)).then(() => {
        throw broken('a watch that just ended');
      });
      ended.catch(reject);
    });
  });
}

function toEvent({ name, type, entry }) {
  return { name, type: TYPES[type] ?? null, entry: entry == null ? null : fileInfo(entry) };
}

const CLASSES = {
  not_found: ['NotFoundError', 'NOT_FOUND'],
  invalid_argument: ['InvalidArgumentError', 'BAD_REQUEST'],
  unauthenticated: ['AuthenticationError', 'UNAUTHENTICATED'],
};

/** Why the daemon ended the stream; it never does of itself. */
function endOf({ error }, sandboxId) {
  const [className, code] = CLASSES[error?.code] ?? ['ServerError', 'SERVER_ERROR'];
  const text = error?.message ?? 'the daemon ended it';
  return new errors[className](`watching the folder failed: ${text}`, {
    code,
    outcome: 'rejected',
    retryable: false,
    sandboxId,
    serverCode: error?.code ?? null,
  });
}

module.exports = { watchE2bFiles };
