'use strict';

// What pooling, caching, cleaning up and batching have saved: counted where it happens, at the prices
// of that time, never asserted. Beside the two sums that the requirements define by formula (POOL-05,
// CLN-02) stands what the price profile really would have charged, and for the pool what its idle
// members cost: a saving can be negative. Pure.

const { Sum } = require('./sum');
const { HOUR_MS, hourlyRate, intervalCost, pieceCost, ratesAt } = require('./prices');

/** POOL-05: what a cold start is taken to last, and what a second of it costs. */
const POOLING_BASELINE_MS = 3000;
const POOLING_PER_SECOND = 0.0001;
/** CLN-02: what a cleaned-up sandbox is taken to save. */
const CLEANUP_EACH = 0.1;

class Savings {
  #profile;
  #created = { count: 0, ms: new Sum() };
  #pooling = { uses: 0, documented: new Sum(), avoided: new Sum() };
  #idle = new Sum();
  #caching = { hits: 0, avoided: new Sum() };
  #cleanup = { cleaned: 0, avoided: new Sum() };
  #batching = { calls: 0, avoided: new Sum() };

  constructor(profile) {
    this.#profile = profile;
  }

  /** A create took so long, from the request to the answer: what a warm member spares. */
  created(durationMs) {
    this.#created.count++;
    this.#created.ms.add(durationMs);
  }

  /** A warm member was handed out `acquisitionMs` after it was asked for, instead of a create. */
  pooled(wallMs, acquisitionMs, size) {
    const { count, ms } = this.#created;
    const coldMs = count > 0 ? ms.value / count : POOLING_BASELINE_MS;
    const documented = ((POOLING_BASELINE_MS - acquisitionMs) / 1000) * POOLING_PER_SECOND;
    const waitedLess = Math.max(0, coldMs - acquisitionMs);
    const compute = (hourlyRate(ratesAt(this.#profile, wallMs), size) * waitedLess) / HOUR_MS;
    this.#pooling.uses++;
    this.#pooling.documented.add(documented);
    this.#pooling.avoided.add(pieceCost(this.#profile, wallMs, { creations: 1 }) + compute);
  }

  /** What warm members that nobody used have cost. */
  idled(cost) {
    this.#idle.add(cost);
  }

  /** An execution that would have taken so long was answered from the cache. */
  cached(wallMs, executionMs, size) {
    const compute = (hourlyRate(ratesAt(this.#profile, wallMs), size) * executionMs) / HOUR_MS;
    this.#caching.hits++;
    this.#caching.avoided.add(
      pieceCost(this.#profile, wallMs, { calls: 1, executionMs }) + compute,
    );
  }

  /** A sandbox was ended because it was idle, `leftMs` before it would have ended by itself. */
  cleaned(wallMs, leftMs, size) {
    const life = { fromMs: wallMs, lengthMs: Math.max(0, leftMs), ...size };
    this.#cleanup.cleaned++;
    this.#cleanup.avoided.add(intervalCost(this.#profile, life));
  }

  /** Several things went in one call, which spared so many calls. */
  batched(wallMs, calls) {
    this.#batching.calls += calls;
    this.#batching.avoided.add(pieceCost(this.#profile, wallMs, { calls }));
  }

  snapshot() {
    const idle = this.#idle.value;
    const { uses, documented, avoided } = this.#pooling;
    return {
      pooling: {
        uses,
        documented: documented.value,
        avoided: avoided.value,
        idle,
        net: avoided.value - idle,
      },
      caching: { hits: this.#caching.hits, avoided: this.#caching.avoided.value },
      cleanup: {
        cleaned: this.#cleanup.cleaned,
        documented: this.#cleanup.cleaned * CLEANUP_EACH,
        avoided: this.#cleanup.avoided.value,
      },
      batching: { calls: this.#batching.calls, avoided: this.#batching.avoided.value },
    };
  }
}

module.exports = { Savings };
