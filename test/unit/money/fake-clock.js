'use strict';

// A clock that stands still until it is told to go on.

const { createClock } = require('../../../lib/clock');

const START = '2026-11-21T10:00:00Z';

/** @returns a clock with `advance(ms)`, `set(iso)`: only the wall clock jumps */
function fakeClock(start = START, random = () => 0.5) {
  let wallMs = Date.parse(start);
  let steadyMs = 1000;
  const clock = createClock({
    now: () => wallMs,
    steady: () => steadyMs,
    random,
    setTimeout: (callback) => setImmediate(callback),
    clearTimeout: (timer) => clearImmediate(timer),
  });
  return {
    ...clock,
    advance: (ms) => {
      wallMs += ms;
      steadyMs += ms;
    },
    set: (iso) => {
      wallMs = Date.parse(iso);
    },
  };
}

module.exports = { fakeClock };
