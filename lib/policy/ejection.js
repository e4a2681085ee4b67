'use strict';

// Outlier ejection (after Envoy's): a key (a template, a backend) whose calls keep failing while others
// work is left alone for a while, so that creating from it over and over neither empties the fleet nor
// opens the breaker for everybody else. Never so many that nothing would be left: at most a tenth of
// the known keys, but at least one, and the only known key never. No timers: ends are seen when asked.

const { ServerError } = require('../errors');

const EJECTION_DEFAULTS = Object.freeze({
  failures: 5,
  ejectMs: 30_000,
  maxEjectMs: 300_000,
  maxShare: 0.1,
  panicShare: 0.5,
});
/** Keys that are remembered; the least recently used is forgotten first. */
const MAX_KEYS = 1000;
/** Of those that are not ejected, so many are saved: to know that there are others. */
const MAX_SAVED = 100;

class Ejection {
  #clock;
  #numbers;
  #onChange;
  /** key -> { failures in a row, times ejected, ejected, untilMs: end of the latest ejection } */
  #keys = new Map();

  /**
   * @param {object} parts
   * @param {object} parts.clock
   * @param {Partial<typeof EJECTION_DEFAULTS>} [parts.numbers]
   * @param {(name: 'ejected'|'returned', facts: { key: string }) => void} [parts.onChange] must not throw
   */
  constructor({ clock, numbers, onChange = () => {} }) {
    this.#clock = clock;
    this.#numbers = { ...EJECTION_DEFAULTS, ...numbers };
    this.#onChange = onChange;
  }

  /** @returns {string[]} the keys that are ejected at this moment */
  get ejected() {
    return [...this.#keys].filter(([key]) => this.#isOut(key)).map(([key]) => key);
  }

  /** @returns {boolean} whether the key counts among those of which a share may be ejected */
  knows(key) {
    return this.#keys.has(key);
  }

  /** Panic: so many are ejected that it is rather the world than they; then all are let through. */
  get panic() {
    return this.ejected.length > this.#keys.size * this.#numbers.panicShare;
  }

  /**
   * May a call go to this key now? Makes the key known.
   *
   * @returns {ServerError|null} EJECTED, retryAfterMs until its return
   */
  refusal(key) {
    const entry = this.#entry(key);
    if (!this.#isOut(key) || this.panic) return null;
    const fields = { code: 'EJECTED', outcome: 'not-sent', retryable: true };
    return new ServerError(`not sent: '${key}' has failed ${entry.streak} times in a row`, {
      ...fields,
      retryAfterMs: Math.ceil(entry.untilMs - this.#clock.steady()),
    });
  }

  /** A call to the key has ended well, or with a "no" that is no fault of the far end. */
  success(key) {
    this.#entry(key).failures = 0;
  }

  /** A call to the key has failed. */
  failure(key) {
    const entry = this.#entry(key);
    entry.failures++;
    if (this.#isOut(key) || entry.failures < this.#numbers.failures || !this.#room()) return;
    this.#eject(key, entry);
  }

  toJSON() {
    const steady = this.#clock.steady();
    const keys = this.ejected.map((key) => {
      const { times, streak, untilMs } = this.#keys.get(key);
      return { key, times, streak, leftMs: Math.ceil(untilMs - steady) };
    });
    const known = [...this.#keys.keys()].slice(-MAX_SAVED);
    return { keys, known, savedAtMs: this.#clock.now() };
  }

  /** Takes over what toJSON gave; tells nobody. Entries that are none are left out. */
  restore(saved) {
    const elapsedMs = Math.max(0, this.#clock.now() - (saved?.savedAtMs ?? NaN));
    if (!Number.isFinite(elapsedMs) || !Array.isArray(saved.keys)) return;
    for (const key of Array.isArray(saved.known) ? saved.known : []) this.#entry(String(key));
    for (const { key, times, streak, leftMs } of saved.keys) {
      if (![times, streak, leftMs].every(Number.isFinite)) continue;
      const restMs = Math.min(leftMs - elapsedMs, this.#numbers.maxEjectMs);
      if (restMs <= 0) continue;
      const untilMs = this.#clock.steady() + restMs;
      Object.assign(this.#entry(String(key)), { times, streak, out: true, untilMs });
    }
  }

  #eject(key, entry) {
    const { ejectMs, maxEjectMs } = this.#numbers;
    const now = this.#clock.steady();
    // Each ejection's length without trouble takes one back from what has been collected.
    const forgiven = Math.floor((now - entry.untilMs) / ejectMs);
    entry.times = Math.max(0, entry.times - Math.max(0, forgiven)) + 1;
    const forMs = Math.min(maxEjectMs, ejectMs * entry.times);
    entry.streak = entry.failures;
    entry.failures = 0;
    entry.out = true;
    entry.untilMs = now + forMs;
    this.#onChange('ejected', { key, forMs, times: entry.times, failures: entry.streak });
  }

  #room() {
    const known = this.#keys.size;
    if (known < 2) return false;
    const most = Math.max(1, Math.floor(known * this.#numbers.maxShare));
    return this.ejected.length < most;
  }

  #isOut(key) {
    const entry = this.#keys.get(key);
    if (!entry.out || this.#clock.steady() < entry.untilMs) return entry.out;
    entry.out = false;
    this.#onChange('returned', { key });
    return false;
  }

  #entry(key) {
    let entry = this.#keys.get(key);
    if (entry === undefined) {
      entry = { failures: 0, streak: 0, times: 0, out: false, untilMs: -Infinity };
      if (this.#keys.size >= MAX_KEYS) this.#keys.delete(this.#keys.keys().next().value);
    } else {
      this.#keys.delete(key);
    }
    this.#keys.set(key, entry);
    return entry;
  }
}

module.exports = { Ejection, EJECTION_DEFAULTS };
