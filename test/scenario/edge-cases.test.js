'use strict';

// SUITE-15: edge cases. Unicode, extremes, many calls at once, a clock that is set.

const { movableClock, recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

test.each([
  ['日本語 サンドボックス'],
  ['emoji 🚀👩‍👩‍👧'],
  ['quotes " \' ` $x'],
  ['line\nbreak'],
  ['x'.repeat(200)],
])('the name %j goes there and back', async (name) => {
  const manager = fleet.manager();
  const { sandboxId } = await manager.createTradingSandbox({ name });
  expect(fleet.backend.sandboxes()[0].metadata['e2b-swarm.name']).toBe(name);
  const { status, sandbox } = await manager.getSandboxStatus(sandboxId);
  expect([status.name, sandbox.name]).toEqual([name, name]);
});

test('the longest and the shortest life', async () => {
  const manager = fleet.manager();
  const long = await manager.createTradingSandbox({ timeout: 86_400 });
  expect(long).toMatchObject({ success: true, sandbox: { timeout: 86_400 } });
  const short = await manager.createTradingSandbox({ timeout: 1 });
  expect(short.success).toBe(true);
  await waitFor(() => fleet.backend.sandboxes().length === 1);
  const { health } = await manager.monitorHealth();
  expect(health.sandboxes[short.sandboxId]).toMatchObject({ health: 'unhealthy' });
});

test('a target beyond all numbers is capped', async () => {
  const manager = fleet.manager({ maxPoolSize: 2 });
  expect(await manager.scaleUp(Number.MAX_SAFE_INTEGER)).toMatchObject({ created: 2 });
});

test('a hundred sandboxes: made, looked at, ended', async () => {
  const manager = fleet.manager({ maxPoolSize: 100, maxConcurrentCreations: 20 });
  expect(await manager.scaleUp(100)).toMatchObject({ created: 100, currentCount: 100 });
  expect((await manager.monitorHealth()).health).toMatchObject({ healthy: 100 });
  expect(await manager.shutdown()).toMatchObject({ success: true, terminated: 100 });
});

test('forty calls at once on one sandbox: all answered, all counted', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const runs = Array.from({ length: 40 }, (_, i) => manager.executeStrategy(ids[0], `echo ${i}`));
  const outputs = (await Promise.all(runs)).map(({ output }) => Number(output));
  expect(outputs).toEqual(Array.from({ length: 40 }, (_, i) => i));
  expect(manager.activeSandboxes.get(ids[0])).toMatchObject({ executionCount: 40, state: 'idle' });
  expect(manager.stats.strategiesExecuted).toBe(40);
});

test('everything at once: no double hand-out, no place too many, nothing left', async () => {
  const manager = fleet.manager({ maxPoolSize: 6 });
  const owned = new Set();
  const doubles = [];
  const borrow = async () => {
    for (let i = 0; i < 5; i++) {
      const { success, sandboxId } = await manager.getOrCreateSandbox();
      if (!success) continue;
      if (owned.has(sandboxId)) doubles.push(sandboxId);
      owned.add(sandboxId);
      await manager.executeStrategy(sandboxId, 'true');
      owned.delete(sandboxId);
      await manager.releaseSandbox(sandboxId);
    }
  };
  const disturb = async () => {
    for (let i = 0; i < 5; i++) {
      await manager.monitorHealth();
      await manager.cleanup();
      await manager.scaleUp(3);
      expect(manager.activeSandboxes.size).toBeLessThanOrEqual(6);
    }
  };
  await Promise.all([borrow(), borrow(), borrow(), borrow(), disturb()]);
  expect(doubles).toEqual([]);
  expect(fleet.backend.sandboxes().length).toBe(manager.activeSandboxes.size);
  expect(fleet.backend.sandboxes().length).toBeLessThanOrEqual(6);
});

test.each([[86_400_000], [-86_400_000]])(
  'a wall clock that is set by %i ms ages nothing and ends nothing',
  async (shift) => {
    const time = movableClock();
    const { manager, ids } = await fleet.managerOf(1, { clock: time.clock });
    time.setWall(shift);
    const { health, recoveries } = await manager.monitorHealth();
    expect(health.sandboxes[ids[0]]).toMatchObject({ health: 'healthy', reasons: [] });
    expect(health.sandboxes[ids[0]].uptime).toBeLessThan(60);
    expect(recoveries).toEqual([]);
    expect((await manager.cleanup()).cleanup.terminated).toBe(0);
    expect(await manager.getOrCreateSandbox()).toMatchObject({ reused: true });
  },
);

test('two managers of one backend do not touch each other', async () => {
  const { manager: a, ids: ofA } = await fleet.managerOf(1);
  const { manager: b, ids: ofB } = await fleet.managerOf(1);
  expect(await a.executeStrategy(ofB[0], 'true')).toMatchObject({ code: 'NOT_FOUND' });
  await a.shutdown();
  expect(fleet.backend.sandboxes().map(({ sandboxId }) => sandboxId)).toEqual(ofB);
  expect(await b.executeStrategy(ofB[0], 'echo b')).toMatchObject({ output: 'b\n' });
  expect(ofA).not.toEqual(ofB);
});

test('a megabyte of output in one result', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const ran = await manager.executeStrategy(ids[0], "head -c 1048576 /dev/zero | tr '\\0' x");
  expect(ran).toMatchObject({ success: true, truncated: false });
  expect(ran.output).toBe('x'.repeat(1_048_576));
});

test('a sandbox that is killed while a command runs: the caller is told, it is replaced', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  const running = manager.executeStrategy(ids[0], 'sleep 60');
  await waitFor(() => fleet.backend.sandboxes()[0].processes.length === 1);
  await fleet.kill(ids[0]);
  expect(await running).toMatchObject({ success: false, sandboxId: ids[0] });
  await waitFor(() => of('recovery:success').length === 1);
});
