'use strict';

// Adaptive client throttling (Google SRE, "Handling Overload"): the more of the latest requests a far
// end has turned down, the more of the next ones are not even sent. A probability where the breaker is
// a switch. A request counts from the moment it is sent: a far end that answers nobody accepts nobody.
// But the newest that still wait for an answer are left out, or the first hundred of a start would
// throttle each other. One request a second always passes: who sends nothing learns nothing.

const { ServerError } = require('../errors');
const { SlidingWindow } = require('./sliding-window');

const THROTTLE_DEFAULTS = Object.freeze({
  windowMs: 120_000,
  k: 2,
  minimumCalls: 20,
  passEveryMs: 1000,
});
const BUCKETS = 12;
/** Buckets whose unanswered requests do not count yet: 10 to 20 s of a window of two minutes. */
const PATIENT_BUCKETS = 2;

class Throttle {
  #clock;
  #numbers;
  #window;
  #passedAt = -Infinity;

  /**
   * @param {object} parts
   * @param {object} parts.clock
   * @param {Partial<typeof THROTTLE_DEFAULTS>} [parts.numbers]
   */
  constructor({ clock, numbers }) {
    this.#clock = clock;
    this.#numbers = { ...THROTTLE_DEFAULTS, ...numbers };
    this.#window = new SlidingWindow({
      ...{ clock, windowMs: this.#numbers.windowMs, buckets: BUCKETS },
      fields: ['requests', 'answered', 'accepts'],
    });
  }

  /** @returns {number} from 0 to 1: how likely the next request is refused here */
  get probability() {
    const { k, minimumCalls } = this.#numbers;
    const all = this.#window.sum();
    const newest = this.#window.sum(PATIENT_BUCKETS);
    const requests = all.requests - (newest.requests - newest.answered);
    if (requests < minimumCalls) return 0;
    return Math.max(0, (requests - k * all.accepts) / (requests + 1));
  }

  /**
   * A request is about to be sent.
   *
   * @param {boolean} [always] never refused: something else bounds them (a breaker's probe)
   * @returns {{ accepted(): void, rejected(): void, cancel(): void }} only the first word counts
   * @throws {ServerError} THROTTLED
   */
  enter(always = false) {
    const { probability } = this;
    const now = this.#clock.steady();
    const counts = this.#window.now();
    counts.requests++;
    const due = now - this.#passedAt >= this.#numbers.passEveryMs;
    if (probability > 0 && !always && !due && this.#clock.random() < probability) {
      counts.answered++;
      throw refusal(probability, this.#passedAt + this.#numbers.passEveryMs - now);
    }
    this.#passedAt = now;
    return ticketOf(counts);
  }

  /** Forgets everything: the far end has just shown that it works. */
  reset() {
    this.#window.clear();
  }
}

function ticketOf(counts) {
  let open = true;
  const end = (requests, answered, accepts) => () => {
    if (!open) return;
    open = false;
    counts.requests += requests;
    counts.answered += answered;
    counts.accepts += accepts;
  };
  return { accepted: end(0, 1, 1), rejected: end(0, 1, 0), cancel: end(-1, 0, 0) };
}

function refusal(probability, retryAfterMs) {
  const share = Math.round(probability * 100);
  const message = `not sent: the far end turns down so many requests that ${share} % are held back`;
  const fields = { code: 'THROTTLED', outcome: 'not-sent', retryable: true };
  return new ServerError(message, { ...fields, retryAfterMs: Math.ceil(retryAfterMs) });
}

module.exports = { Throttle, THROTTLE_DEFAULTS };
