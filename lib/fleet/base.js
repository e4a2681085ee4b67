'use strict';

// What every part of the fleet works with, below the sandboxes themselves: configuration, clock,
// ledger, statistics, events, the one way to call the far end (through the guard), the one way to
// report a failure, and what is under way. Knows no member of the fleet.

const { setMaxListeners } = require('node:events');
const { isNativeError } = require('node:util/types');
const { decision } = require('../debug');
const { ClosedError, E2bError, messageOf } = require('../errors');
const { Guard, policyConfig } = require('../policy/guard');
const { cancelled } = require('./give-up');
const { Ledger } = require('./ledger');
const { Pool } = require('./pool');
const { Purse } = require('./purse');
const { failure } = require('./results');
const { Stats } = require('./stats');

/** Breaker, throttle and retry budget are kept by class. */
const CLASS_OF = {
  ...{ create_sandbox: 'create', terminate_sandbox: 'terminate', renew: 'renew' },
  ...{ find_sandbox: 'look', list_sandboxes: 'look', get_status: 'look' },
  ...{ deploy_agent: 'execute', execute_strategy: 'execute' },
};

/** The note in the store that keeps the state of the breakers over a restart. */
const GUARD_NOTE = 'guard';

class Base {
  /** Told when an idle sandbox was taken. */
  handedOut = () => {};
  #emit;
  #native = null;
  #pending = new Map();
  #stopping = new AbortController();
  #aborting = new AbortController();
  #isSaving = false;
  #saveAgain = false;

  /**
   * @param {import('./config').ManagerConfig} config
   * @param {(name: string, payload?: object) => void} emit must not throw
   */
  constructor(config, emit) {
    this.config = config;
    this.clock = config.clock;
    this.pool = new Pool();
    this.#emit = emit;
    this.ledger = new Ledger({
      ...{ store: config.store, owner: config.owner },
      ...{ clock: config.clock, identity: config.identity, opened: () => this.#restore() },
    });
    this.stats = new Stats(this.pool);
    this.guard = new Guard({
      clock: config.clock,
      config: policyConfig({ retry: config.get('retry'), breaker: config.get('breaker') }),
      onEvent: (name, facts) => {
        this.emit(name, facts);
        if (/^(breaker|ejection):/.test(name)) this.#save();
      },
    });
    const tell = (...event) => this.emit(...event);
    this.purse = new Purse({ config, ledger: this.ledger, emit: tell });
    // Each call under way listens once.
    setMaxListeners(0, this.stopping, this.aborting);
  }

  // What the breakers knew when the process before this one ended. Lost, it is learnt again.
  async #restore() {
    const note = await this.ledger.store.note(this.ledger.owner, GUARD_NOTE).catch(() => null);
    if (note !== null) this.guard.restore(note.value);
  }

  // The last writer wins: each manager writes what it has seen of the same far end.
  #save() {
    if (this.ledger.store.durability === 'process' || !this.ledger.isOpen) return;
    this.#saveAgain = true;
    if (!this.#isSaving) this.track(this.#write(), 'watch');
  }

  async #write() {
    this.#isSaving = true;
    while (this.#saveAgain) {
      this.#saveAgain = false;
      try {
        const note = await this.ledger.note(GUARD_NOTE);
        await this.ledger.putNote(GUARD_NOTE, note?.version ?? 0, this.guard.state());
      } catch {
        break; // a convenience: what is not saved is learnt again
      }
    }
    this.#isSaving = false;
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
    this.#stopping.abort(this.closedError());
  }

  abortCalls() {
    this.#aborting.abort(this.closedError());
  }

  /** @throws {ClosedError} after shutdown began */
  checkOpen() {
    if (this.closed) throw this.closedError();
  }

  /** What a call is told that comes, or still waits, after shutdown began. */
  closedError() {
    return new ClosedError('the manager was shut down');
  }

  /**
   * The options of a native call: the connection, and what this call adds.
   *
   * @param {object} [extra]
   * @param {string} [backend] default: the first
   */
  options(extra, backend = this.config.backends[0]) {
    return { ...this.config.connection(backend), signal: this.aborting, ...extra };
  }

  /** Where the sandbox of a row is, or was to be. */
  backendOf({ data }) {
    return data.backend ?? this.config.backends[0];
  }

  /** The deadline of a request that must not take longer than `mostMs`, whatever is configured. */
  deadlineMs(mostMs) {
    return Math.min(this.config.get('requestTimeoutMs') ?? mostMs, mostMs);
  }

  /**
   * The one way to call the far end: through the breaker and the throttle, again as long as the error
   * says that this is safe and the retry budget allows it.
   *
   * @param {string} type of the operation, for the event; it says which class of calls it is
   * @param {string|null} sandboxId
   * @param {(attempt: number) => Promise} operation
   * @param {object} [how] signal: ends a wait between attempts (default: shutdown does; null: nothing
   *   does); and retryIf, judge, look, key of the guard's call
   */
  retry(type, sandboxId, operation, { signal = this.stopping, ...how } = {}) {
    const call = {
      ...{ type, class: CLASS_OF[type], sandboxId, signal: signal ?? undefined },
      backend: this.config.backends[0],
      ...{ attempts: this.config.get('retryAttempts'), baseMs: this.config.get('retryDelay') },
      ...how,
    };
    return this.guard.call(call, (attempt) => {
      this.purse.meter.calls(sandboxId);
      return operation(attempt);
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

  /** @returns {Promise} of `work`, unless the signal gives it up first */
  async unless(signal, work) {
    if (!signal) return work;
    let onAbort;
    const givenUp = new Promise((resolve, reject) => {
      onAbort = () => reject(cancelled(signal, 'not-sent'));
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([work, givenUp]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
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

module.exports = { Base };
