'use strict';

// lib/policy/breaker.js: exact transitions under a clock that stands still. Any mixture of calls against
// a model: breaker-model.test.js.

const { Breaker } = require('../../../lib/policy/breaker');
const { virtualClock } = require('./helpers/virtual-clock');

function newBreaker(numbers) {
  const time = virtualClock();
  const told = [];
  const onChange = (state, facts) => told.push([state, facts.reason ?? null]);
  const breaker = new Breaker({ clock: time.clock, numbers, onChange });
  return { time, told, breaker };
}
const calls = (breaker, n, how, ms) => {
  for (let i = 0; i < n; i++) breaker.enter()[how](ms);
};
const refusalOf = (breaker) => {
  try {
    breaker.enter();
    return null;
  } catch (error) {
    return error;
  }
};
function open(numbers) {
  const all = newBreaker(numbers);
  calls(all.breaker, 20, 'failure');
  return all;
}

test('it opens at half of twenty calls', () => {
  const { breaker, told } = newBreaker();
  calls(breaker, 10, 'success');
  calls(breaker, 9, 'failure');
  expect(breaker.state).toBe('closed');
  calls(breaker, 1, 'failure');
  expect(breaker.state).toBe('open');
  expect(told).toEqual([['open', 'failures']]);
});

test('nineteen failures in a row do not open it: there were too few calls', () => {
  const { breaker } = newBreaker();
  calls(breaker, 19, 'failure');
  expect(breaker.state).toBe('closed');
});

test('less than half does not open it', () => {
  const { breaker } = newBreaker();
  calls(breaker, 11, 'success');
  calls(breaker, 10, 'failure');
  expect(breaker.state).toBe('closed');
});

test('failures older than 30 s are forgotten', () => {
  const { breaker, time } = newBreaker();
  calls(breaker, 19, 'failure');
  time.advance(30_000);
  calls(breaker, 1, 'failure');
  expect(breaker.counts).toEqual({ calls: 1, failures: 1, slow: 0 });
  expect(breaker.state).toBe('closed');
});

test('calls of one minute open it when all are so slow', () => {
  const { breaker, told } = newBreaker();
  calls(breaker, 19, 'success', 60_000);
  expect(breaker.state).toBe('closed');
  calls(breaker, 1, 'success', 60_000);
  expect(told).toEqual([['open', 'slow']]);
});

test('the slow-call rate can be lower', () => {
  const { breaker } = newBreaker({ slowCallMs: 5000, slowCallRate: 0.5 });
  calls(breaker, 10, 'success', 4999);
  calls(breaker, 9, 'success', 5000);
  expect(breaker.state).toBe('closed');
  calls(breaker, 1, 'success', 5000);
  expect(breaker.state).toBe('open');
});

test('calls that were given up are not counted', () => {
  const { breaker } = newBreaker();
  calls(breaker, 100, 'cancel');
  expect(breaker.counts.calls).toBe(0);
});

test('open: refused at once, not sent, with the time until a probe', () => {
  const { breaker, time } = open();
  time.advance(4000);
  expect(refusalOf(breaker)).toMatchObject({
    ...{ name: 'ServerError', code: 'BREAKER_OPEN', outcome: 'not-sent', retryable: true },
    retryAfterMs: 6000,
  });
});

test('to ask for a refusal makes no call', () => {
  const { breaker, time } = open();
  expect(breaker.refusal()).toMatchObject({ code: 'BREAKER_OPEN', retryAfterMs: 10_000 });
  time.advance(10_000);
  expect(breaker.refusal()).toBeNull();
  expect(breaker.refusal()).toBeNull();
});

test('after 10 s one probe at a time; it closes when two of three have passed', () => {
  const { breaker, time, told } = open();
  time.advance(10_000);
  const first = breaker.enter();
  expect(breaker.state).toBe('half-open');
  expect(refusalOf(breaker)).toMatchObject({ code: 'BREAKER_OPEN', retryAfterMs: null });
  first.success();
  breaker.enter().failure();
  expect(breaker.state).toBe('half-open');
  breaker.enter().success();
  expect(breaker.state).toBe('closed');
  expect(told).toEqual([
    ['open', 'failures'],
    ['half-open', null],
    ['closed', 'probes'],
  ]);
});

test('never more probes under way than are still needed', () => {
  const { breaker, time } = open({ probes: 4, probesAtOnce: 3 });
  time.advance(10_000);
  breaker.enter().success();
  breaker.enter().failure();
  breaker.enter();
  breaker.enter();
  expect(refusalOf(breaker)).toMatchObject({ code: 'BREAKER_OPEN' });
});

test('a failure rate of 100 %: one probe that passes closes it', () => {
  const { breaker, time } = open({ failureRate: 1 });
  time.advance(10_000);
  calls(breaker, 2, 'failure');
  expect(breaker.state).toBe('half-open');
  calls(breaker, 1, 'success');
  expect(breaker.state).toBe('closed');
});

test('probes that fail, or are slow, open it for twice as long, up to five minutes', () => {
  const { breaker, time } = open();
  const waits = [];
  for (const [how, ms] of [['failure'], ['success', 60_000], ['failure'], ['failure']]) {
    time.advance(breaker.refusal().retryAfterMs);
    calls(breaker, 2, how, ms);
    waits.push(breaker.refusal().retryAfterMs);
  }
  expect(waits).toEqual([20_000, 40_000, 80_000, 160_000]);
  for (let i = 0; i < 3; i++) {
    time.advance(breaker.refusal().retryAfterMs);
    calls(breaker, 2, 'failure');
  }
  expect(breaker.refusal().retryAfterMs).toBe(300_000);
});

test('a probe that was given up frees its place and proves nothing', () => {
  const { breaker, time } = open();
  time.advance(10_000);
  breaker.enter().cancel();
  breaker.enter().success();
  expect(breaker.state).toBe('half-open');
});

test('a probe that nobody hears of again counts as failed after two minutes', () => {
  const { breaker, time } = open();
  time.advance(10_000);
  const lost = breaker.enter();
  time.advance(119_999);
  expect(breaker.state).toBe('half-open');
  time.advance(1);
  expect(breaker.state).toBe('open');
  lost.success();
  expect(breaker.state).toBe('open');
});

test('once it has closed, the time open starts anew', () => {
  const { breaker, time } = open();
  time.advance(10_000);
  calls(breaker, 2, 'failure');
  expect(breaker.refusal().retryAfterMs).toBe(20_000);
  time.advance(20_000);
  calls(breaker, 2, 'success');
  expect(breaker.state).toBe('closed');
  calls(breaker, 20, 'failure');
  expect(breaker.refusal().retryAfterMs).toBe(10_000);
});

test('an outcome that is known late counts when it is known', () => {
  const { breaker, time } = newBreaker();
  const unknown = Array.from({ length: 20 }, () => breaker.enter());
  time.advance(25_000);
  calls(breaker, 5, 'failure');
  for (const ticket of unknown) ticket.success();
  expect(breaker.state).toBe('closed');
  expect(breaker.counts).toEqual({ calls: 25, failures: 5, slow: 0 });
});

test('only the first word of a call counts', () => {
  const { breaker } = newBreaker();
  const ticket = breaker.enter();
  ticket.success();
  ticket.failure();
  expect(breaker.counts).toEqual({ calls: 1, failures: 0, slow: 0 });
});

test('what began before it opened is no news afterwards', () => {
  const { breaker, time } = newBreaker();
  const early = Array.from({ length: 3 }, () => breaker.enter());
  calls(breaker, 20, 'failure');
  time.advance(10_000);
  expect(breaker.state).toBe('half-open');
  for (const ticket of early) ticket.success();
  expect(breaker.state).toBe('half-open');
});

test('isolated: refused until it is reset', () => {
  const { breaker, time, told } = newBreaker();
  breaker.isolate();
  time.advance(1e9);
  expect(refusalOf(breaker)).toMatchObject({ code: 'BREAKER_OPEN', retryAfterMs: null });
  breaker.isolate();
  breaker.reset();
  expect(breaker.state).toBe('closed');
  expect(told).toEqual([
    ['open', 'isolated'],
    ['closed', 'reset'],
  ]);
});

test('reset forgets counts and growth', () => {
  const { breaker, time } = open();
  time.advance(10_000);
  calls(breaker, 2, 'failure');
  breaker.reset();
  calls(breaker, 19, 'failure');
  expect(breaker.state).toBe('closed');
  calls(breaker, 1, 'failure');
  expect(breaker.refusal().retryAfterMs).toBe(10_000);
});

// ---- saved and restored ------------------------------------------------------------------------

function restored(saved, downMs = 0, numbers = undefined) {
  const time = virtualClock({ startMs: 5 });
  const clock = { ...time.clock, now: () => saved.savedAtMs + downMs + time.nowMs - 5 };
  const breaker = new Breaker({ clock, numbers });
  const good = breaker.restore(JSON.parse(JSON.stringify(saved)));
  return { breaker, time, good };
}

test('an open breaker is open for the rest of its time after a restart', () => {
  const { breaker, time } = open();
  time.advance(2000);
  const later = restored(breaker.toJSON(), 3000);
  expect(later.breaker.refusal().retryAfterMs).toBe(5000);
  later.time.advance(5000);
  expect(later.breaker.state).toBe('half-open');
});

test('its growth survives too, and a half-open one probes anew', () => {
  const { breaker, time } = open();
  time.advance(10_000);
  breaker.enter();
  const later = restored(breaker.toJSON());
  expect(later.breaker.state).toBe('half-open');
  calls(later.breaker, 2, 'failure');
  expect(later.breaker.refusal().retryAfterMs).toBe(20_000);
});

test('the counts of a closed one survive, as far as they are not too old', () => {
  const { breaker, time } = newBreaker();
  calls(breaker, 5, 'failure');
  time.advance(15_000);
  calls(breaker, 4, 'failure');
  const saved = breaker.toJSON();
  expect(restored(saved).breaker.counts.failures).toBe(9);
  expect(restored(saved, 15_000).breaker.counts.failures).toBe(4);
  expect(restored(saved, 60_000).breaker.counts.failures).toBe(0);
});

test('a wall clock that was set back makes it wait no longer than it would have', () => {
  const { breaker } = open();
  expect(restored(breaker.toJSON(), -1e9).breaker.refusal().retryAfterMs).toBe(10_000);
});

test('restored over one that is probing, it probes anew', () => {
  const { breaker, time } = open();
  time.advance(10_000);
  breaker.enter();
  breaker.restore(breaker.toJSON());
  expect(breaker.state).toBe('half-open');
  expect(breaker.refusal()).toBeNull();
});

test('an isolated one stays so', () => {
  const { breaker } = newBreaker();
  breaker.isolate();
  expect(restored(breaker.toJSON()).breaker.state).toBe('isolated');
});

test.each([[null], [{}], [{ state: 'ajar', opens: 1, leftMs: 1, savedAtMs: 1 }], ['x']])(
  'what is no saved breaker changes nothing (%j)',
  (saved) => {
    const { breaker } = newBreaker();
    expect(breaker.restore(saved)).toBe(false);
    expect(breaker.state).toBe('closed');
  },
);
