'use strict';

// The shapes in which the manager answers: `{ success: true, ... }` and `{ success: false, error,
// code, ... }`. Pure: turns errors into texts and codes, knows no far end and no state.

const { messageOf } = require('../errors');

/**
 * The result of an operation that failed.
 *
 * @param {unknown} error
 * @param {string|null} [sandboxId] where the error does not know it
 * @returns {{ success: false, error: string, code: string, outcome: string, retryable: boolean }}
 *   also sandboxId, status (HTTP) and retryAfterMs, where known; whatever else `details` of the
 *   error holds (an execution's output) is beside them
 */
function failure(error, sandboxId = null) {
  const id = error?.sandboxId ?? sandboxId;
  return {
    success: false,
    ...(id == null ? {} : { sandboxId: id }),
    error: failureText(error, id),
    code: typeof error?.code === 'string' ? error.code : 'INTERNAL',
    outcome: error?.outcome ?? 'unknown',
    retryable: error?.retryable === true,
    ...(error?.status == null ? {} : { status: error.status }),
    ...(error?.retryAfterMs == null ? {} : { retryAfterMs: error.retryAfterMs }),
    ...detailsOf(error),
  };
}

function failureText(error, id) {
  const text = messageOf(error);
  if (id === null || !isGone(error) || /not found/i.test(text)) return text;
  return `sandbox '${id}' not found: ${text}`;
}

/** The far end says that there is no such sandbox. */
function isGone(error) {
  return error?.code === 'NOT_FOUND' || error?.code === 'SANDBOX_GONE';
}

const kDetails = Symbol('details');

/** Gives an error fields that its result will show. @returns the error */
function withDetails(error, details) {
  const value = { ...detailsOf(error), ...details };
  return Object.defineProperty(error, kDetails, { value, configurable: true });
}

function detailsOf(error) {
  return error?.[kDetails] ?? {};
}

module.exports = { failure, isGone, withDetails };
