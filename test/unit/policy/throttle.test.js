'use strict';

// lib/policy/throttle.js: the probability, by the formula; what counts and when.

const fc = require('fast-check');
const { Throttle } = require('../../../lib/policy/throttle');
const { virtualClock, dice } = require('./helpers/virtual-clock');

function newThrottle(numbers, random = () => 1) {
  const time = virtualClock({ random });
  return { time, throttle: new Throttle({ clock: time.clock, numbers }) };
}
const send = (throttle, n, how) => {
  for (let i = 0; i < n; i++) throttle.enter()[how]();
};

test('below twenty requests nothing is held back', () => {
  const { throttle } = newThrottle();
  send(throttle, 19, 'rejected');
  expect(throttle.probability).toBe(0);
});

test('(requests - 2 accepts) / (requests + 1)', () => {
  const { throttle } = newThrottle();
  send(throttle, 10, 'accepted');
  send(throttle, 10, 'rejected');
  expect(throttle.probability).toBe(0);
  send(throttle, 10, 'rejected');
  expect(throttle.probability).toBeCloseTo((30 - 20) / 31, 12);
});

test('a request that is held back is a request: the far end has not accepted it', () => {
  const { throttle, time } = newThrottle(undefined, () => 0);
  send(throttle, 20, 'rejected');
  time.advance(999);
  expect(() => throttle.enter()).toThrow(/95 % are held back/);
  expect(throttle.probability).toBeCloseTo(21 / 22, 12);
});

test('held back is not sent, and says when one may pass', () => {
  const { throttle, time } = newThrottle(undefined, () => 0);
  send(throttle, 20, 'rejected');
  time.advance(400);
  let thrown = null;
  try {
    throttle.enter();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({
    ...{ name: 'ServerError', code: 'THROTTLED', outcome: 'not-sent', retryable: true },
    retryAfterMs: 600,
  });
});

test('one a second passes, whatever the dice say', () => {
  const { throttle, time } = newThrottle(undefined, () => 0);
  send(throttle, 20, 'rejected');
  time.advance(1000);
  throttle.enter().rejected();
  expect(() => throttle.enter()).toThrow();
});

test('a probe of a breaker always passes', () => {
  const { throttle } = newThrottle(undefined, () => 0);
  send(throttle, 20, 'rejected');
  expect(() => throttle.enter(true)).not.toThrow();
});

test('a hundred at once that still wait for their first answer do not hold each other back', () => {
  const { throttle } = newThrottle(undefined, () => 0);
  for (let i = 0; i < 100; i++) throttle.enter();
  expect(throttle.probability).toBe(0);
});

test('requests that have waited for 20 s count: a far end that answers nobody accepts nobody', () => {
  const { throttle, time } = newThrottle();
  for (let i = 0; i < 100; i++) throttle.enter();
  time.advance(20_000);
  expect(throttle.probability).toBeCloseTo(100 / 101, 12);
});

test('after two minutes it is forgotten', () => {
  const { throttle, time } = newThrottle();
  send(throttle, 100, 'rejected');
  time.advance(120_000);
  expect(throttle.probability).toBe(0);
});

test('given up by us is no request; only the first word counts', () => {
  const { throttle } = newThrottle();
  send(throttle, 19, 'rejected');
  send(throttle, 50, 'cancel');
  expect(throttle.probability).toBe(0);
  const ticket = throttle.enter();
  ticket.accepted();
  ticket.rejected();
  expect(throttle.probability).toBeCloseTo((20 - 2) / 21, 12);
});

test('reset forgets at once', () => {
  const { throttle } = newThrottle();
  send(throttle, 100, 'rejected');
  throttle.reset();
  expect(throttle.probability).toBe(0);
});

test('a far end that can do 10 a second, wanted 100 times a second, is asked 20 times', () => {
  const { throttle, time } = newThrottle(undefined, dice(1));
  let sent = 0;
  let second = 0;
  let inSecond = 0;
  const request = () => {
    try {
      const ticket = throttle.enter();
      if (second !== (second = Math.floor(time.nowMs / 1000))) inSecond = 0;
      ticket[++inSecond <= 10 ? 'accepted' : 'rejected']();
      sent++;
    } catch (error) {
      expect(error.code).toBe('THROTTLED');
    }
    time.advance(10);
  };
  for (let i = 0; i < 180 * 100; i++) request();
  sent = 0;
  for (let i = 0; i < 60 * 100; i++) request();
  expect(sent / 60).toBeGreaterThan(17);
  expect(sent / 60).toBeLessThan(23);
});

test('requests, answers and waits in any order are as in the formula', () => {
  const event = fc.oneof(
    fc.constantFrom('accepted', 'rejected', 'cancel', 'pending'),
    fc.integer({ min: 0, max: 30_000 }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 300, size: 'max' }), (events) => {
      const { throttle, time } = newThrottle({ minimumCalls: 5 });
      const all = [];
      const bucket = (ms) => Math.floor(ms / 10_000);
      for (const how of events) {
        if (typeof how === 'number') {
          time.advance(how);
        } else {
          const ticket = throttle.enter(true);
          ticket[how]?.();
          if (how !== 'cancel') all.push({ at: bucket(time.nowMs), how });
        }
        const now = bucket(time.nowMs);
        const counted = all.filter(
          (call) => call.at > now - 12 && !(call.how === 'pending' && call.at > now - 2),
        );
        const accepts = counted.filter((call) => call.how === 'accepted').length;
        const wanted = Math.max(0, (counted.length - 2 * accepts) / (counted.length + 1));
        expect(throttle.probability).toBeCloseTo(counted.length < 5 ? 0 : wanted, 12);
      }
    }),
    { numRuns: 50 },
  );
});
