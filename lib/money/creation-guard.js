'use strict';

// Keeps a fleet from re-creating for ever what dies at once (a template whose start command fails, an
// image that runs out of memory): each early death of a kind of sandbox takes a token from that kind's
// bucket, and when it is empty the next replacement waits until one has flowed back. A sandbox that
// lives long enough gives one back. Pure: no timers, the caller waits. Bounded: so many kinds.

const { checkNumber, checkOptions } = require('../options');

const DEFAULTS = Object.freeze({ shortLifeMs: 60_000, burst: 5, refillMs: 60_000 });
const MAX_KINDS = 1000;

class CreationGuard {
  #options;
  #clock;
  #onThrottled;
  #buckets = new Map();

  /**
   * @param {{ shortLifeMs?: number, burst?: number, refillMs?: number }} [options] who lived less than
   *   60,000 ms died early; 5 early deaths are free; one token flows back per 60,000 ms
   * @param {{ clock: object, onThrottled?: (facts: object) => void }} how `onThrottled` hears
   *   { fingerprint, waitMs, earlyDeaths } when a kind begins to be held back, not at each death
   */
  constructor(options, { clock, onThrottled = () => {} }) {
    const given = checkOptions(options, Object.keys(DEFAULTS), 'creationGuard');
    this.#options = { ...DEFAULTS, ...given };
    checkNumber(this.#options.shortLifeMs, 'creationGuard.shortLifeMs', { min: 0 });
    checkNumber(this.#options.burst, 'creationGuard.burst', { min: 1, max: 1000 });
    checkNumber(this.#options.refillMs, 'creationGuard.refillMs', { min: 1 });
    this.#clock = clock;
    this.#onThrottled = onThrottled;
  }

  /**
   * A sandbox ended that nobody ended: it expired early, was killed or vanished. Each early death gets
   * a slot of its own for its replacement, so that many deaths at once are not many creates at once.
   *
   * @param {string} fingerprint of its create spec
   * @param {number} livedMs
   * @returns {number} ms to wait before it is replaced
   */
  died(fingerprint, livedMs) {
    const bucket = this.#bucket(fingerprint);
    if (livedMs >= this.#options.shortLifeMs) {
      // This kind can live: what it owed is forgiven.
      bucket.tokens = Math.min(this.#options.burst, Math.max(0, bucket.tokens) + 1);
      this.#keep(fingerprint, bucket);
      return 0;
    }
    bucket.tokens--;
    bucket.earlyDeaths++;
    const waitMs = this.#waitOf(bucket);
    const begins = waitMs > 0 && !bucket.isThrottled;
    bucket.isThrottled = waitMs > 0;
    this.#keep(fingerprint, bucket);
    if (begins) this.#onThrottled({ fingerprint, waitMs, earlyDeaths: bucket.earlyDeaths });
    return waitMs;
  }

  /** How long until a kind is not held back any more; 0: it is not. */
  waitMs(fingerprint) {
    return this.#waitOf(this.#bucket(fingerprint));
  }

  #waitOf({ tokens }) {
    return tokens >= 0 ? 0 : Math.ceil(-tokens * this.#options.refillMs);
  }

  /** @returns {{ fingerprint: string, waitMs: number, earlyDeaths: number }[]} who is held back */
  held() {
    return [...this.#buckets.keys()]
      .map((fingerprint) => {
        const { earlyDeaths } = this.#bucket(fingerprint);
        return { fingerprint, waitMs: this.waitMs(fingerprint), earlyDeaths };
      })
      .filter(({ waitMs }) => waitMs > 0);
  }

  // A copy as it is now; a full one is not kept at all.
  #bucket(fingerprint) {
    const nowMs = this.#clock.steady();
    const kept = this.#buckets.get(fingerprint);
    const { burst, refillMs } = this.#options;
    if (kept === undefined)
      return { tokens: burst, earlyDeaths: 0, isThrottled: false, atMs: nowMs };
    const tokens = Math.min(burst, kept.tokens + (nowMs - kept.atMs) / refillMs);
    return { ...kept, tokens, atMs: nowMs, isThrottled: kept.isThrottled && tokens < 0 };
  }

  #keep(fingerprint, bucket) {
    this.#buckets.delete(fingerprint);
    if (bucket.tokens >= this.#options.burst) return;
    this.#buckets.set(fingerprint, bucket);
    if (this.#buckets.size > MAX_KINDS) this.#buckets.delete(this.#buckets.keys().next().value);
  }
}

module.exports = { CreationGuard };
