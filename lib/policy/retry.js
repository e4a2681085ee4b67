'use strict';

// Does something again after a failure that is safe to repeat. It is given the operation, the clock
// and the rule; it knows nothing of sandboxes. Whether a failure is safe is said by the error alone
// (`retryable`): nothing here may guess it from a status or a text.

const { sleep } = require('../clock');
const { backoffMs } = require('./backoff');

/** A far end that asks for more is not waited for: its error is reported, with the time it named. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * @template T
 * @param {(attempt: number) => Promise<T>} operation
 * @param {object} rule
 * @param {number} rule.attempts calls in all, at least 1
 * @param {number} rule.baseMs first span of the back-off
 * @param {object} rule.clock
 * @param {AbortSignal} [rule.signal] ends a wait; the reason is thrown
 * @param {(error: unknown) => boolean} [rule.retryIf] default: error.retryable === true
 * @param {(facts: { attempt: number, delayMs: number, error: unknown }) => void} [rule.onRetry]
 *   before each wait; attempt is the number of the call that failed, from 1
 * @returns {Promise<T>} rejects with the last error
 */
async function retry(operation, rule) {
  const { attempts, baseMs, clock, signal, retryIf = isRetryable, onRetry } = rule;
  for (let attempt = 0; ; attempt++) {
    try {
      return await operation(attempt);
    } catch (error) {
      const floorMs = error?.retryAfterMs ?? 0;
      if (attempt + 1 >= attempts || !retryIf(error) || floorMs > MAX_RETRY_AFTER_MS) throw error;
      const delayMs = backoffMs({ attempt, baseMs, floorMs, random: clock.random });
      onRetry?.({ attempt: attempt + 1, delayMs, error });
      await sleep(clock, delayMs, signal);
    }
  }
}

function isRetryable(error) {
  return error?.retryable === true;
}

module.exports = { retry, MAX_RETRY_AFTER_MS };
