'use strict';

// lib/policy/guard.js: what a call meets, in which order, and what is told. Single policies have tests
// of their own; here is how they work together.

const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const { Guard, policyConfig } = require('../../../lib/policy/guard');
const errors = require('../../../lib/errors');
const { virtualClock } = require('./helpers/virtual-clock');

const busy = (fields) =>
  new errors.ServerError('busy', {
    ...{ code: 'SERVER_BUSY', outcome: 'rejected', retryable: true, status: 503, ...fields },
  });
const lost = () => new errors.NetworkError('lost', { code: 'CONNECTION_LOST', outcome: 'unknown' });
const unsent = () =>
  new errors.NetworkError('no', { code: 'CONNECT_FAILED', outcome: 'not-sent', retryable: true });
const rateLimited = (retryAfterMs) =>
  new errors.RateLimitError('slow', {
    outcome: 'rejected',
    retryable: true,
    status: 429,
    retryAfterMs,
  });
const badRequest = () =>
  new errors.InvalidArgumentError('bad', { code: 'BAD_REQUEST', outcome: 'rejected', status: 400 });

function newGuard(given, random) {
  const time = virtualClock({ random });
  const told = [];
  const onEvent = (name, facts) => told.push([name, facts]);
  const guard = new Guard({ clock: time.clock, config: policyConfig(given), onEvent });
  const call = (options, send) => {
    const all = { type: 'create_sandbox', class: 'create', attempts: 3, baseMs: 1000, ...options };
    return time.run(guard.call(all, send));
  };
  const names = () => told.map(([name]) => name);
  return { time, told, names, guard, call };
}
const failing = (make) => jest.fn(() => Promise.reject(make()));
async function openBreaker({ call }, options) {
  const once = { attempts: 1, ...options };
  for (let i = 0; i < 20; i++) await call(once, failing(busy)).catch(() => {});
}

test('a success is answered, and nothing is told', async () => {
  const { call, told } = newGuard();
  await expect(call({}, async (attempt) => `made at ${attempt}`)).resolves.toBe('made at 0');
  expect(told).toEqual([]);
});

test('three attempts are three requests, with 1 s and 2 s between them, each told', async () => {
  const { call, told, time } = newGuard();
  const send = failing(busy);
  await expect(call({ sandboxId: 's1' }, send)).rejects.toMatchObject({ code: 'SERVER_BUSY' });
  expect(send.mock.calls.map(([attempt]) => attempt)).toEqual([0, 1, 2]);
  expect(time.waits).toEqual([1000, 2000]);
  const facts = { type: 'create_sandbox', sandboxId: 's1', code: 'SERVER_BUSY' };
  expect(told).toEqual([
    ['retry:scheduled', { ...facts, attempt: 1, delayMs: 1000 }],
    ['retry:scheduled', { ...facts, attempt: 2, delayMs: 2000 }],
  ]);
});

test('decisions go to diagnostics_channel too', async () => {
  const seen = [];
  const listener = (facts) => seen.push(facts.attempt);
  subscribe('e2b:retry:scheduled', listener);
  await newGuard()
    .call({}, failing(busy))
    .catch(() => {});
  unsubscribe('e2b:retry:scheduled', listener);
  expect(seen).toEqual([1, 2]);
});

test.each([
  ['a mistake of the caller', badRequest],
  ['a full quota', () => new errors.ConcurrencyError('full', { outcome: 'rejected', status: 429 })],
  ['a lost answer of a create', lost],
  ['what nobody knows', () => new TypeError('x')],
])('%s is sent once', async (what, make) => {
  const { call, time } = newGuard();
  const send = failing(make);
  await expect(call({}, send)).rejects.toThrow();
  expect(send).toHaveBeenCalledTimes(1);
  expect(time.waits).toEqual([]);
});

test('nobody at the address: three attempts are three', async () => {
  const { call } = newGuard();
  const send = failing(unsent);
  await expect(call({}, send)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
  expect(send).toHaveBeenCalledTimes(3);
});

test.each([
  ['one failure that never left this machine is no attempt', {}, 0, 4],
  ['but not when that was long ago', {}, 30_000, 3],
  ['and not when switched off', { retry: { unsentRetries: 0 } }, 0, 3],
])('while the far end answers others, %s', async (what, given, waitMs, sends) => {
  const { call, time } = newGuard(given);
  await call({ class: 'look' }, async () => 'seen');
  time.advance(waitMs);
  const send = failing(unsent);
  await expect(call({}, send)).rejects.toThrow('no');
  expect(send).toHaveBeenCalledTimes(sends);
});

test('the Retry-After of a 429 is obeyed, that of a 500 moves our wait by 5 s at most', async () => {
  const limited = newGuard();
  await limited
    .call(
      { attempts: 2 },
      failing(() => rateLimited(30_000)),
    )
    .catch(() => {});
  expect(limited.time.waits).toEqual([30_000]);
  const hinted = newGuard();
  const hint = () => busy({ code: 'SERVER_ERROR', status: 500, retryAfterMs: 30_000 });
  await hinted.call({ attempts: 2 }, failing(hint)).catch(() => {});
  expect(hinted.time.waits).toEqual([6000]);
});

test('a Retry-After above a minute is reported and not waited for', async () => {
  const { call, told, time } = newGuard();
  await expect(
    call(
      {},
      failing(() => rateLimited(60_001)),
    ),
  ).rejects.toThrow('slow');
  expect(time.waits).toEqual([]);
  expect(told).toEqual([
    ['retry:refused', expect.objectContaining({ reason: 'retry-after', code: 'RATE_LIMITED' })],
  ]);
});

// ---- deadline, signal --------------------------------------------------------------------------

test('no wait reaches the deadline, and each request knows what is left', async () => {
  const { call, told, time } = newGuard();
  const left = [];
  const send = (attempt, { leftMs }) => {
    left.push(leftMs);
    return Promise.reject(busy());
  };
  const deadlineMs = time.nowMs + 3000;
  await expect(call({ attempts: 10, deadlineMs }, send)).rejects.toMatchObject({
    code: 'SERVER_BUSY',
  });
  expect(left).toEqual([3000, 2000]);
  expect(told.at(-1)).toEqual(['retry:refused', expect.objectContaining({ reason: 'deadline' })]);
  expect(time.nowMs).toBeLessThan(deadlineMs);
});

test('past its deadline a call is not sent', async () => {
  const { call, time } = newGuard();
  const send = jest.fn();
  await expect(call({ deadlineMs: time.nowMs }, send)).rejects.toMatchObject({
    ...{ code: 'TIMEOUT', outcome: 'not-sent' },
  });
  expect(send).not.toHaveBeenCalled();
});

test('a signal ends the wait with its reason', async () => {
  const { call } = newGuard();
  const controller = new AbortController();
  const reason = new Error('closing');
  const send = () => {
    queueMicrotask(() => queueMicrotask(() => controller.abort(reason)));
    return Promise.reject(busy());
  };
  await expect(call({ signal: controller.signal }, send)).rejects.toBe(reason);
});

// ---- look --------------------------------------------------------------------------------------

test('what a look finds is the result, and a success of the far end', async () => {
  const { call, guard } = newGuard();
  const send = failing(lost);
  const look = jest.fn(async () => ({ found: 'sandbox' }));
  await expect(call({ look }, send)).resolves.toBe('sandbox');
  expect(look).toHaveBeenCalledWith(expect.objectContaining({ code: 'CONNECTION_LOST' }));
  expect(guard.breaker('create').counts).toEqual({ calls: 1, failures: 0, slow: 0 });
});

test('proof of absence lets it be sent again; it was a failure all the same', async () => {
  const { call, guard } = newGuard();
  const send = jest.fn().mockRejectedValueOnce(lost()).mockResolvedValueOnce('made');
  await expect(call({ look: async () => ({ absent: true }) }, send)).resolves.toBe('made');
  expect(guard.breaker('create').counts).toEqual({ calls: 2, failures: 1, slow: 0 });
});

test.each([
  ['knows nothing', async () => null],
  ['fails itself', () => Promise.reject(busy())],
])('a look that %s leaves the error as it was', async (what, look) => {
  const { call } = newGuard();
  const send = failing(lost);
  await expect(call({ look }, send)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  expect(send).toHaveBeenCalledTimes(1);
});

test('nothing is looked for when nothing can have happened', async () => {
  const look = jest.fn();
  await expect(newGuard().call({ look }, failing(busy))).rejects.toThrow('busy');
  expect(look).not.toHaveBeenCalled();
});

// ---- budget ------------------------------------------------------------------------------------

test('without budget nothing is repeated, and that is told', async () => {
  const all = newGuard({ retry: { retryBurst: 1, retryShare: 0 }, breaker: false });
  const send = failing(busy);
  await expect(all.call({}, send)).rejects.toThrow('busy');
  expect(send).toHaveBeenCalledTimes(2);
  expect(all.told.at(-1)).toEqual(['retry:refused', expect.objectContaining({ reason: 'budget' })]);
});

test('each backend has a budget of its own', async () => {
  const { call } = newGuard({ retry: { retryBurst: 1, retryShare: 0 }, breaker: false });
  for (const backend of ['a', 'b']) {
    const send = failing(busy);
    await expect(call({ backend }, send)).rejects.toThrow('busy');
    expect(send).toHaveBeenCalledTimes(2);
  }
});

test('looks and deletes are repeated without budget, and any call that says so', async () => {
  const { call } = newGuard({ retry: { retryBurst: 0, retryShare: 0 }, breaker: false });
  for (const options of [{ class: 'look' }, { class: 'terminate' }, { budgeted: false }]) {
    const send = failing(busy);
    await expect(call(options, send)).rejects.toThrow('busy');
    expect(send).toHaveBeenCalledTimes(3);
  }
});

// ---- breaker -----------------------------------------------------------------------------------

test('after twenty failures nothing is sent any more, for this class and backend alone', async () => {
  const all = newGuard();
  await openBreaker(all);
  const send = jest.fn(async () => 'made');
  await expect(all.call({}, send)).rejects.toMatchObject({
    ...{ code: 'BREAKER_OPEN', outcome: 'not-sent', retryAfterMs: 10_000 },
  });
  expect(send).not.toHaveBeenCalled();
  await expect(all.call({ class: 'look' }, send)).resolves.toBe('made');
  await expect(all.call({ backend: 'other' }, send)).resolves.toBe('made');
  expect(all.names()).toEqual(['breaker:open']);
  expect(all.told[0][1]).toMatchObject({ class: 'create', backend: 'default', calls: 20 });
});

test('it is probed after its time, closes, and lets everything through at once', async () => {
  // The throttle would hold back all that it may.
  const all = newGuard(undefined, () => 0);
  await openBreaker(all);
  all.time.advance(10_000);
  const send = jest.fn(async () => 'made');
  for (let i = 0; i < 50; i++) await expect(all.call({}, send)).resolves.toBe('made');
  expect(all.names()).toEqual(['breaker:open', 'breaker:half-open', 'breaker:closed']);
});

test('when it opens between two attempts, the error of the far end is the one that is thrown', async () => {
  const all = newGuard();
  await openBreaker(all, { backend: 'other' });
  for (let i = 0; i < 19; i++) await all.call({ attempts: 1 }, failing(busy)).catch(() => {});
  const send = failing(busy);
  await expect(all.call({}, send)).rejects.toMatchObject({ code: 'SERVER_BUSY' });
  expect(send).toHaveBeenCalledTimes(1);
});

test.each([
  ['mistakes of the caller', badRequest],
  ['rate limits', () => rateLimited(1000)],
  ['cancellations', () => new errors.CancelledError('given up', { outcome: 'unknown' })],
  ['our own capacity', () => new errors.CapacityError('full')],
])('%s never open it', async (what, make) => {
  const { call, guard } = newGuard({ breaker: { throttle: false } });
  for (let i = 0; i < 50; i++) await call({ attempts: 1 }, failing(make)).catch(() => {});
  expect(guard.breaker('create').state).toBe('closed');
});

test('the caller may say what an error means for the far end', async () => {
  const all = newGuard();
  const judge = () => 'success';
  await openBreaker(all, { judge });
  expect(all.guard.breaker('create').counts).toEqual({ calls: 20, failures: 0, slow: 0 });
});

test('the caller may say what is repeated', async () => {
  const { call } = newGuard();
  const send = failing(badRequest);
  await expect(call({ retryIf: () => true }, send)).rejects.toThrow('bad');
  expect(send).toHaveBeenCalledTimes(3);
});

test('isolated by hand it refuses, reset it lets through', async () => {
  const { call, guard } = newGuard();
  guard.breaker('create').isolate();
  expect(guard.refusal('create')).toMatchObject({ code: 'BREAKER_OPEN' });
  await expect(call({}, async () => 'made')).rejects.toMatchObject({ code: 'BREAKER_OPEN' });
  guard.breaker('create').reset();
  expect(guard.refusal('create')).toBeNull();
  await expect(call({}, async () => 'made')).resolves.toBe('made');
});

test('an end is always sent, however many have failed', async () => {
  const far = newGuard();
  const end = { type: 'terminate_sandbox', class: 'terminate' };
  await openBreaker(far, end);
  await expect(far.call(end, async () => 'ended')).resolves.toBe('ended');
  expect(far.names()).not.toContain('breaker:open');
});

test('switched off there is no breaker', async () => {
  const all = newGuard({ breaker: false });
  await openBreaker(all);
  await openBreaker(all);
  expect(all.guard.breaker('create')).toBeNull();
  await expect(all.call({ key: 'base' }, async () => 'made')).resolves.toBe('made');
});

// ---- throttle, ejection ------------------------------------------------------------------------

test('a far end that turns everything down is asked less: the rest is held back, and told', async () => {
  const { call, names } = newGuard(undefined, () => 0.5);
  const send = failing(() => rateLimited(1));
  for (let i = 0; i < 40; i++) await call({ attempts: 1 }, send).catch(() => {});
  expect(send).toHaveBeenCalledTimes(20);
  await expect(call({}, send)).rejects.toMatchObject({ code: 'THROTTLED', outcome: 'not-sent' });
  expect(new Set(names())).toEqual(new Set(['throttle:rejected']));
  await expect(call({ class: 'look' }, async () => 'seen')).resolves.toBe('seen');
});

test('a template that fails is left alone before it opens the breaker for the others', async () => {
  const { call, guard, names, time } = newGuard();
  await call({ key: 'good' }, async () => 'made');
  const send = failing(busy);
  for (let i = 0; i < 30; i++) await call({ key: 'bad', attempts: 1 }, send).catch(() => {});
  expect(send).toHaveBeenCalledTimes(5);
  expect(names()).toEqual(['ejection:ejected']);
  expect(guard.breaker('create').state).toBe('closed');
  await expect(call({ key: 'good' }, async () => 'made')).resolves.toBe('made');
  await expect(call({ key: 'bad' }, send)).rejects.toMatchObject({
    ...{ code: 'EJECTED', outcome: 'not-sent', retryAfterMs: 30_000 },
  });
  time.advance(30_000);
  await expect(call({ key: 'bad' }, async () => 'made')).resolves.toBe('made');
  expect(names()).toEqual(['ejection:ejected', 'ejection:returned']);
});

// ---- state -------------------------------------------------------------------------------------

test('state survives as JSON: breaker, budget, ejection', async () => {
  const one = newGuard();
  await openBreaker(one, { attempts: 2 });
  await one.call({ key: 'good', class: 'look' }, async () => 'made');
  for (let i = 0; i < 5; i++) {
    await one.call({ key: 'bad', class: 'look', attempts: 1 }, failing(busy)).catch(() => {});
  }
  const saved = JSON.parse(JSON.stringify(one.guard.state()));
  const two = newGuard();
  two.guard.restore(saved);
  expect(two.guard.refusal('create')).toMatchObject({ code: 'BREAKER_OPEN' });
  expect(two.guard.state().budgets).toEqual(saved.budgets);
  expect(saved.budgets[0].share).toBeLessThan(35);
  await expect(two.call({ key: 'bad', class: 'look' }, async () => 1)).rejects.toMatchObject({
    code: 'EJECTED',
  });
});

test.each([
  [null],
  [7],
  [{}],
  [{ version: 2 }],
  [{ version: 1, breakers: [null, {}], budgets: 7 }],
])('what is no state changes nothing (%j)', async (state) => {
  const { guard, call } = newGuard();
  guard.restore(state);
  await expect(call({}, async () => 'made')).resolves.toBe('made');
});

test('an unknown class is refused, with the nearest known one', async () => {
  expect(() => newGuard().guard.refusal('toString')).toThrow(/class must be one of/);
  await expect(newGuard().call({ class: 'creat' }, async () => 1)).rejects.toThrow(
    /did you mean create/,
  );
});
