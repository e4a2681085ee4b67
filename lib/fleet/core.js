'use strict';

// What every part of the fleet works with: configuration, pool, statistics, events, the one way to
// call the native functions (with retries), the one way to report a failure, the one way to end a
// sandbox. It decides no policy of its own. Order everywhere: state, then event, then promise.

const { setMaxListeners } = require('node:events');
const { isNativeError } = require('node:util/types');
const { decision } = require('../debug');
const { ClosedError, E2bError, messageOf } = require('../errors');
const { Limiter } = require('../policy/limiter');
const { retry } = require('../policy/retry');
const { Pool } = require('./pool');
const { failure } = require('./results');
const { Stats } = require('./stats');

class FleetCore {
  #emit;
  #native = null;
  #pending = new Map();
  #stopping = new AbortController();
  #aborting = new AbortController();

  /**
   * @param {import('./config').ManagerConfig} config
   * @param {(name: string, payload?: object) => void} emit must not throw
   */
  constructor(config, emit) {
    this.config = config;
    this.clock = config.clock;
    this.pool = new Pool(() => config.get('maxPoolSize'));
    this.stats = new Stats(this.pool);
    this.creations = new Limiter(() => config.get('maxConcurrentCreations'));
    this.#emit = emit;
    // Each call under way listens once.
    setMaxListeners(0, this.stopping, this.aborting);
  }

  /** The native functions; loaded at the first use, so that `require` stays light. */
  get native() {
    this.#native ??= this.config.native ?? require('../native');
    return this.#native;
  }

  /** Aborted when shutdown begins: waits end, nothing new starts. */
  get stopping() {
    return this.#stopping.signal;
  }

  /** Aborted when shutdown's grace is over: calls in flight end too. */
  get aborting() {
    return this.#aborting.signal;
  }

  get closed() {
    return this.#stopping.signal.aborted;
  }

  beginStop() {
    this.#stopping.abort(closedError());
  }

  abortCalls() {
    this.#aborting.abort(closedError());
  }

  /** @throws {ClosedError} after shutdown began */
  checkOpen() {
    if (this.closed) throw closedError();
  }

  /** The options of a native call: the connection, and what this call adds. */
  options(extra) {
    return { ...this.config.connection(), signal: this.aborting, ...extra };
  }

  /** The deadline of a request that must not take longer than `mostMs`, whatever is configured. */
  deadlineMs(mostMs) {
    return Math.min(this.config.get('requestTimeoutMs') ?? mostMs, mostMs);
  }

  /**
   * Calls `operation` again as long as its error says that this is safe.
   *
   * @param {string} type of the operation, for the event
   * @param {string|null} sandboxId
   * @param {(attempt: number) => Promise} operation
   * @param {object} [how]
   * @param {AbortSignal|null} [how.signal] ends a wait between attempts; default: shutdown does
   * @param {(error: unknown) => boolean} [how.retryIf] default: the error says so
   */
  retry(type, sandboxId, operation, { signal = this.stopping, retryIf } = {}) {
    return retry(operation, {
      attempts: this.config.get('retryAttempts'),
      baseMs: this.config.get('retryDelay'),
      clock: this.clock,
      signal,
      retryIf,
      onRetry: ({ attempt, delayMs, error }) => {
        const facts = { type, sandboxId, attempt, delayMs, code: error.code };
        decision('retry', facts);
        this.emit('retry:scheduled', facts);
      },
    });
  }

  emit(name, payload) {
    this.#emit(name, payload);
  }

  /**
   * An operation failed: counts it, tells it, and answers the result that says so.
   *
   * @param {string} type 'create_sandbox', 'deploy_agent', ...
   * @param {unknown} thrown
   * @param {string|null} [sandboxId]
   */
  fail(type, thrown, sandboxId = null) {
    const error = isNativeError(thrown) ? thrown : new E2bError(messageOf(thrown));
    this.stats.add('errors');
    if (this.pool.has(sandboxId)) this.pool.get(sandboxId).errorCount++;
    const result = failure(error, typeof sandboxId === 'string' ? sandboxId : null);
    decision('failure', { type, sandboxId: result.sandboxId, code: result.code });
    this.emit('error', { type, sandboxId: result.sandboxId ?? null, error });
    return result;
  }

  /** Enters a sandbox into the fleet: state, statistics, event. */
  admit(member, place) {
    place.fill(member);
    this.stats.add('sandboxesCreated');
    this.emit('sandbox:created', member.record());
  }

  /**
   * Ends a sandbox for good; already gone is a success. One request at a time for each sandbox.
   * Goes on during shutdown: ending things is what shutdown is for.
   *
   * @param {Member} member
   * @param {string} reason 'cleanup', 'recovery', 'shutdown' or 'gone'
   * @param {object} [how] { keepPlace: answer a place for a replacement, attempts, options }
   * @returns {Promise<object|null>} the place
   */
  async terminate(member, reason, { keepPlace = false, options } = {}) {
    const ending = (member.ending ??= { done: this.#end(member.id, options), from: member.status });
    member.status = reason === 'recovery' ? 'recovering' : 'terminating';
    try {
      await ending.done;
    } catch (error) {
      // Several may have waited for it: back to what was before the first of them.
      if (member.ending === ending) {
        member.ending = null;
        member.status = ending.from;
      }
      throw error;
    }
    return this.dismiss(member, reason, keepPlace);
  }

  #end(sandboxId, options) {
    const how = this.options({ ...options, signal: undefined });
    const ask = () => this.native.terminateE2bSandbox(sandboxId, true, how);
    return this.retry('terminate_sandbox', sandboxId, ask, { signal: null });
  }

  /** Takes a sandbox that has ended out of the fleet; the second of two callers changes nothing. */
  dismiss(member, reason, keepPlace = false) {
    if (!this.pool.has(member.id)) return null;
    const place = keepPlace ? this.pool.removeKeepingPlace(member) : null;
    if (!keepPlace) this.pool.remove(member);
    member.status = 'terminated';
    this.stats.add('sandboxesDestroyed');
    this.emit('sandbox:terminated', { sandboxId: member.id, reason });
    return place;
  }

  /**
   * Remembers what is under way, so that shutdown can wait for it.
   *
   * @param {Promise} promise that does not reject
   * @param {'work'|'watch'} kind a watch (of an agent) ends when its sandbox does: no grace for it
   */
  track(promise, kind = 'work') {
    this.#pending.set(promise, kind);
    promise.finally(() => this.#pending.delete(promise));
    return promise;
  }

  /** Resolves when nothing of the kind is left under way. */
  async settled(kinds = ['work', 'watch']) {
    for (;;) {
      const left = [...this.#pending].filter(([, kind]) => kinds.includes(kind));
      if (left.length === 0) return;
      await Promise.all(left.map(([promise]) => promise));
    }
  }
}

function closedError() {
  return new ClosedError('the manager was shut down');
}

module.exports = { FleetCore };
