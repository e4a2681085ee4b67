'use strict';

// Several backends: the order is kept, a 4xx never moves on, a sandbox stays where it was made, and
// reconcile reads each one's list. RES-05, CFG-14.

const { startLocalBackend } = require('../../lib/local');
const { recorded, withFleet } = require('./helpers/fleet');

const fleet = withFleet();
let second;
beforeAll(async () => {
  second = await startLocalBackend({ port: 0 });
});
afterAll(() => second.close());
afterEach(() => second.faults.clear());

const wayIn = ({ env }) => ({
  ...{ apiUrl: env.E2B_API_URL, sandboxUrl: env.E2B_SANDBOX_URL, apiKey: env.E2B_API_KEY },
});
const regions = (config) =>
  fleet.manager({
    backends: [
      { name: 'us-west-2', ...wayIn(fleet.backend) },
      { name: 'us-east-1', ...wayIn(second) },
    ],
    ...config,
  });
const ids = (backend) => backend.sandboxes().map(({ sandboxId }) => sandboxId);

test('the first of the list makes it, as long as it can', async () => {
  const manager = regions();
  const { sandboxId } = await manager.createTradingSandbox();
  expect([ids(fleet.backend), ids(second)]).toEqual([[sandboxId], []]);
});

test('where the first has no room the second makes it, and it stays there', async () => {
  const manager = regions();
  const { of } = recorded(manager, ['failover']);
  fleet.backend.faults.add({ op: 'create', action: { status: 503 } });
  const lease = await manager.acquire();
  expect(of('failover')).toEqual([
    { type: 'create_sandbox', from: 'us-west-2', to: 'us-east-1', code: 'SERVER_BUSY' },
  ]);
  expect([ids(fleet.backend), ids(second)]).toEqual([[], [lease.sandboxId]]);
  expect(await lease.execute('echo here')).toMatchObject({ stdout: 'here\n' });
  await lease.renew();
  expect((await manager.monitorHealth()).health.healthy).toBe(1);
  await lease.release();
  expect(ids(second)).toEqual([]);
});

test('a 4xx never moves on', async () => {
  const manager = regions();
  fleet.backend.faults.add({ op: 'create', action: { status: 400 } });
  expect(await manager.createTradingSandbox()).toMatchObject({ success: false, status: 400 });
  expect(ids(second)).toEqual([]);
});

test('the error of the last one is told', async () => {
  const manager = regions();
  fleet.backend.faults.add({ op: 'create', action: { status: 503 } });
  second.faults.add({ op: 'create', action: { status: 503, body: { message: 'the last' } } });
  expect(await manager.createTradingSandbox()).toMatchObject({
    success: false,
    error: expect.stringContaining('the last'),
  });
});

test('reconcile reads both lists, and leaves alone what it could not read', async () => {
  const manager = regions();
  const { sandboxId } = await manager.createTradingSandbox();
  expect(await manager.reconcile()).toMatchObject({ complete: true, listed: 1, actions: [] });
  const broken = fleet.backend.faults.add({ op: 'list', action: { status: 400 } });
  expect(await manager.reconcile()).toMatchObject({ complete: false, listed: 0, actions: [] });
  broken.remove();
  expect(ids(fleet.backend)).toEqual([sandboxId]);
});

test.each([
  ['no list', {}, 'backends must be an array'],
  ['an empty one', [], 'backends must be an array'],
  ['one without a name', [{ apiUrl: 'http://127.0.0.1:1' }], 'backends[0].name'],
  ['the same name twice', [{ name: 'a' }, { name: 'a' }], "'a' is there twice"],
  ['an unknown key', [{ name: 'a', url: 'x' }], "unknown option 'url' of backends[0]"],
])('%s is refused', (_, backends, message) => {
  expect(() => fleet.manager({ backends })).toThrow(message);
});
