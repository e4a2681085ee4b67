'use strict';

// `config.pool`: how long things may take, last and wait in the pool. Defaults and checks; decides
// nothing.

const { resolveSchedule } = require('../money/schedule');
const { checkNumber, checkOptions, invalid, show } = require('../options');
const { createSpec } = require('./create-spec');

const MAX_MS = 2 ** 31 - 1;
const ms = (min) => ({ min, max: MAX_MS, integer: true });

/** name -> [default, range]; ms unless said. What the windows are for: docs/guarantees.md. */
const NUMBERS = {
  // After an unknown create: how long the list is read before another one is begun,
  settleMs: [5_000, ms(0)],
  // how long its token is watched for a late arrival,
  watchMs: [120_000, ms(0)],
  // and how long after its end a sandbox must be absent from a list to count as gone.
  verifyMs: [5_000, ms(0)],
  // Between two passes of reconcile; 0: only when asked, and after something was left open.
  reconcileMs: [60_000, ms(0)],
  acquireTimeoutMs: [60_000, ms(1)],
  // Waiting for so long counts as much as one priority more: nobody starves.
  agingMs: [10_000, ms(1)],
  maxWaiters: [10_000, { min: 0, integer: true }],
  maxLeaseMs: [86_400_000, ms(1)],
  // Idle sandboxes that the pool keeps ready, made from `warmSpec`, so many at a time.
  warm: [0, { min: 0, max: 100, integer: true }],
  burst: [5, { min: 1, max: 100, integer: true }],
  // Retirement, of idle ones only; 0: not for that reason.
  maxUses: [0, { min: 0, integer: true }],
  maxAgeMs: [0, ms(0)],
  // Share of its life that must be left when it is handed out.
  minRemaining: [0.25, { min: 0, max: 0.99 }],
};

/** Beside the numbers: a spec, a schedule of MARKET_HOURS' form, a hook. */
const OTHERS = ['warmSpec', 'schedule', 'reset'];

/**
 * @param {unknown} given
 * @param {string} name of the option, for messages
 * @returns {Readonly<object>}
 * @throws {InvalidArgumentError} UNKNOWN_OPTION, INVALID_ARGUMENT
 */
function checkPool(given, name) {
  const {
    warmSpec = null,
    schedule = null,
    reset = null,
    ...numbers
  } = checkOptions(given, [...Object.keys(NUMBERS), ...OTHERS], name);
  if (reset !== null && typeof reset !== 'function') {
    throw invalid(`${name}.reset must be a function, not ${show(reset)}`);
  }
  if (schedule !== null) resolveSchedule(schedule);
  // As it was given, so that whoever reads the options can give them back changed.
  if (warmSpec !== null) createSpec(warmSpec, () => 'warm'); // only to be checked
  const pool = { warmSpec, schedule: structuredClone(schedule), reset };
  for (const [key, [initial, range]] of Object.entries(NUMBERS)) {
    const value = numbers[key] ?? initial;
    pool[key] = checkNumber(value, `${name}.${key}`, range);
  }
  return Object.freeze(pool);
}

module.exports = { checkPool };
