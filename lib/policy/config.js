'use strict';

// The numbers of all policies in two groups, as the manager's options `retry` and `breaker`: defaults
// and checks. How often and how soon a call is repeated is said by retryAttempts and retryDelay, which
// are options of their own. Decides nothing.

const { checkNumber, checkOptions, invalid, show } = require('../options');
const { BACKOFF_CAP_MS } = require('./backoff');
const { BREAKER_DEFAULTS } = require('./breaker');
const { EJECTION_DEFAULTS } = require('./ejection');
const { MAX_RETRY_AFTER_MS } = require('./retry');
const { BUDGET_DEFAULTS } = require('./retry-budget');
const { THROTTLE_DEFAULTS } = require('./throttle');

/** A day: longer waits are somebody's mistake of units. */
const MAX_MS = 86_400_000;

const ms = { min: 1, max: MAX_MS };
const wait = { min: 0, max: MAX_MS };
const count = { min: 1, max: 1_000_000, integer: true };
const share = { min: 0, max: 1 };
const rate = { min: 0.01, max: 1 };

const RETRY_RANGES = {
  capMs: wait,
  maxRetryAfterMs: wait,
  unsentRetries: { min: 0, max: 100, integer: true },
  tokens: { min: 0, max: 1_000_000 },
  retryCost: { min: 1, max: 1_000_000 },
  throttledCost: { min: 0, max: 1_000_000 },
  firstTryReward: { min: 0, max: 1_000_000 },
  retryShare: share,
  retryBurst: { min: 0, max: 1_000_000 },
};
const BREAKER_RANGES = {
  windowMs: ms,
  minimumCalls: count,
  failureRate: rate,
  slowCallMs: ms,
  slowCallRate: rate,
  openMs: ms,
  maxOpenMs: ms,
  probes: count,
  probesAtOnce: count,
  probeTimeoutMs: ms,
};
const THROTTLE_RANGES = {
  windowMs: ms,
  k: { min: 1, max: 1000 },
  minimumCalls: count,
  passEveryMs: ms,
};
const EJECTION_RANGES = {
  failures: count,
  ejectMs: ms,
  maxEjectMs: ms,
  maxShare: share,
  panicShare: share,
};

/**
 * `unsentRetries`: so many failures of a call that never left this machine are no attempt of it, while
 * the far end answers others.
 */
const RETRY_DEFAULTS = Object.freeze({
  capMs: BACKOFF_CAP_MS,
  maxRetryAfterMs: MAX_RETRY_AFTER_MS,
  unsentRetries: 1,
  ...BUDGET_DEFAULTS,
});

/**
 * @param {object} [given]
 * @param {object} [given.retry] some of RETRY_DEFAULTS
 * @param {object|false} [given.breaker] some of BREAKER_DEFAULTS, and `throttle` and `ejection`, each
 *   an object of some of its own numbers, or false: it is off. false: all three are off
 * @returns {Readonly<{ retry: object, breaker: object|null, throttle: object|null,
 *   ejection: object|null }>} complete; null is off
 * @throws {InvalidArgumentError} UNKNOWN_OPTION with the nearest known key, INVALID_ARGUMENT
 */
function policyConfig(given) {
  const { retry, breaker } = checkOptions(given, ['retry', 'breaker'], 'the policies');
  const all = { retry: numbers(retry, 'retry', RETRY_DEFAULTS, RETRY_RANGES) };
  if (breaker === false) return freeze({ ...all, breaker: null, throttle: null, ejection: null });
  const known = [...Object.keys(BREAKER_RANGES), 'throttle', 'ejection'];
  const { throttle, ejection, ...own } = checkOptions(breaker, known, 'breaker');
  return freeze({
    ...all,
    breaker: numbers(own, 'breaker', BREAKER_DEFAULTS, BREAKER_RANGES),
    throttle: part(throttle, 'breaker.throttle', THROTTLE_DEFAULTS, THROTTLE_RANGES),
    ejection: part(ejection, 'breaker.ejection', EJECTION_DEFAULTS, EJECTION_RANGES),
  });
}

function part(given, where, defaults, ranges) {
  return given === false ? null : numbers(given, where, defaults, ranges);
}

function numbers(given, where, defaults, ranges) {
  const checked = {};
  for (const [key, value] of Object.entries(checkOptions(given, Object.keys(ranges), where))) {
    if (value !== undefined) checked[key] = checkNumber(value, `${where}.${key}`, ranges[key]);
  }
  const all = { ...defaults, ...checked };
  for (const [less, more] of ORDERED) {
    if (!(all[less] > all[more])) continue;
    throw invalid(`${where}.${less} must not be above ${where}.${more}, ${show(all[more])}`);
  }
  return all;
}

/** The first of each must not be above the second. */
const ORDERED = [
  ['openMs', 'maxOpenMs'],
  ['ejectMs', 'maxEjectMs'],
  ['probesAtOnce', 'probes'],
];

function freeze(groups) {
  for (const group of Object.values(groups)) Object.freeze(group);
  return Object.freeze(groups);
}

module.exports = { policyConfig };
