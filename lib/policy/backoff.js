'use strict';

// How long to wait before the next attempt: arithmetic only, no timer and no I/O.

/** No wait that we choose ourselves is longer. */
const BACKOFF_CAP_MS = 10_000;
/** How much a hint may add to our own wait. */
const HINT_SPAN_MS = 5000;

/**
 * Full jitter: a random part of a span that doubles, never less than what the far end asked for, and
 * never more than a little longer than it for a mere hint.
 *
 * @param {object} rule
 * @param {number} rule.attempt 0 before the second call, 1 before the third, ...
 * @param {number} rule.baseMs the first span
 * @param {number} [rule.capMs] 10,000
 * @param {number} [rule.floorMs] Retry-After of the last answer; 0
 * @param {number} [rule.hintMs] a wait that somebody in between has guessed: moves ours into
 *   own wait ... own wait + 5,000; 0
 * @param {() => number} rule.random from 0 to 1
 * @returns {number} ms
 */
function backoffMs({ attempt, baseMs, capMs = BACKOFF_CAP_MS, floorMs = 0, hintMs = 0, random }) {
  const own = random() * Math.min(capMs, baseMs * 2 ** attempt);
  return Math.max(floorMs, own, Math.min(hintMs, own + HINT_SPAN_MS));
}

module.exports = { backoffMs, BACKOFF_CAP_MS };
