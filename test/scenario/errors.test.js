'use strict';

// SUITE-14: error handling. NAT-18 through the manager, CFG-04, CFG-05, C-18, C-49, EVT-09.

const { createServer } = require('node:net');
const { createClock } = require('../../lib/clock');
const { recorded, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

/** A clock whose waits are over at once, and that writes down how long they would have been. */
function quickClock(random) {
  const waits = [];
  const clock = createClock({
    random: () => random,
    setTimeout: (callback, ms) => {
      waits.push(ms);
      return setTimeout(callback, 0);
    },
  });
  return { clock, waits };
}

describe('without a key', () => {
  const saved = process.env.E2B_API_KEY;
  beforeEach(() => delete process.env.E2B_API_KEY);
  afterEach(() => {
    delete process.env.E2B_API_KEY;
    if (saved !== undefined) process.env.E2B_API_KEY = saved;
  });

  test.each([[undefined], ['']])(
    'apiKey %p: the text names the variable, nothing is sent',
    async (apiKey) => {
      const manager = fleet.manager({ apiKey });
      expect(await manager.createTradingSandbox()).toMatchObject({
        success: false,
        code: 'MISSING_API_KEY',
        outcome: 'not-sent',
        error: expect.stringContaining('E2B_API_KEY'),
      });
      expect(fleet.backend.requests).toEqual([]);
    },
  );

  test("apiKey '' does not fall back to the environment", async () => {
    process.env.E2B_API_KEY = fleet.client.apiKey;
    expect(await fleet.manager({ apiKey: '' }).createTradingSandbox()).toMatchObject({
      code: 'MISSING_API_KEY',
    });
    const manager = fleet.manager({ apiKey: undefined });
    expect(await manager.createTradingSandbox()).toMatchObject({ success: true });
    await manager.shutdown();
  });

  test('a key that is set later works without a new manager', async () => {
    const manager = fleet.manager({ apiKey: undefined });
    expect((await manager.createTradingSandbox()).success).toBe(false);
    process.env.E2B_API_KEY = fleet.client.apiKey;
    expect((await manager.createTradingSandbox()).success).toBe(true);
    await manager.shutdown();
  });
});

test('a wrong key is refused by the far end, asked once, and shown nowhere', async () => {
  const apiKey = 'e2b_0badbadbadbadbad';
  const manager = fleet.manager({ apiKey });
  const { events } = recorded(manager);
  const result = await manager.createTradingSandbox();
  expect(result).toMatchObject({ success: false, code: 'UNAUTHENTICATED', status: 401 });
  expect(fleet.asked('create')).toHaveLength(1);
  expect(JSON.stringify([result, events, manager.getStats(), manager.config])).not.toContain(
    apiKey,
  );
});

test.each([
  [400, 'BAD_REQUEST', 'rejected', 1],
  [403, 'PERMISSION_DENIED', 'rejected', 1],
  [404, 'NOT_FOUND', 'rejected', 1],
  [429, 'CONCURRENCY_LIMIT', 'rejected', 1],
  // Nothing was found after each: begun anew, under a token of its own.
  [500, 'SERVER_ERROR', 'unknown', 3],
  [503, 'SERVER_BUSY', 'rejected', 3],
])('a create answered with %i is %s, %s, after %i calls', async (status, code, outcome, calls) => {
  const manager = fleet.manager();
  const { of } = recorded(manager);
  const action = { status, body: { code: status, message: 'why' } };
  fleet.backend.faults.add({ op: 'create', action });
  expect(await manager.createTradingSandbox()).toMatchObject({
    success: false,
    code,
    outcome,
    status,
    error: expect.stringContaining('why'),
  });
  expect(fleet.asked('create')).toHaveLength(calls);
  expect(of('error')).toEqual([
    { type: 'create_sandbox', sandboxId: null, error: expect.objectContaining({ code, status }) },
  ]);
  expect(manager.stats).toMatchObject({ errors: 1, sandboxesCreated: 0 });
});

test('retryAttempts is the number of calls that a failing far end sees', async () => {
  fleet.backend.faults.add({ op: 'create', action: { status: 503 } });
  for (const retryAttempts of [1, 5]) {
    fleet.backend.requests.length = 0;
    await fleet.manager({ retryAttempts }).createTradingSandbox();
    expect(fleet.asked('create')).toHaveLength(retryAttempts);
  }
});

test('the waits are full jitter of 1 s and 2 s', async () => {
  const { clock, waits } = quickClock(1);
  const manager = fleet.manager({ retryDelay: undefined, clock });
  const { of } = recorded(manager);
  fleet.backend.faults.add({ op: 'create', action: { status: 503 } });
  await manager.createTradingSandbox();
  expect(waits).toEqual([1000, 2000]);
  expect(of('retry:scheduled')).toEqual([
    { type: 'create_sandbox', sandboxId: null, attempt: 1, delayMs: 1000, code: 'SERVER_BUSY' },
    { type: 'create_sandbox', sandboxId: null, attempt: 2, delayMs: 2000, code: 'SERVER_BUSY' },
  ]);
});

test('Retry-After is the floor of the wait', async () => {
  const { clock, waits } = quickClock(0);
  const manager = fleet.manager({ clock });
  fleet.backend.faults.add({ op: 'create', n: 1, action: { status: 429, retryAfter: 7 } });
  expect(await manager.createTradingSandbox()).toMatchObject({ success: true });
  expect(waits).toEqual([7000]);
});

test('a Retry-After of an hour is told instead of waited for', async () => {
  const manager = fleet.manager();
  fleet.backend.faults.add({ op: 'create', action: { status: 429, retryAfter: 3600 } });
  expect(await manager.createTradingSandbox()).toMatchObject({
    code: 'RATE_LIMITED',
    retryAfterMs: 3_600_000,
  });
  expect(fleet.asked('create')).toHaveLength(1);
});

test('a failure that passes is not seen', async () => {
  const manager = fleet.manager();
  const { of } = recorded(manager);
  fleet.backend.faults.add({ op: 'create', n: 2, action: { status: 503 } });
  expect(await manager.createTradingSandbox()).toMatchObject({ success: true });
  expect(of('error')).toEqual([]);
});

test('a malformed answer is a failure that says so', async () => {
  const manager = fleet.manager();
  const { sandboxId } = await manager.createTradingSandbox();
  const action = { status: 200, body: '<html>', contentType: 'text/html' };
  fleet.backend.faults.add({ op: 'get', action });
  expect(await manager.getSandboxStatus(sandboxId)).toMatchObject({
    success: false,
    code: 'BAD_RESPONSE',
  });
});

test('nobody at the address: not sent, tried three times', async () => {
  const server = createServer();
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  const manager = fleet.manager({ apiUrl: `http://127.0.0.1:${port}` });
  const { of } = recorded(manager);
  expect(await manager.createTradingSandbox()).toMatchObject({
    success: false,
    code: 'CONNECT_FAILED',
    outcome: 'not-sent',
  });
  expect(of('retry:scheduled')).toHaveLength(2);
});

test('without a listener of error nothing is thrown', async () => {
  const manager = fleet.manager();
  expect(manager.listenerCount('error')).toBe(0);
  expect(await manager.deployAgent('nowhere', 'momentum', ['SPX'])).toMatchObject({
    success: false,
  });
  expect(manager.emit('error', new Error('x'))).toBe(false);
});

test.each([
  ['a misspelt key', { sginal: null }, 'UNKNOWN_OPTION', "'signal'"],
  ['something that is no signal', { signal: {} }, 'INVALID_ARGUMENT', 'AbortSignal'],
  ['something that is no object', 5, 'INVALID_ARGUMENT', 'object'],
])('%s as the last argument is refused by every method that takes one', async (...given) => {
  const [, options, code, text] = given;
  const { manager, ids } = await fleet.managerOf(1);
  const before = fleet.backend.requests.length;
  const answers = await Promise.all([
    manager.createTradingSandbox({}, options),
    manager.getOrCreateSandbox({}, options),
    manager.deployAgent(ids[0], 'momentum', ['SPX'], {}, options),
    manager.executeStrategy(ids[0], 'true', {}, options),
    manager.scaleUp(3, {}, options),
  ]);
  for (const answer of answers) {
    expect(answer).toMatchObject({ success: false, code, error: expect.stringContaining(text) });
  }
  expect(fleet.backend.requests.length).toBe(before);
});

test('null as the last argument is none', async () => {
  expect(await fleet.manager().createTradingSandbox(null, null)).toMatchObject({ success: true });
});

test.each([
  ['an unknown key', { memory: 512 }, 'UNKNOWN_OPTION', "'memoryMb'"],
  ['an empty name', { name: '' }, 'INVALID_ARGUMENT', 'name'],
  ['a name that is no text', { name: 5 }, 'INVALID_ARGUMENT', 'name'],
  ['timeout 0', { timeout: 0 }, 'INVALID_ARGUMENT', 'timeout'],
  ['a negative timeout', { timeout: -1 }, 'INVALID_ARGUMENT', 'timeout'],
  ['timeout NaN', { timeout: NaN }, 'INVALID_ARGUMENT', 'timeout'],
  ['a timeout of more than a day', { timeout: 86_401 }, 'INVALID_ARGUMENT', 'timeout'],
  ['little memory', { memoryMb: 127 }, 'INVALID_ARGUMENT', 'memory'],
  ['no CPU', { cpuCount: 0 }, 'INVALID_ARGUMENT', 'cpu'],
  ['reserved metadata', { metadata: { 'e2b-swarm.token': 'x' } }, 'INVALID_ARGUMENT', 'e2b-swarm'],
  ['no object', 'base', 'INVALID_ARGUMENT', 'object'],
])('%s is refused before anything is sent, and takes no place', async (_, spec, code, text) => {
  const manager = fleet.manager({ maxPoolSize: 1 });
  expect(await manager.createTradingSandbox(spec)).toMatchObject({
    success: false,
    code,
    outcome: 'not-sent',
    error: expect.stringMatching(new RegExp(text, 'i')),
  });
  expect(fleet.backend.requests).toEqual([]);
  expect(await manager.createTradingSandbox()).toMatchObject({ success: true });
});
