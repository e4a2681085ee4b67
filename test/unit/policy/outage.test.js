'use strict';

// All policies together against a simulated far end, an hour of traffic at a time: what a caller gets
// when failures are transient (RES-02), and what a dead far end gets (no storm of retries).

const fc = require('fast-check');
const errors = require('../../../lib/errors');
const { Guard, policyConfig } = require('../../../lib/policy/guard');
const { virtualClock, dice } = require('./helpers/virtual-clock');

const make = (ErrorClass, code, fields) => () =>
  new ErrorClass(code, { code, retryable: true, ...fields });
const REFUSED = make(errors.NetworkError, 'CONNECT_FAILED', { outcome: 'not-sent' });
const BUSY = make(errors.ServerError, 'SERVER_BUSY', { outcome: 'rejected', status: 503 });
const LIMITED = make(errors.RateLimitError, 'RATE_LIMITED', {
  ...{ outcome: 'rejected', status: 429, retryAfterMs: 1000 },
});

/** `calls` of the default retry, one begun each `everyMs`, against `answer` (an error, or null). */
async function traffic({ seed, calls, everyMs, answer, config, attempts = 3 }) {
  const random = dice(seed);
  const time = virtualClock({ random });
  const guard = new Guard({ clock: time.clock, config: policyConfig(config) });
  const seen = { calls, sends: 0, failures: 0, held: 0, sendsAt: [] };
  const send = async () => {
    seen.sends++;
    seen.sendsAt.push(seen.sends - seen.begun);
    const error = answer(random, time);
    if (error) throw error;
  };
  seen.begun = 0;
  const one = async (i) => {
    await new Promise((resolve) => {
      time.clock.setTimeout(resolve, i * everyMs);
    });
    seen.begun++;
    const call = { type: 'create_sandbox', class: 'create', attempts, baseMs: 1000 };
    await guard.call(call, send).catch((error) => {
      seen.failures++;
      if (['BREAKER_OPEN', 'THROTTLED'].includes(error.code)) seen.held++;
    });
  };
  await time.run(Promise.all(Array.from({ length: calls }, (_, i) => one(i))));
  return { ...seen, guard, time };
}

const transient = (kinds) => (random) =>
  random() < 0.375 ? kinds[Math.floor(random() * kinds.length)]() : null;

test.each([1, 2, 3])(
  'RES-02: of 37.5 %% transient failures (refused, busy, rate), less than 5 %% are left; seed %i',
  async (seed) => {
    const answer = transient([REFUSED, BUSY, LIMITED]);
    const { failures, calls } = await traffic({ seed, calls: 3000, everyMs: 250, answer });
    expect(failures / calls).toBeLessThan(0.05);
    expect(failures / calls).toBeGreaterThan(0.01);
  },
);

test('of 37.5 % failures that all count as attempts, three attempts leave 0.375 cubed', async () => {
  const answer = transient([BUSY]);
  const { failures, calls, held } = await traffic({ seed: 4, calls: 6000, everyMs: 100, answer });
  expect(held).toBe(0);
  expect(failures / calls).toBeGreaterThan(0.04);
  expect(failures / calls).toBeLessThan(0.08);
});

test('without retries they are 37.5 %', async () => {
  const answer = transient([REFUSED, BUSY, LIMITED]);
  const config = { retry: { unsentRetries: 0 } };
  const all = await traffic({ seed: 1, calls: 3000, everyMs: 250, answer, config, attempts: 1 });
  expect(all.failures / all.calls).toBeCloseTo(0.375, 1);
});

test.each([
  ['with breaker and throttle', undefined],
  ['by the budget alone', { breaker: false }],
])(
  'total outage %s: sends are at most 1.1 times the calls and a burst of 35',
  async (what, config) => {
    const kind = fc.constantFrom(REFUSED, BUSY, LIMITED);
    const shape = fc.record({
      ...{ seed: fc.nat(), calls: fc.integer({ min: 1, max: 300 }), kind },
      ...{ everyMs: fc.integer({ min: 0, max: 5000 }), attempts: fc.integer({ min: 1, max: 10 }) },
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ kind: error, ...rest }) => {
        const { sendsAt, begun, failures, sends } = await traffic({
          ...rest,
          config,
          answer: error,
        });
        expect(failures).toBe(begun);
        expect(sends).toBeLessThanOrEqual(1.1 * begun + 35 + 1e-6);
        expect(Math.max(0, ...sendsAt)).toBeLessThanOrEqual(0.1 * begun + 35 + 1e-6);
      }),
      { numRuns: 30 },
    );
  },
);

test('a dead far end is hardly asked: the breaker opens, and probes thin out to one in five minutes', async () => {
  const all = await traffic({ seed: 1, calls: 3600, everyMs: 1000, answer: BUSY });
  expect(all.failures).toBe(3600);
  expect(all.sends).toBeLessThan(80);
});

test('after an outage of ten minutes calls succeed again once the next probes have passed', async () => {
  let endMs = 0;
  const answer = (random, time) => {
    endMs ||= time.nowMs + 600_000;
    return time.nowMs < endMs ? BUSY() : null;
  };
  const all = await traffic({ seed: 1, calls: 1800, everyMs: 1000, answer });
  const failuresAfter = all.failures - 600;
  expect(failuresAfter).toBeLessThan(330);
  expect(all.guard.breaker('create').state).toBe('closed');
});
