'use strict';

// Time and chance, in one object that can be replaced: the simulation and the tests own both. A
// leaf. Two clocks: `now` is the wall clock, for time stamps that people read; `steady` never jumps
// and is the only one that ages, windows and deadlines may be computed from.

const { randomUUID } = require('node:crypto');
const { invalid } = require('./options');

const systemClock = Object.freeze({
  /** @returns {number} ms since 1970; may jump when somebody sets the clock */
  now: () => Date.now(),
  /** @returns {number} ms since some start; never jumps */
  steady: () => performance.now(),
  /** @returns {number} from 0 (included) to 1 (not included) */
  random: () => Math.random(),
  /** @returns {string} a token that nobody else has */
  token: () => randomUUID(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer),
  setInterval: (callback, ms) => setInterval(callback, ms),
  clearInterval: (timer) => clearInterval(timer),
});

/**
 * The system's clock with some functions replaced.
 *
 * @param {Partial<typeof systemClock>} [replacements]
 * @throws {InvalidArgumentError} for an unknown name or something that is not a function
 */
function createClock(replacements = {}) {
  if (replacements === null || typeof replacements !== 'object') {
    throw invalid('clock must be an object of functions');
  }
  for (const [name, value] of Object.entries(replacements)) {
    if (!(name in systemClock) || typeof value !== 'function') {
      const known = Object.keys(systemClock).join(', ');
      throw invalid(`clock.${name} must be one of the functions ${known}`);
    }
  }
  return Object.freeze({ ...systemClock, ...replacements });
}

/**
 * Waits. The timer keeps the process alive: somebody is waiting for what comes after it.
 *
 * @param {number} ms
 * @param {AbortSignal} [signal] ends the wait at once; the promise rejects with its reason
 */
function sleep(clock, ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clock.clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

module.exports = { systemClock, createClock, sleep };
