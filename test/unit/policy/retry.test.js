'use strict';

// lib/policy/retry.js: what is done again, how often, after which waits. Time is a fake that runs
// every timer at once and writes down how long it would have been.

const { retry } = require('../../../lib/policy/retry');
const { RetryBudget } = require('../../../lib/policy/retry-budget');
const { createClock } = require('../../../lib/clock');
const { virtualClock } = require('./helpers/virtual-clock');

function fakeClock(random = 1) {
  const waits = [];
  const clock = createClock({
    random: () => random,
    setTimeout: (callback, ms) => {
      waits.push(ms);
      queueMicrotask(callback);
      return waits.length;
    },
    clearTimeout: () => {},
  });
  return { clock, waits };
}

const failing = (error) => jest.fn().mockRejectedValue(error);
const retryable = (fields) => Object.assign(new Error('again'), { retryable: true, ...fields });

test('three attempts are three calls, with 1 s and 2 s between them', async () => {
  const { clock, waits } = fakeClock();
  const operation = failing(retryable());
  await expect(retry(operation, { attempts: 3, baseMs: 1000, clock })).rejects.toThrow('again');
  expect(operation).toHaveBeenCalledTimes(3);
  expect(waits).toEqual([1000, 2000]);
});

test('the last error is the one that is thrown', async () => {
  const { clock } = fakeClock();
  let call = 0;
  const operation = () => Promise.reject(retryable({ call: ++call }));
  await expect(retry(operation, { attempts: 4, baseMs: 1, clock })).rejects.toMatchObject({
    call: 4,
  });
});

test('success after a failure ends the attempts', async () => {
  const { clock, waits } = fakeClock();
  const operation = jest.fn().mockRejectedValueOnce(retryable()).mockResolvedValueOnce('made');
  await expect(retry(operation, { attempts: 3, baseMs: 1000, clock })).resolves.toBe('made');
  expect(waits).toEqual([1000]);
});

test.each([[new Error('no word of it')], [retryable({ retryable: false })], [undefined], ['text']])(
  'what does not say retryable: true is not done again (%p)',
  async (thrown) => {
    const { clock } = fakeClock();
    const operation = failing(thrown);
    await expect(retry(operation, { attempts: 3, baseMs: 1, clock })).rejects.toBe(thrown);
    expect(operation).toHaveBeenCalledTimes(1);
  },
);

test('Retry-After lengthens the wait', async () => {
  const { clock, waits } = fakeClock(0.5);
  const operation = failing(retryable({ retryAfterMs: 7000 }));
  await expect(retry(operation, { attempts: 2, baseMs: 1000, clock })).rejects.toThrow();
  expect(waits).toEqual([7000]);
});

test('a Retry-After of more than a minute is not waited for', async () => {
  const { clock, waits } = fakeClock();
  const operation = failing(retryable({ retryAfterMs: 60_001 }));
  await expect(retry(operation, { attempts: 3, baseMs: 1000, clock })).rejects.toThrow();
  expect(operation).toHaveBeenCalledTimes(1);
  expect(waits).toEqual([]);
});

test('each wait is told before it begins', async () => {
  const { clock } = fakeClock();
  const told = [];
  const rule = { attempts: 3, baseMs: 10, clock, onRetry: (facts) => told.push(facts) };
  await expect(retry(failing(retryable({ code: 'X' })), rule)).rejects.toThrow();
  expect(told).toEqual([
    { attempt: 1, delayMs: 10, error: expect.objectContaining({ code: 'X' }) },
    { attempt: 2, delayMs: 20, error: expect.objectContaining({ code: 'X' }) },
  ]);
});

test('an abort ends the wait at once, with its reason, and its timer is cleared', async () => {
  const cleared = [];
  const clock = createClock({
    setTimeout: () => 'timer',
    clearTimeout: (timer) => cleared.push(timer),
  });
  const controller = new AbortController();
  const reason = new Error('closing');
  const onRetry = () => queueMicrotask(() => controller.abort(reason));
  const rule = { attempts: 3, baseMs: 1e6, clock, signal: controller.signal, onRetry };
  const operation = failing(retryable());
  await expect(retry(operation, rule)).rejects.toBe(reason);
  expect(operation).toHaveBeenCalledTimes(1);
  expect(cleared).toEqual(['timer']);
});

// ---- what the guard adds: deadline, judge, spending ---------------------------------------------

test('a wait that would reach the deadline is not begun: the error comes at once', async () => {
  const time = virtualClock();
  const stopped = [];
  const rule = { attempts: 9, baseMs: 1000, clock: time.clock, deadlineMs: time.nowMs + 3000 };
  const onStop = ({ attempt, reason }) => stopped.push([attempt, reason]);
  const operation = failing(retryable());
  await expect(time.run(retry(operation, { ...rule, onStop }))).rejects.toThrow('again');
  expect(time.waits).toEqual([1000]);
  expect(operation.mock.calls).toEqual([
    [0, { leftMs: 3000 }],
    [1, { leftMs: 2000 }],
  ]);
  expect(stopped).toEqual([[2, 'deadline']]);
});

test('no call begins after the deadline, even when a timer was late', async () => {
  const time = virtualClock();
  const { clock } = time;
  const late = { ...clock, setTimeout: (callback, ms) => clock.setTimeout(callback, ms * 10) };
  const operation = failing(retryable());
  const rule = { attempts: 9, baseMs: 1000, clock: late, deadlineMs: time.nowMs + 3000 };
  await expect(time.run(retry(operation, rule))).rejects.toThrow('again');
  expect(operation).toHaveBeenCalledTimes(1);
});

test('past the deadline nothing is sent at all', async () => {
  const { clock, nowMs } = virtualClock();
  const operation = jest.fn();
  const rule = { attempts: 3, baseMs: 1, clock, deadlineMs: nowMs };
  await expect(retry(operation, rule)).rejects.toMatchObject({
    ...{ name: 'TimeoutError', outcome: 'not-sent', retryable: true },
  });
  expect(operation).not.toHaveBeenCalled();
});

test('a judge replaces the word of the error; what is free is no attempt', async () => {
  const time = virtualClock();
  let free = 2;
  const judge = () => ({ again: true, free: free-- > 0 });
  const operation = failing(new Error('no word of it'));
  const rule = { attempts: 2, baseMs: 1, clock: time.clock, judge };
  await expect(time.run(retry(operation, rule))).rejects.toThrow('no word of it');
  expect(operation).toHaveBeenCalledTimes(4);
});

test('a retry that is not made costs nothing', async () => {
  const time = virtualClock();
  const budget = new RetryBudget();
  const operation = failing(retryable({ retryAfterMs: 60_001 }));
  const rule = { attempts: 3, baseMs: 1, clock: time.clock, spending: budget.call() };
  await expect(retry(operation, rule)).rejects.toThrow();
  await expect(
    retry(failing(retryable()), { ...rule, deadlineMs: time.nowMs + 1, baseMs: 1000 }),
  ).rejects.toThrow();
  expect(budget.toJSON()).toEqual({ tokens: 500, share: 35 });
});

test('a throttled retry pays less', async () => {
  const time = virtualClock();
  const budget = new RetryBudget();
  const judge = () => ({ again: true, throttled: true });
  const rule = { attempts: 2, baseMs: 1, clock: time.clock, judge, spending: budget.call() };
  await expect(time.run(retry(failing(retryable()), rule))).rejects.toThrow();
  expect(budget.tokens).toBe(495);
});
