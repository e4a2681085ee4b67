'use strict';

// lib/policy/sliding-window.js: what is in the window, by a list that is searched.

const fc = require('fast-check');
const { SlidingWindow } = require('../../../lib/policy/sliding-window');
const { virtualClock } = require('./helpers/virtual-clock');

const newWindow = (shape) => {
  const time = virtualClock();
  const window = new SlidingWindow({
    ...{ clock: time.clock, windowMs: 10_000, fields: ['a', 'b'] },
    ...shape,
  });
  return { time, window };
};

test('counts of the last ten buckets are in, older ones are out', () => {
  const { window, time } = newWindow();
  window.now().a++;
  time.advance(9999);
  window.now().b += 2;
  expect(window.sum()).toEqual({ a: 1, b: 2 });
  time.advance(1);
  expect(window.sum()).toEqual({ a: 0, b: 2 });
});

test('the newest buckets alone', () => {
  const { window, time } = newWindow();
  window.now().a++;
  time.advance(2000);
  window.now().a++;
  expect(window.sum(2)).toEqual({ a: 1, b: 0 });
  expect(window.sum(3)).toEqual({ a: 2, b: 0 });
});

test('an end that is counted where its beginning was leaves with it', () => {
  const { window, time } = newWindow();
  const counts = window.now();
  counts.a++;
  time.advance(9000);
  counts.b++;
  expect(window.sum()).toEqual({ a: 1, b: 1 });
  time.advance(1000);
  expect(window.sum()).toEqual({ a: 0, b: 0 });
  counts.b++;
  expect(window.sum()).toEqual({ a: 0, b: 0 });
});

test('it never has more entries than buckets', () => {
  const { window, time } = newWindow({ buckets: 4 });
  for (let i = 0; i < 100; i++) {
    window.now().a++;
    expect(window.toJSON().length).toBeLessThanOrEqual(4);
    time.advance(1700);
  }
});

test('any counts and waits are as in a list', () => {
  const event = fc.oneof(fc.constantFrom('a', 'b'), fc.integer({ min: 0, max: 4000 }));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const { window, time } = newWindow();
      const all = [];
      const bucket = (ms) => Math.floor(ms / 1000);
      for (const each of events) {
        if (typeof each === 'number') time.advance(each);
        else window.now()[each]++;
        if (typeof each === 'string') all.push({ at: time.nowMs, field: each });
        const recent = all.filter(({ at }) => bucket(at) > bucket(time.nowMs) - 10);
        const sum = (field) => recent.filter((one) => one.field === field).length;
        expect(window.sum()).toEqual({ a: sum('a'), b: sum('b') });
      }
      const saved = JSON.parse(JSON.stringify(window));
      const before = window.sum();
      window.restore(saved, 0);
      expect(window.sum()).toEqual(before);
    }),
  );
});

test('saved nonsense is left out', () => {
  const { window } = newWindow();
  for (const saved of [undefined, 7, [{}], [{ ageMs: 'x' }], [{ ageMs: 1, counts: null }]]) {
    window.restore(saved, 0);
    expect(window.sum()).toEqual({ a: 0, b: 0 });
  }
  window.restore(
    [
      { ageMs: 1, counts: { a: -3, b: 2.5, c: 1 } },
      { ageMs: 0, counts: { a: 4 } },
    ],
    0,
  );
  expect(window.sum()).toEqual({ a: 4, b: 0 });
});
