'use strict';

// lib/policy/backoff.js: how long to wait.

const { backoffMs } = require('../../../lib/policy/backoff');

const at = (attempt, rest) => backoffMs({ attempt, baseMs: 1000, random: () => 1, ...rest });

test('the span doubles: 1 s, 2 s, 4 s', () => {
  expect([at(0), at(1), at(2)]).toEqual([1000, 2000, 4000]);
});

test('the span ends at 10 s', () => {
  expect([at(3), at(4), at(50)]).toEqual([8000, 10_000, 10_000]);
});

test('the wait is a random part of the span', () => {
  expect(at(1, { random: () => 0 })).toBe(0);
  expect(at(1, { random: () => 0.25 })).toBe(500);
});

test('Retry-After is a floor, not a replacement', () => {
  expect(at(0, { floorMs: 3000 })).toBe(3000);
  expect(at(2, { floorMs: 3000 })).toBe(4000);
});

test('a hint moves our own wait up to it, by 5 s at most', () => {
  const hinted = (hintMs) => backoffMs({ attempt: 0, baseMs: 1000, hintMs, random: () => 0.5 });
  expect([0, 400, 3000, 5500, 5501, 60_000].map(hinted)).toEqual([
    500, 500, 3000, 5500, 5500, 5500,
  ]);
});
