'use strict';

// Answers of executions that were asked for before (EXE-01). The key is a SHA-256 over code and
// parameters in an encoding in which no two different pairs look the same. Kept: what succeeded, for
// `ttlMs` after it ended, as frozen copies of plain values. Never kept: failures, code that says it is
// not deterministic, values that are not plain. Equal executions at one time are one. Sends nothing
// itself; bounded by entries and bytes, the least recently used goes first.

const { createHash } = require('node:crypto');
const { checkNumber, checkOptions, checkString, invalid, show } = require('../options');

const DEFAULTS = Object.freeze({ ttlMs: 300_000, maxEntries: 1000, maxBytes: 64 * 1024 * 1024 });
const ASK_KEYS = ['code', 'params', 'scope', 'deterministic'];
const MAX_DEPTH = 64;
/** In a comment of the code: its answer may be another one the next time. */
const NOT_DETERMINISTIC = /e2b-swarm:\s*non-deterministic\b/;

/** A finished execution that may be served again. */
const succeeded = (result) =>
  result !== null &&
  typeof result === 'object' &&
  result.timedOut !== true &&
  result.success !== false &&
  (result.exitCode === undefined || result.exitCode === 0);

class ExecutionCache {
  #options;
  #clock;
  #onHit;
  #entries = new Map();
  #running = new Map();
  #bytes = 0;
  #stats = { hits: 0, misses: 0, shared: 0, bypassed: 0, evicted: 0, expired: 0, savedMs: 0 };

  /**
   * @param {{ ttlMs?: number, maxEntries?: number, maxBytes?: number }} [options] 300,000 ms, 1,000,
   *   64 MiB
   * @param {{ clock: object, onHit?: (durationMs: number) => void }} how `onHit` hears how long the
   *   execution took that was spared (0: unknown)
   */
  constructor(options, { clock, onHit = () => {} }) {
    const given = checkOptions(options, Object.keys(DEFAULTS), 'the execution cache');
    this.#options = { ...DEFAULTS, ...given };
    for (const [key, value] of Object.entries(this.#options)) checkNumber(value, key, { min: 0 });
    this.#clock = clock;
    this.#onHit = onHit;
  }

  /** Counters since the beginning, and what is kept now. `savedMs`: run time that hits spared. */
  get stats() {
    return { ...this.#stats, entries: this.#entries.size, bytes: this.#bytes };
  }

  /**
   * The answer of an execution: kept, shared with an equal one that runs, or fresh.
   *
   * @template T
   * @param {{ code: string, params?: unknown, scope?: string, deterministic?: boolean }} ask `scope`:
   *   what else decides the answer (template, user, ...); `deterministic: false` is always run
   * @param {(signal: AbortSignal) => Promise<T>} execute aborted when nobody waits any more
   * @param {AbortSignal} [signal] this caller stops waiting
   * @returns {Promise<T>} an answer that may be kept is frozen; what rejects is never kept
   */
  async run(ask, execute, signal) {
    signal?.throwIfAborted();
    const { code, deterministic = true } = checkOptions(ask, ASK_KEYS, 'an execution');
    checkString(code, 'code');
    if (!deterministic || NOT_DETERMINISTIC.test(code)) {
      this.#stats.bypassed++;
      return execute(signal ?? new AbortController().signal);
    }
    const key = executionKey(ask);
    const entry = this.#fresh(key);
    if (entry !== null) return this.#hit(entry);
    return this.#join(key, execute, signal);
  }

  /** Forgets everything that is kept. */
  clear() {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #hit({ result, durationMs }) {
    this.#stats.hits++;
    this.#stats.savedMs += durationMs;
    this.#onHit(durationMs);
    return result;
  }

  #fresh(key) {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    this.#entries.delete(key);
    if (this.#clock.steady() - entry.atMs >= this.#options.ttlMs) {
      this.#bytes -= entry.bytes;
      this.#stats.expired++;
      return null;
    }
    this.#entries.set(key, entry); // the most recently used is the last
    return entry;
  }

  #join(key, execute, signal) {
    let flight = this.#running.get(key);
    if (flight === undefined) {
      this.#stats.misses++;
      flight = { waiting: 0, controller: new AbortController() };
      this.#running.set(key, flight);
      flight.promise = this.#execute(key, flight, execute);
      flight.promise.catch(() => {}); // everybody may have gone
    } else {
      this.#stats.shared++;
    }
    return this.#wait(key, flight, signal);
  }

  async #execute(key, flight, execute) {
    const startedMs = this.#clock.steady();
    try {
      const result = await execute(flight.controller.signal);
      return this.#keep(key, result, this.#clock.steady() - startedMs);
    } finally {
      if (this.#running.get(key) === flight) this.#running.delete(key);
    }
  }

  #keep(key, result, elapsedMs) {
    if (!succeeded(result)) return result;
    const copy = plainCopy(result);
    if (copy === null || copy.bytes > this.#options.maxBytes) return result;
    const durationMs = Number.isFinite(result.durationMs) ? result.durationMs : elapsedMs;
    const entry = { result: copy.value, bytes: copy.bytes, durationMs, atMs: this.#clock.steady() };
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    while (this.#entries.size > this.#options.maxEntries || this.#bytes > this.#options.maxBytes) {
      const [oldest, { bytes }] = this.#entries.entries().next().value;
      this.#entries.delete(oldest);
      this.#bytes -= bytes;
      this.#stats.evicted++;
    }
    return copy.value;
  }

  async #wait(key, flight, signal) {
    flight.waiting++;
    let onAbort;
    const aborted = new Promise((_, reject) => {
      onAbort = () => reject(signal.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([flight.promise, aborted]);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      flight.waiting--;
      if (flight.waiting === 0 && signal?.aborted && this.#running.get(key) === flight) {
        this.#running.delete(key); // whoever comes now starts anew
        flight.controller.abort(signal.reason);
      }
    }
  }
}

/**
 * The key of an execution: a SHA-256 in hex. Every part carries its kind and its length, object keys are
 * sorted, and 1, '1', true, null, [1] and { 0: 1 } are all different.
 *
 * @throws {InvalidArgumentError} params that are not plain values
 */
function executionKey({ code, params, scope = '' }) {
  const hash = createHash('sha256');
  const text = (kind, value) => {
    const bytes = Buffer.from(value, 'utf8');
    hash.update(`${kind}${bytes.length}:`).update(bytes);
  };
  const visit = (value, depth) => {
    if (depth > MAX_DEPTH) throw invalid(`params are nested more than ${MAX_DEPTH} deep`);
    if (typeof value === 'string') text('s', value);
    else if (typeof value === 'number') text('n', Object.is(value, -0) ? '-0' : `${value}`);
    else if (typeof value === 'bigint') text('i', `${value}`);
    else if (value == null || typeof value === 'boolean') text('c', `${value}`);
    else if (ArrayBuffer.isView(value)) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      hash.update(`b${value.constructor.name}:${bytes.length}:`).update(bytes);
    } else if (Array.isArray(value)) {
      hash.update(`a${value.length}:`);
      for (const item of value) visit(item, depth + 1);
    } else if (isPlain(value)) {
      const keys = Object.keys(value).sort();
      hash.update(`o${keys.length}:`);
      for (const key of keys) {
        text('k', key);
        visit(value[key], depth + 1);
      }
    } else {
      throw invalid(`params must be plain values to be cached, not ${show(value)}`);
    }
  };
  text('S', checkScope(scope));
  text('C', code);
  visit(params, 0);
  return hash.digest('hex');
}

function checkScope(scope) {
  if (typeof scope === 'string') return scope;
  throw invalid(`scope must be a string, not ${show(scope)}`);
}

function isPlain(value) {
  if (value === null || typeof value !== 'object') return false;
  const prototype = Object.getPrototypeOf(value);
  // By name too: an object of another realm is as plain (jest, vm).
  return prototype === null || prototype.constructor?.name === 'Object';
}

/** @returns {{ value: unknown, bytes: number }|null} frozen to the bottom; null: not plain */
function plainCopy(value, depth = 0) {
  if (typeof value === 'string') return { value, bytes: value.length * 2 + 16 };
  if (value == null || typeof value === 'number' || typeof value === 'boolean') {
    return { value, bytes: 16 };
  }
  if (depth > MAX_DEPTH || !(Array.isArray(value) || isPlain(value))) return null;
  let bytes = 32;
  const copy = Array.isArray(value) ? [] : {};
  for (const [key, item] of Object.entries(value)) {
    const inner = plainCopy(item, depth + 1);
    if (inner === null) return null;
    bytes += inner.bytes + key.length * 2;
    Object.defineProperty(copy, key, { value: inner.value, enumerable: true });
  }
  return { value: Object.freeze(copy), bytes };
}

module.exports = { ExecutionCache, executionKey };
