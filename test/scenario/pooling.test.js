'use strict';

// SUITE-08: the pool. MGR-07, and the health check before hand-out.

const { movableClock, recorded, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

test('an empty pool makes one, and it is taken', async () => {
  const manager = fleet.manager();
  const got = await manager.getOrCreateSandbox({ name: 'a' });
  expect(got).toMatchObject({ success: true, reused: false, sandbox: { state: 'busy' } });
  expect(manager.sandboxPool.size).toBe(0);
  expect(manager.activeSandboxes.size).toBe(1);
});

test('one that is put back is reused, whatever the new name', async () => {
  const manager = fleet.manager();
  const first = await manager.getOrCreateSandbox({ name: 'a' });
  expect(await manager.releaseSandbox(first.sandboxId)).toMatchObject({
    success: true,
    sandboxId: first.sandboxId,
    sandbox: { state: 'idle' },
  });
  const second = await manager.getOrCreateSandbox({ name: 'b' });
  expect(second).toMatchObject({ success: true, reused: true, sandboxId: first.sandboxId });
  expect(fleet.backend.sandboxes()).toHaveLength(1);
});

test('one that was created is reused', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  expect(await manager.getOrCreateSandbox()).toMatchObject({ reused: true, sandboxId: ids[0] });
});

test('two callers at the same time never get the same one', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const got = await Promise.all([
    manager.getOrCreateSandbox(),
    manager.getOrCreateSandbox(),
    manager.getOrCreateSandbox(),
  ]);
  expect(got.filter(({ reused }) => reused).map(({ sandboxId }) => sandboxId)).toEqual(ids);
  expect(new Set(got.map(({ sandboxId }) => sandboxId)).size).toBe(3);
});

test('nor when each of them is looked at first', async () => {
  const { manager } = await fleet.managerOf(2);
  fleet.backend.faults.add({ op: 'get', action: { type: 'slow', delayMs: 50 } });
  const got = await Promise.all(Array.from({ length: 4 }, () => manager.getOrCreateSandbox()));
  expect(new Set(got.map(({ sandboxId }) => sandboxId)).size).toBe(4);
  expect(got.filter(({ reused }) => reused)).toHaveLength(2);
});

test('a busy one is not handed out', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const working = manager.executeStrategy(ids[0], 'read x', { timeout: 1 });
  expect(await manager.getOrCreateSandbox()).toMatchObject({ reused: false });
  await working;
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  expect(await manager.getOrCreateSandbox()).toMatchObject({ reused: false });
});

test.each([
  [{ template: 'node' }],
  [{ memoryMb: 512 }],
  [{ cpuCount: 2 }],
  [{ timeout: 60 }],
  [{ env: { A: '1' } }],
  [{ metadata: { a: 'b' } }],
  [{ allowInternetAccess: true }],
])('%j is not what is in the pool', async (wish) => {
  const { manager } = await fleet.managerOf(1);
  expect(await manager.getOrCreateSandbox(wish)).toMatchObject({ success: true, reused: false });
  expect(manager.sandboxPool.size).toBe(1);
});

test('it is looked at before it is handed out, by the control plane alone', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  expect(await manager.getOrCreateSandbox()).toMatchObject({ reused: true, sandboxId: ids[0] });
  expect(fleet.asked('get')).toHaveLength(1);
  expect(fleet.asked('connect', 'timeout', 'health', 'metrics')).toEqual([]);
});

test('one that dies right after its creation, or while it was taken, is not handed out', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  await fleet.kill(ids[0]);
  const second = await manager.getOrCreateSandbox();
  expect(second).toMatchObject({ success: true, reused: false });
  await fleet.kill(second.sandboxId);
  await manager.releaseSandbox(second.sandboxId);
  expect(await manager.getOrCreateSandbox()).toMatchObject({ success: true, reused: false });
  expect(manager.activeSandboxes.size).toBe(1);
});

describe('with healthCheckBypassMs', () => {
  const bypassing = async () => {
    const time = movableClock({ frozen: true });
    const config = { clock: time.clock, healthCheckBypassMs: 500 };
    return { time, ...(await fleet.managerOf(1, config)) };
  };

  test('one that was seen alive that recently is handed out unseen', async () => {
    const { manager, ids, time } = await bypassing();
    time.pass(499);
    await manager.getOrCreateSandbox();
    expect(fleet.asked('get')).toEqual([]);
    await fleet.run(manager, ids[0], 'true');
    await manager.releaseSandbox(ids[0]);
    time.pass(499);
    expect(await manager.getOrCreateSandbox()).toMatchObject({ reused: true });
    expect(fleet.asked('get')).toEqual([]);
  });

  test('putting it back, or a failure in it, is no sign of life', async () => {
    const { manager, ids, time } = await bypassing();
    await manager.getOrCreateSandbox();
    time.pass(500);
    await manager.executeStrategy(ids[0], 'false');
    await manager.releaseSandbox(ids[0]);
    expect(await manager.getOrCreateSandbox()).toMatchObject({ reused: true });
    expect(fleet.asked('get')).toHaveLength(1);
  });
});

test('dead ones are dropped and told, and the next one is tried', async () => {
  const { manager, ids } = await fleet.managerOf(3);
  const { of } = recorded(manager);
  await fleet.kill(ids[1]);
  await fleet.kill(ids[2]);
  expect(await manager.getOrCreateSandbox()).toMatchObject({ reused: true, sandboxId: ids[0] });
  expect(of('sandbox:terminated')).toEqual([
    { sandboxId: ids[2], reason: 'gone' },
    { sandboxId: ids[1], reason: 'gone' },
  ]);
  expect(of('error').map(({ type }) => type)).toEqual(['health_check', 'health_check']);
  expect(manager.stats).toMatchObject({ sandboxesDestroyed: 2, activeSandboxes: 1 });
});

test('when all are dead a new one is made', async () => {
  const { manager, ids } = await fleet.managerOf(1, { maxPoolSize: 1 });
  await fleet.kill(ids[0]);
  expect(await manager.getOrCreateSandbox()).toMatchObject({ success: true, reused: false });
  expect(manager.activeSandboxes.size).toBe(1);
});

test('a degraded one stays in the pool and is not handed out', async () => {
  const time = movableClock();
  const config = { clock: time.clock, pool: { minRemaining: 0 } };
  const { manager, ids } = await fleet.managerOf(1, config, { timeout: 1000 });
  time.pass(950_000);
  expect(await manager.getOrCreateSandbox({ timeout: 1000 })).toMatchObject({ reused: false });
  expect([...manager.sandboxPool.keys()]).toEqual(ids);
});

test('one with too little of its life left is ended instead of being handed out', async () => {
  const time = movableClock();
  const { manager, ids } = await fleet.managerOf(1, { clock: time.clock }, { timeout: 1000 });
  time.pass(760_000);
  const got = await manager.getOrCreateSandbox({ timeout: 1000 });
  expect(got).toMatchObject({ success: true, reused: false });
  expect(fleet.backend.sandboxes().map(({ sandboxId }) => sandboxId)).toEqual([got.sandboxId]);
  expect(got.sandboxId).not.toBe(ids[0]);
});

test('when the control plane cannot be asked, none is handed out unseen', async () => {
  const { manager } = await fleet.managerOf(2, { retryAttempts: 1 });
  fleet.backend.faults.add({ op: 'get', action: { status: 500 } });
  expect(await manager.getOrCreateSandbox()).toMatchObject({ success: true, reused: false });
  expect(fleet.asked('get')).toHaveLength(1);
  expect(manager.sandboxPool.size).toBe(2);
});

test('a full fleet in which nothing fits answers CAPACITY', async () => {
  const { manager } = await fleet.managerOf(1, { maxPoolSize: 1 });
  expect(await manager.getOrCreateSandbox({ template: 'node' })).toMatchObject({
    success: false,
    code: 'CAPACITY',
  });
});

test('putting back twice is harmless, an unknown one is not found', async () => {
  const manager = fleet.manager();
  const { sandboxId } = await manager.getOrCreateSandbox();
  expect((await manager.releaseSandbox(sandboxId)).success).toBe(true);
  expect((await manager.releaseSandbox(sandboxId)).success).toBe(true);
  expect(await manager.releaseSandbox('nowhere')).toMatchObject({
    success: false,
    code: 'NOT_FOUND',
    error: expect.stringContaining('not found'),
  });
});
