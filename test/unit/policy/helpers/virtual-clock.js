'use strict';

// Time that stands still until a test moves it, and dice that are the same in every run. What waits
// is a timer of this clock, so an hour of simulated calls takes as long as its arithmetic.

const { createClock } = require('../../../../lib/clock');

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * @param {object} [how]
 * @param {() => number} [how.random] default: always 1, the longest waits
 * @param {number} [how.startMs] 1,000,000: nothing may depend on where a clock begins
 */
function virtualClock({ random = () => 1, startMs = 1_000_000 } = {}) {
  let nowMs = startMs;
  let last = 0;
  const timers = new Map();
  const waits = [];
  const clock = createClock({
    now: () => 1.7e12 + nowMs,
    steady: () => nowMs,
    random,
    setTimeout: (callback, ms) => {
      waits.push(ms);
      timers.set(++last, { at: nowMs + ms, callback });
      return last;
    },
    clearTimeout: (timer) => timers.delete(timer),
  });
  const next = () => {
    let found = null;
    for (const [id, timer] of timers) {
      if (found === null || timer.at < found.at) found = { id, ...timer };
    }
    return found;
  };
  const fire = ({ id, at, callback }) => {
    timers.delete(id);
    nowMs = Math.max(nowMs, at);
    callback();
  };
  return {
    clock,
    /** every wait that was begun, in ms */
    waits,
    get nowMs() {
      return nowMs;
    },
    get timers() {
      return timers.size;
    },
    /** Moves time; timers that are due fire in order, what they resolve runs later. */
    advance(ms) {
      const end = nowMs + ms;
      for (let due = next(); due !== null && due.at <= end; due = next()) fire(due);
      nowMs = end;
    },
    /** Resolves or rejects as the promise does, with time moved to the next timer whenever all wait. */
    async run(promise) {
      let over = false;
      const end = () => {
        over = true;
      };
      promise.then(end, end);
      for (;;) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        if (over) return promise;
        const due = next();
        if (due === null) throw new Error('it waits for something that is no timer of this clock');
        fire(due);
      }
    },
  };
}

module.exports = { virtualClock, dice };
