'use strict';

// SUITE-07: cleanup. MGR-06, EVT-06, CFG-06, CFG-07, CLN-01, C-16.

const { once } = require('node:events');
const { movableClock, recorded, withFleet } = require('./helpers/fleet');

const fleet = withFleet();
const ONE_HOUR = 3_600_000;

async function agedFleet(n, spec, config) {
  const time = movableClock({ frozen: true });
  const setup = await fleet.managerOf(n, { clock: time.clock, ...config }, spec);
  return { time, ...setup, ...recorded(setup.manager) };
}

test('nothing to do: checked, told, nothing ended', async () => {
  const { manager, of } = await agedFleet(2);
  const result = await manager.cleanup();
  expect(result).toEqual({
    success: true,
    cleanup: {
      timestamp: expect.stringMatching(/Z$/),
      checked: 2,
      terminated: 0,
      failed: 0,
      freed: { memory: 0, cpu: 0 },
    },
  });
  expect(of('cleanup:complete')).toEqual([result.cleanup]);
  expect(fleet.backend.sandboxes()).toHaveLength(2);
  // Who is not due is not even asked for: nothing can prolong its life.
  expect(fleet.backend.requests.map(({ op }) => op)).toEqual(['create', 'create']);
});

test('exactly an hour is not yet inactive, more is', async () => {
  const { manager, time } = await agedFleet(1, { timeout: 86_400 });
  time.pass(ONE_HOUR);
  expect((await manager.cleanup()).cleanup.terminated).toBe(0);
  time.pass(1);
  expect((await manager.cleanup()).cleanup.terminated).toBe(1);
  expect(fleet.backend.sandboxes()).toEqual([]);
});

test('only the inactive ones are ended, and what they held is freed', async () => {
  const { manager, ids, time, of } = await agedFleet(3, { memoryMb: 512, cpuCount: 1 });
  time.pass(ONE_HOUR + 1);
  await manager.executeStrategy(ids[1], 'true');
  expect((await manager.cleanup()).cleanup).toMatchObject({
    checked: 3,
    terminated: 2,
    failed: 0,
    freed: { memory: 1024, cpu: 2 },
  });
  expect(fleet.backend.sandboxes().map(({ sandboxId }) => sandboxId)).toEqual([ids[1]]);
  expect([...manager.activeSandboxes.keys()]).toEqual([ids[1]]);
  expect(of('sandbox:terminated').map(({ reason }) => reason)).toEqual(['cleanup', 'cleanup']);
  expect(manager.stats).toMatchObject({ sandboxesDestroyed: 2, activeSandboxes: 1 });
});

test('a size that nobody asked for is learned by looking, and freed too', async () => {
  const { manager, time } = await agedFleet(1);
  await manager.monitorHealth();
  expect(manager.listSandboxes().sandboxes[0]).toMatchObject({ memoryMb: 1024, cpuCount: 2 });
  time.pass(ONE_HOUR + 1);
  expect((await manager.cleanup()).cleanup.freed).toEqual({ memory: 1024, cpu: 2 });
});

test('one whose agent runs and one that is taken are not inactive', async () => {
  const { manager, ids, time } = await agedFleet(1, { timeout: 86_400 });
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  const taken = await manager.getOrCreateSandbox({ timeout: 86_400 });
  expect(taken).toMatchObject({ success: true, reused: false });
  time.pass(ONE_HOUR * 2);
  expect((await manager.cleanup()).cleanup).toMatchObject({ checked: 2, terminated: 0 });
});

test('a termination that fails is counted, and the sandbox stays for the next sweep', async () => {
  const { manager, ids, time, of } = await agedFleet(2);
  time.pass(ONE_HOUR + 1);
  fleet.backend.faults.add({
    op: 'kill',
    match: { sandboxId: ids[0] },
    n: 1,
    action: { status: 400 },
  });
  expect((await manager.cleanup()).cleanup).toMatchObject({ terminated: 1, failed: 1 });
  expect(of('error')).toEqual([expect.objectContaining({ type: 'cleanup', sandboxId: ids[0] })]);
  expect([...manager.activeSandboxes.keys()]).toEqual([ids[0]]);
  expect((await manager.cleanup()).cleanup).toMatchObject({ terminated: 1, failed: 0 });
  expect(fleet.backend.sandboxes()).toEqual([]);
});

test('already gone at the far end is a success', async () => {
  const { manager, ids, time } = await agedFleet(1);
  await fleet.kill(ids[0]);
  time.pass(ONE_HOUR + 1);
  expect((await manager.cleanup()).cleanup).toMatchObject({ terminated: 1, failed: 0 });
  expect(manager.stats).toMatchObject({ sandboxesDestroyed: 1, activeSandboxes: 0 });
});

test('the threshold is configuration, and a change takes effect', async () => {
  const { manager, time } = await agedFleet(1, {}, { inactivityThreshold: 1000 });
  time.pass(900);
  manager.config.inactivityThreshold = 800;
  expect((await manager.cleanup()).cleanup.terminated).toBe(1);
});

test('the background sweep ends them too', async () => {
  const { manager, time } = await agedFleet(1, {}, { cleanupInterval: 5000 });
  time.pass(ONE_HOUR + 1);
  const told = once(manager, 'cleanup:complete');
  time.tick(5000);
  expect((await told)[0]).toMatchObject({ terminated: 1 });
});

test('an idle sandbox past the age or the uses of its pool is ended, a used one not yet', async () => {
  const time = movableClock();
  const { manager, ids } = await fleet.managerOf(2, {
    ...{ clock: time.clock, pool: { maxAgeMs: 60_000 } },
  });
  const lease = await manager.acquire();
  time.pass(61_000);
  expect((await manager.cleanup()).cleanup).toMatchObject({ checked: 2, terminated: 1 });
  expect([...manager.activeSandboxes.keys()]).toEqual([lease.sandboxId]);
  expect(ids).toContain(lease.sandboxId);
});
