'use strict';

// Over the end of a process: idle sandboxes that a shutdown keeps are adopted by the next manager of
// the store (CLN-04), what was ended is verified by a later list (CLN-03), and repeatable work goes on
// in another sandbox (RES-04).

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { fileStore } = require('../../lib/store');
const { recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();
const far = () => fleet.backend.sandboxes().map(({ sandboxId }) => sandboxId);
let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-restart-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

test('idle sandboxes that shutdown keeps are the next manager’s, busy ones are ended', async () => {
  const before = fileStore(path.join(folder, 'fleet'));
  const first = fleet.manager({ store: before });
  const { sandboxId } = await first.createTradingSandbox();
  await first.acquire({}, { owner: 'alice' }).then((lease) => lease.release());
  const again = await first.createTradingSandbox();
  const held = await first.acquire({ env: { A: '1' } });
  const ended = await first.shutdown({ keepIdle: true });
  expect(ended).toMatchObject({ success: true, terminated: 1, kept: [again.sandboxId] });
  expect(far()).toEqual([again.sandboxId]);
  expect(far()).not.toContain(held.sandboxId);
  expect(far()).not.toContain(sandboxId);
  await before.close();

  const store = fileStore(path.join(folder, 'fleet'));
  const second = fleet.manager({ store });
  await second.reconcile();
  expect([...second.sandboxPool.keys()]).toEqual([again.sandboxId]);
  expect(await second.getOrCreateSandbox()).toMatchObject({
    ...{ reused: true, sandboxId: again.sandboxId },
  });
  expect(await second.shutdown()).toMatchObject({ success: true, terminated: 1 });
  await store.close();
});

test('nothing can be kept without a store that outlives the process', async () => {
  const { manager } = await fleet.managerOf(1);
  expect(await manager.shutdown({ keepIdle: true })).toMatchObject({
    ...{ success: false, code: 'INVALID_ARGUMENT' },
  });
  expect(far()).toHaveLength(1);
  expect(await manager.shutdown()).toMatchObject({ success: true, terminated: 1 });
});

test('what was ended is looked for in a later list; what lives is ended by force', async () => {
  const { manager, ids } = await fleet.managerOf(2, { pool: { verifyMs: 50 } });
  const { of } = recorded(manager, ['alert']);
  expect(await manager.verifyCleanup()).toEqual({ total: 0, successful: 0, leaked: 0, rate: 1 });
  // The far end says that it is ended, and it lives on.
  fleet.backend.faults.add({ op: 'kill', n: 1, action: { status: 204 } });
  await manager.scaleUp(2);
  const leases = await Promise.all([manager.acquire(), manager.acquire()]);
  for (const lease of leases) await lease.release();
  expect(far()).toHaveLength(1);
  expect(ids).toContain(far()[0]);
  expect(await manager.verifyCleanup()).toEqual({
    ...{ total: 2, successful: 1, leaked: 1, rate: 0.5 },
  });
  expect(far()).toEqual([]);
  expect(of('alert')).toEqual([expect.objectContaining({ type: 'leak' })]);
});

test('repeatable work goes on in another sandbox when its own is lost', async () => {
  const manager = fleet.manager();
  const { of } = recorded(manager, ['failover']);
  const tried = [];
  const work = async (lease) => {
    tried.push(lease.sandboxId);
    if (tried.length === 1) await fleet.kill(lease.sandboxId);
    return (await lease.execute('echo done')).stdout;
  };
  expect(await manager.use({}, work, { repeatable: true })).toBe('done\n');
  expect(new Set(tried).size).toBe(2);
  expect(of('failover')).toEqual([expect.objectContaining({ type: 'use', from: tried[0] })]);
  tried.length = 0;
  await expect(manager.use({}, work)).rejects.toMatchObject({ code: 'SANDBOX_GONE' });
  expect(tried).toHaveLength(1);
});

test('a breaker that was open when the process ended is open in the next one', async () => {
  const config = { breaker: { minimumCalls: 5 }, retryAttempts: 1 };
  const before = fileStore(path.join(folder, 'fleet'));
  const first = fleet.manager({ ...config, store: before });
  const { of } = recorded(first, ['breaker:open']);
  fleet.backend.faults.add({ op: 'create', action: { status: 503 } });
  for (let i = 0; i < 5; i++) await first.createTradingSandbox();
  expect(of('breaker:open')).toEqual([expect.objectContaining({ class: 'create' })]);
  await first.shutdown();
  await before.close();
  fleet.backend.faults.clear();

  const store = fileStore(path.join(folder, 'fleet'));
  const second = fleet.manager({ ...config, store });
  const asked = fleet.asked('create').length;
  expect(await second.createTradingSandbox()).toMatchObject({
    ...{ success: false, code: 'BREAKER_OPEN', outcome: 'not-sent', retryable: true },
  });
  expect(fleet.asked('create').length).toBe(asked);
  await second.shutdown();
  await store.close();
});

test('what dies as soon as it is made is not made again without end', async () => {
  const { manager, ids } = await fleet.managerOf(1, {
    creationGuard: { shortLifeMs: 3_600_000, burst: 1, refillMs: 3_600_000 },
    shutdownGraceMs: 20,
  });
  const { of } = recorded(manager, ['alert']);
  await fleet.kill(ids[0]);
  const { newId } = await manager._attemptRecovery(ids[0]);
  expect(far()).toEqual([newId]);
  await fleet.kill(newId);
  const asked = fleet.asked('create').length;
  const waiting = manager._attemptRecovery(newId);
  await waitFor(() => of('alert').length === 1);
  expect(of('alert')).toEqual([expect.objectContaining({ type: 'creation-guard' })]);
  expect(fleet.asked('create').length).toBe(asked);
  await manager.shutdown();
  expect(await waiting).toMatchObject({ success: false, code: 'CLOSED' });
});
