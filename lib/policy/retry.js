'use strict';

// Does something again after a failure that is safe to repeat. It is given the operation, the clock
// and the rule; it knows nothing of sandboxes. Whether a failure is safe is said by the error alone
// (`retryable`), or by the rule's own judge: nothing here may guess it from a status or a text.

const { sleep } = require('../clock');
const { TimeoutError } = require('../errors');
const { backoffMs } = require('./backoff');

/** A far end that asks for more is not waited for: its error is reported, with the time it named. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * @typedef {object} Judgement of one failure
 * @property {boolean} again may be sent again
 * @property {boolean} [free] does not count as an attempt (never left this machine)
 * @property {boolean} [throttled] for the budget: the far end did no work
 * @property {boolean} [hint] its retryAfterMs is a hint and not an order
 */

/**
 * @template T
 * @param {(attempt: number, left: { leftMs: number }) => Promise<T>} operation leftMs: until the
 *   deadline, Infinity without one
 * @param {object} rule
 * @param {number} rule.attempts calls in all, at least 1
 * @param {number} rule.baseMs first span of the back-off
 * @param {number} [rule.capMs] longest span of the back-off; 10,000
 * @param {object} rule.clock
 * @param {AbortSignal} [rule.signal] ends a wait; the reason is thrown
 * @param {number} [rule.deadlineMs] by clock.steady(): no call begins at it or later, no wait reaches
 *   it
 * @param {number} [rule.maxRetryAfterMs] a Retry-After above it is not waited for; 60,000
 * @param {(error: unknown) => boolean} [rule.retryIf] default: error.retryable === true
 * @param {(error: unknown) => Judgement} [rule.judge] in place of retryIf
 * @param {{ retry(throttled: boolean): boolean, success(): void }} [rule.spending] of a RetryBudget;
 *   asked last, so that a retry that is not made costs nothing
 * @param {(facts: { attempt: number, delayMs: number, error: unknown }) => void} [rule.onRetry]
 *   before each wait; attempt is the number of the call that failed, from 1
 * @param {(facts: { attempt: number, reason: 'attempts'|'deadline'|'budget'|'retry-after',
 *   error: unknown }) => void} [rule.onStop] a failure that might have been repeated is not
 * @returns {Promise<T>} rejects with the last error; with TimeoutError, not sent, when the deadline had
 *   passed before the first call
 */
async function retry(operation, rule) {
  const { clock, signal, retryIf = isRetryable, onRetry, onStop, spending } = rule;
  const judge = rule.judge ?? ((error) => ({ again: retryIf(error) }));
  const deadlineMs = rule.deadlineMs ?? Infinity;
  if (clock.steady() >= deadlineMs) throw tooLate();
  let counted = 0;
  for (let attempt = 0; ; attempt++) {
    try {
      const result = await operation(attempt, { leftMs: deadlineMs - clock.steady() });
      spending?.success();
      return result;
    } catch (error) {
      const judgement = judge(error);
      if (!judgement.free) counted++;
      if (!judgement.again) throw error;
      const delayMs = delay(rule, attempt, error, judgement);
      const reason = whyNot(
        rule,
        counted,
        error,
        judgement,
        clock.steady() + delayMs >= deadlineMs,
      );
      if (reason !== null) {
        onStop?.({ attempt: attempt + 1, reason, error });
        throw error;
      }
      onRetry?.({ attempt: attempt + 1, delayMs, error });
      await sleep(clock, delayMs, signal);
      // The timer was late: by the clock that counts, it is over.
      if (clock.steady() >= deadlineMs) throw error;
    }
  }
}

function delay({ baseMs, capMs, clock }, attempt, error, { hint }) {
  const askedMs = error?.retryAfterMs ?? 0;
  const wish = hint ? { hintMs: askedMs } : { floorMs: askedMs };
  return backoffMs({ attempt, baseMs, capMs, ...wish, random: clock.random });
}

function whyNot(rule, counted, error, { hint, throttled = false }, pastDeadline) {
  const { attempts, maxRetryAfterMs = MAX_RETRY_AFTER_MS, spending } = rule;
  if (counted >= attempts) return 'attempts';
  if (!hint && (error?.retryAfterMs ?? 0) > maxRetryAfterMs) return 'retry-after';
  if (pastDeadline) return 'deadline';
  return spending === undefined || spending.retry(throttled) ? null : 'budget';
}

function tooLate() {
  const fields = { outcome: 'not-sent', retryable: true };
  return new TimeoutError('not sent: the deadline of the call had passed', fields);
}

function isRetryable(error) {
  return error?.retryable === true;
}

module.exports = { retry, MAX_RETRY_AFTER_MS };
