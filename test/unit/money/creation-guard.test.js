'use strict';

// lib/money/creation-guard.js: what dies at once is not re-created without end.

const { CreationGuard } = require('../../../lib/money/creation-guard');
const { fakeClock } = require('./fake-clock');

function setUp(options) {
  const clock = fakeClock();
  const told = [];
  const guard = new CreationGuard(options, { clock, onThrottled: (facts) => told.push(facts) });
  return { clock, guard, told };
}

test('the first five early deaths are replaced at once, the next wait one slot after the other', () => {
  const { guard } = setUp();
  const waits = Array.from({ length: 8 }, () => guard.died('bad', 100));
  expect(waits).toEqual([0, 0, 0, 0, 0, 60_000, 120_000, 180_000]);
});

test('a template that always dies is created at most burst + time / refill often', () => {
  const { clock, guard } = setUp();
  let created = 0;
  const hourMs = 3_600_000;
  let due = 0;
  for (let at = 0; at < hourMs; at += 1000) {
    if (at >= due) {
      created++;
      due = at + Math.max(1000, guard.died('bad', 500));
    }
    clock.advance(1000);
  }
  expect(created).toBeLessThanOrEqual(5 + 60 + 1);
  expect(created).toBeGreaterThan(60);
});

test('many deaths at once are spread out', () => {
  const { guard } = setUp({ burst: 2, refillMs: 1000 });
  const waits = Array.from({ length: 20 }, () => guard.died('bad', 1));
  expect(new Set(waits.slice(2)).size).toBe(18);
  expect(Math.max(...waits)).toBe(18_000);
});

test('sandboxes that lived long enough are replaced at once and give a token back', () => {
  const { guard } = setUp({ burst: 1 });
  expect(guard.died('good', 60_000)).toBe(0);
  expect(guard.died('good', 59_999)).toBe(0);
  expect(guard.died('good', 10)).toBe(60_000);
  expect(guard.died('good', 90_000)).toBe(0);
  expect(guard.died('good', 10)).toBe(0);
});

test('kinds are held back apart', () => {
  const { guard } = setUp({ burst: 1 });
  guard.died('bad', 1);
  guard.died('bad', 1);
  expect(guard.waitMs('bad')).toBe(60_000);
  expect(guard.waitMs('good')).toBe(0);
  expect(guard.held()).toEqual([{ fingerprint: 'bad', waitMs: 60_000, earlyDeaths: 2 }]);
});

test('it is told once when a kind begins to be held back, and again after a pause', () => {
  const { clock, guard, told } = setUp({ burst: 1 });
  for (let i = 0; i < 5; i++) guard.died('bad', 1);
  expect(told).toEqual([{ fingerprint: 'bad', waitMs: 60_000, earlyDeaths: 2 }]);
  clock.advance(10 * 60_000);
  expect(guard.waitMs('bad')).toBe(0);
  guard.died('bad', 1);
  guard.died('bad', 1);
  expect(told).toHaveLength(2);
});

test('a clock that somebody sets lets nobody through', () => {
  const { clock, guard } = setUp({ burst: 1 });
  guard.died('bad', 1);
  guard.died('bad', 1);
  clock.set('2030-01-01T00:00:00Z');
  expect(guard.waitMs('bad')).toBe(60_000);
});

test('the kinds that are remembered are bounded', () => {
  const { guard } = setUp({ burst: 1 });
  for (let i = 0; i < 3000; i++) {
    guard.died(`f${i}`, 1);
    guard.died(`f${i}`, 1);
  }
  expect(guard.held()).toHaveLength(1000);
});

test.each([{ burst: 0 }, { shortLifeMs: -1 }, { refillMs: 0 }, { bursts: 1 }])(
  '%j is refused',
  (options) => {
    expect(() => setUp(options)).toThrow(/creationGuard/);
  },
);
