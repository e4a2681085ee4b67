'use strict';

// lib/fleet/loop.js: rounds that never overlap and never add up. Timers by hand.

const { createClock } = require('../../../lib/clock');
const { Loop } = require('../../../lib/fleet/loop');

function setup(round = async () => {}) {
  const timers = new Set();
  const clock = createClock({
    setInterval: (callback, ms) => {
      const timer = { callback, ms, refs: true, unref: () => void (timer.refs = false) };
      timers.add(timer);
      return timer;
    },
    clearInterval: (timer) => timers.delete(timer),
  });
  const rounds = jest.fn(round);
  const tick = () => [...timers].forEach((timer) => timer.callback());
  return { loop: new Loop(clock, rounds), rounds, timers, tick };
}

test('starting again replaces the timer', () => {
  const { loop, timers } = setup();
  loop.start(100, false);
  loop.start(200, false);
  expect([...timers].map(({ ms }) => ms)).toEqual([200]);
});

test('stopped is null, twice is harmless', () => {
  const { loop, timers } = setup();
  loop.start(100, false);
  expect(loop.timer).not.toBeNull();
  loop.stop();
  loop.stop();
  expect(loop.timer).toBeNull();
  expect(timers.size).toBe(0);
});

test('an interval of 0 is off', () => {
  const { loop } = setup();
  loop.start(100, false);
  loop.start(0, false);
  expect(loop.timer).toBeNull();
});

test('the timer does not keep the process alive unless it shall', () => {
  const { loop, timers } = setup();
  loop.start(100, false);
  expect([...timers][0].refs).toBe(false);
  loop.start(100, true);
  expect([...timers][0].refs).toBe(true);
});

test('a tick during a round is skipped, the next one is not', async () => {
  let end;
  const round = () =>
    new Promise((resolve) => {
      end = resolve;
    });
  const { loop, rounds, tick } = setup(round);
  loop.start(100, false);
  tick();
  tick();
  tick();
  expect(rounds).toHaveBeenCalledTimes(1);
  end();
  await new Promise(setImmediate);
  tick();
  expect(rounds).toHaveBeenCalledTimes(2);
});
