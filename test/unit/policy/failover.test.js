'use strict';

// lib/policy/failover.js: which errors lead to the next target, which end it, and what is kept.

const { failoverBackends, failoverSandboxes } = require('../../../lib/policy/failover');
const errors = require('../../../lib/errors');

const REGIONS = ['us-west-2', 'us-east-1', 'eu-west-1'];
const down = (region, fields) =>
  new errors.ServerError(`${region} is down`, {
    ...{ code: 'SERVER_BUSY', outcome: 'rejected', retryable: true, status: 503, ...fields },
  });
const of = (ErrorClass, code, outcome, status = null) =>
  new ErrorClass(code, { code, outcome, status });
/** Fails with what `failures` has for a target, else answers its name. */
const running = (failures) =>
  jest.fn(async (target) => {
    if (failures[target]) throw failures[target];
    return `done in ${target}`;
  });
const visited = (run) => run.mock.calls.map(([target]) => target);

// ---- backends and regions (RES-05) -------------------------------------------------------------

test('the first region that works is used, and no other one asked', async () => {
  const run = running({});
  await expect(failoverBackends(REGIONS, run, { class: 'create' })).resolves.toBe(
    'done in us-west-2',
  );
  expect(visited(run)).toEqual(['us-west-2']);
});

test('regions are tried in their order, and each step is told', async () => {
  const run = running({ 'us-west-2': down('us-west-2'), 'us-east-1': down('us-east-1') });
  const told = [];
  const onFailover = ({ from, index, error }) => told.push([from, index, error.message]);
  await expect(failoverBackends(REGIONS, run, { class: 'create', onFailover })).resolves.toBe(
    'done in eu-west-1',
  );
  expect(run.mock.calls).toEqual(REGIONS.map((region, i) => [region, i]));
  expect(told).toEqual([
    ['us-west-2', 1, 'us-west-2 is down'],
    ['us-east-1', 2, 'us-east-1 is down'],
  ]);
});

test('only after the last there is an error: its own, with all of them in order', async () => {
  const failures = Object.fromEntries(REGIONS.map((region) => [region, down(region)]));
  const error = await failoverBackends(REGIONS, running(failures), { class: 'create' }).catch(
    (thrown) => thrown,
  );
  expect(error).toBe(failures['eu-west-1']);
  expect(error.errors).toEqual(REGIONS.map((target) => ({ target, error: failures[target] })));
  expect(JSON.stringify(error)).not.toContain('us-west-2');
  expect(Object.keys(error)).not.toContain('errors');
});

test.each([
  [of(errors.InvalidArgumentError, 'BAD_REQUEST', 'rejected', 400)],
  [of(errors.AuthenticationError, 'UNAUTHENTICATED', 'rejected', 401)],
  [of(errors.NotFoundError, 'NOT_FOUND', 'rejected', 404)],
  [of(errors.RateLimitError, 'RATE_LIMITED', 'rejected', 429)],
  [of(errors.ConcurrencyError, 'CONCURRENCY_LIMIT', 'rejected', 429)],
  [of(errors.TimeoutError, 'TIMEOUT', 'unknown', 408)],
  [of(errors.InvalidArgumentError, 'INVALID_ARGUMENT', 'not-sent')],
  [of(errors.CancelledError, 'CANCELLED', 'unknown')],
  [of(errors.BudgetError, 'BUDGET', 'not-sent')],
  [new TypeError('a bug')],
])('no other region is asked after %p', async (error) => {
  const run = running({ 'us-west-2': error });
  await expect(failoverBackends(REGIONS, run, { class: 'look' })).rejects.toBe(error);
  expect(visited(run)).toEqual(['us-west-2']);
});

test('a create that may have happened is made nowhere else; a look is made again', async () => {
  const lost = of(errors.NetworkError, 'CONNECTION_LOST', 'unknown');
  const run = running({ 'us-west-2': lost });
  await expect(failoverBackends(REGIONS, run, { class: 'create' })).rejects.toBe(lost);
  expect(visited(run)).toEqual(['us-west-2']);
  await expect(failoverBackends(REGIONS, run, { class: 'look' })).resolves.toBe(
    'done in us-east-1',
  );
});

test.each([['NO_COMPATIBLE_NODE'], ['BREAKER_OPEN'], ['THROTTLED'], ['EJECTED']])(
  '%s here is no word on the next region',
  async (code) => {
    const run = running({ 'us-west-2': of(errors.ServerError, code, 'rejected') });
    await expect(failoverBackends(REGIONS, run, { class: 'create' })).resolves.toBe(
      'done in us-east-1',
    );
  },
);

test('a region whose breaker is open is left out', async () => {
  const open = of(errors.ServerError, 'BREAKER_OPEN', 'not-sent');
  const refusal = (region) => (region === 'us-west-2' ? open : null);
  const run = running({});
  await expect(failoverBackends(REGIONS, run, { class: 'create', refusal })).resolves.toBe(
    'done in us-east-1',
  );
  expect(visited(run)).toEqual(['us-east-1']);
});

test('all breakers open: nothing runs, and the error says so', async () => {
  const refusal = () => of(errors.ServerError, 'BREAKER_OPEN', 'not-sent');
  const run = running({});
  const failing = failoverBackends(REGIONS, run, { class: 'create', refusal });
  await expect(failing).rejects.toMatchObject({ code: 'BREAKER_OPEN' });
  expect(run).not.toHaveBeenCalled();
});

test('what is placed stays where it is', async () => {
  const error = down('us-east-1');
  const run = running({ 'us-east-1': error });
  await expect(failoverBackends(REGIONS, run, { class: 'look', placed: 'us-east-1' })).rejects.toBe(
    error,
  );
  expect(visited(run)).toEqual(['us-east-1']);
});

test('a signal ends it between two regions, with its reason', async () => {
  const controller = new AbortController();
  const reason = new Error('closing');
  const run = jest.fn(async () => {
    controller.abort(reason);
    throw down('us-west-2');
  });
  const { signal } = controller;
  await expect(failoverBackends(REGIONS, run, { class: 'create', signal })).rejects.toBe(reason);
  expect(run).toHaveBeenCalledTimes(1);
});

test('no target at all is a mistake of ours', async () => {
  await expect(failoverBackends([], running({}), { class: 'look' })).rejects.toThrow(TypeError);
});

// ---- sandboxes (RES-04, RES-10) ----------------------------------------------------------------

const REPEATABLE = { repeatable: true };

test.each([
  ['is gone', of(errors.NotFoundError, 'SANDBOX_GONE', 'rejected', 502)],
  ['is unknown', of(errors.NotFoundError, 'NOT_FOUND', 'rejected', 404)],
  ['runs out of time', of(errors.TimeoutError, 'TIMEOUT', 'interrupted')],
  ['is lost in the middle', of(errors.NetworkError, 'CONNECTION_LOST', 'interrupted')],
  ['has a full disk', of(errors.ServerError, 'DISK_FULL', 'rejected', 507)],
  ['has no daemon', of(errors.ServerError, 'PORT_CLOSED', 'rejected', 502)],
])('repeatable work goes to the fallback when the primary %s', async (what, error) => {
  const run = running({ primary: error });
  await expect(failoverSandboxes(['primary', 'fallback'], run, REPEATABLE)).resolves.toBe(
    'done in fallback',
  );
});

test('other work runs in the primary alone', async () => {
  const gone = of(errors.NotFoundError, 'SANDBOX_GONE', 'rejected', 502);
  const run = running({ primary: gone });
  await expect(failoverSandboxes(['primary', 'fallback'], run)).rejects.toBe(gone);
  expect(visited(run)).toEqual(['primary']);
});

test.each([
  ['ends badly', of(errors.ProcessExitError, 'NON_ZERO_EXIT', 'interrupted')],
  ['is refused', of(errors.InvalidArgumentError, 'BAD_REQUEST', 'rejected', 400)],
  ['is given up', of(errors.CancelledError, 'CANCELLED', 'interrupted')],
  [
    'was out of memory',
    Object.assign(of(errors.NetworkError, 'CONNECTION_LOST', 'interrupted'), { reason: 'oom' }),
  ],
])('work that %s would do so anywhere', async (what, error) => {
  const run = running({ primary: error });
  await expect(failoverSandboxes(['primary', 'fallback'], run, REPEATABLE)).rejects.toBe(error);
});

test('a fallback is only made when it is wanted', async () => {
  const made = [];
  async function* sandboxes() {
    for (const name of ['primary', 'second', 'third']) {
      made.push(name);
      yield name;
    }
  }
  const run = running({ primary: of(errors.TimeoutError, 'TIMEOUT', 'interrupted') });
  await expect(failoverSandboxes(sandboxes(), run, REPEATABLE)).resolves.toBe('done in second');
  expect(made).toEqual(['primary', 'second']);
});
