'use strict';

// lib/policy/ejection.js: who is left alone, for how long, and how many at most.

const fc = require('fast-check');
const { Ejection } = require('../../../lib/policy/ejection');
const { virtualClock } = require('./helpers/virtual-clock');

function newEjection(known = [], numbers = undefined) {
  const time = virtualClock();
  const told = [];
  const onChange = (name, facts) => told.push([name, facts]);
  const ejection = new Ejection({ clock: time.clock, numbers, onChange });
  for (const key of known) ejection.success(key);
  return { time, told, ejection };
}
const fail = (ejection, key, times = 5) => {
  for (let i = 0; i < times; i++) ejection.failure(key);
};
const names = (n) => Array.from({ length: n }, (_, i) => `t${i}`);

test('five failures in a row eject a key for 30 s', () => {
  const { ejection, time, told } = newEjection(['good', 'bad']);
  fail(ejection, 'bad', 4);
  expect(ejection.refusal('bad')).toBeNull();
  fail(ejection, 'bad', 1);
  expect(ejection.refusal('bad')).toMatchObject({
    ...{ name: 'ServerError', code: 'EJECTED', outcome: 'not-sent', retryable: true },
    ...{ retryAfterMs: 30_000, message: "not sent: 'bad' has failed 5 times in a row" },
  });
  expect(ejection.refusal('good')).toBeNull();
  time.advance(30_000);
  expect(ejection.refusal('bad')).toBeNull();
  expect(told).toEqual([
    ['ejected', { key: 'bad', forMs: 30_000, times: 1, failures: 5 }],
    ['returned', { key: 'bad' }],
  ]);
});

test('a success in between begins the count anew', () => {
  const { ejection } = newEjection(['good', 'bad']);
  fail(ejection, 'bad', 4);
  ejection.success('bad');
  fail(ejection, 'bad', 4);
  expect(ejection.refusal('bad')).toBeNull();
});

test('each further ejection is 30 s longer, up to five minutes; good behaviour shortens it again', () => {
  const { ejection, time, told } = newEjection(['good', 'bad']);
  for (let i = 0; i < 12; i++) {
    fail(ejection, 'bad');
    time.advance(ejection.refusal('bad').retryAfterMs);
  }
  const lengths = told.filter(([name]) => name === 'ejected').map(([, { forMs }]) => forMs / 1000);
  expect(lengths).toEqual([30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300]);
  time.advance(11 * 30_000);
  fail(ejection, 'bad');
  expect(ejection.refusal('bad').retryAfterMs).toBe(60_000);
});

test('the only known key is never ejected', () => {
  const { ejection } = newEjection();
  fail(ejection, 'only', 100);
  expect(ejection.refusal('only')).toBeNull();
});

test.each([
  [2, 1],
  [9, 1],
  [20, 2],
  [39, 3],
])('of %i keys that all fail, %i are ejected', (known, most) => {
  const { ejection } = newEjection(names(known));
  for (const key of names(known)) fail(ejection, key, 10);
  expect(ejection.ejected).toHaveLength(most);
});

test('panic: when more than half are ejected, all are let through', () => {
  const { ejection, time } = newEjection(names(4), { maxShare: 1 });
  for (const key of ['t0', 't1']) fail(ejection, key);
  expect([ejection.panic, ejection.refusal('t0') === null]).toEqual([false, false]);
  fail(ejection, 't2');
  expect([ejection.panic, ejection.refusal('t0') === null]).toEqual([true, true]);
  time.advance(30_000);
  expect(ejection.panic).toBe(false);
});

test('a thousand keys are remembered, the longest unused is forgotten; a hundred are saved', () => {
  const { ejection } = newEjection(names(1000));
  const isKnown = (key) => ejection.knows(key);
  const known = () => names(3000).filter(isKnown).length;
  expect(known()).toBe(1000);
  ejection.success('t0');
  ejection.success('t1000');
  expect([known(), isKnown('t0'), isKnown('t1')]).toEqual([1000, true, false]);
  expect(ejection.toJSON().known).toHaveLength(100);
  expect(ejection.toJSON().known).toContain('t1000');
});

test('ejections survive a restart for the rest of their time', () => {
  const one = newEjection(['good', 'bad']);
  fail(one.ejection, 'bad');
  one.time.advance(10_000);
  const two = newEjection();
  two.time.advance(15_000);
  two.ejection.restore(JSON.parse(JSON.stringify(one.ejection)));
  expect(two.ejection.refusal('bad').retryAfterMs).toBe(15_000);
  two.time.advance(15_000);
  fail(two.ejection, 'bad');
  expect(two.ejection.refusal('bad').retryAfterMs).toBe(60_000);
});

test.each([[null], [{}], [{ savedAtMs: 1, keys: 7 }], [{ savedAtMs: 1, keys: [{ key: 'a' }] }]])(
  'what is no saved state changes nothing (%j)',
  (saved) => {
    const { ejection } = newEjection();
    ejection.restore(saved);
    expect(ejection.ejected).toEqual([]);
  },
);

test('whatever happens, at most a tenth is ejected, or one, and never all', () => {
  const event = fc.oneof(
    fc.tuple(fc.constantFrom('failure', 'failure', 'failure', 'success'), fc.nat({ max: 24 })),
    fc.integer({ min: 0, max: 60_000 }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 600, size: 'max' }), (events) => {
      const { ejection, time } = newEjection([], { failures: 2 });
      const known = new Set();
      for (const each of events) {
        if (typeof each === 'number') {
          time.advance(each);
          continue;
        }
        const [how, n] = each;
        known.add(n);
        ejection[how](`t${n}`);
        const most = known.size < 2 ? 0 : Math.max(1, Math.floor(known.size / 10));
        if (ejection.ejected.length > most) return false;
      }
      return true;
    }),
  );
});
