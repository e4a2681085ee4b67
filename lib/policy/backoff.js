'use strict';

// How long to wait before the next attempt: arithmetic only, no timer and no I/O.

/** No wait that we choose ourselves is longer. */
const BACKOFF_CAP_MS = 10_000;

/**
 * Full jitter: a random part of a span that doubles, never less than what the far end asked for.
 *
 * @param {object} rule
 * @param {number} rule.attempt 0 before the second call, 1 before the third, ...
 * @param {number} rule.baseMs the first span
 * @param {number} [rule.capMs] 10,000
 * @param {number} [rule.floorMs] Retry-After of the last answer; 0
 * @param {() => number} rule.random from 0 to 1
 * @returns {number} ms
 */
function backoffMs({ attempt, baseMs, capMs = BACKOFF_CAP_MS, floorMs = 0, random }) {
  return Math.max(floorMs, random() * Math.min(capMs, baseMs * 2 ** attempt));
}

module.exports = { backoffMs, BACKOFF_CAP_MS };
