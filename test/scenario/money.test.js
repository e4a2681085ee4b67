'use strict';

// Money in the manager: reserved before anything is sent, refunded on failure, settled at the end,
// stopped by a hard budget, shared by managers, swept after a crash. COST-11, COST-12, CFG-13.

const { memoryStore } = require('../../lib/store');
const { recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();
/** A dollar an hour: an hour's sandbox costs one dollar, and nothing else does. */
const price = { perSandboxHour: 1 };

test('a hard stop refuses before anything is sent, and a refund makes room again', async () => {
  const manager = fleet.manager({ price, budget: { daily: 1.5, hardStop: true } });
  const first = await manager.createTradingSandbox({ timeout: 3600 });
  expect(first.success).toBe(true);
  const asked = fleet.asked('create').length;
  expect(await manager.createTradingSandbox({ timeout: 3600 })).toMatchObject({
    ...{ success: false, code: 'BUDGET', outcome: 'not-sent' },
  });
  expect(fleet.asked('create').length).toBe(asked);
  await expect(manager.acquire({ timeout: 3600, env: { A: '1' } })).rejects.toMatchObject({
    code: 'BUDGET',
  });
  await manager.getOrCreateSandbox({ timeout: 3600 });
  expect(manager.cost().budget.day.reserved).toBeCloseTo(1, 6);
});

test('a create that fails costs nothing', async () => {
  const manager = fleet.manager({ price, budget: { daily: 1.5, hardStop: true } });
  fleet.backend.faults.add({ op: 'create', n: 1, action: { status: 400 } });
  expect((await manager.createTradingSandbox()).success).toBe(false);
  expect(manager.cost().budget.day).toMatchObject({ reserved: 0, spent: 0 });
  expect((await manager.createTradingSandbox()).success).toBe(true);
});

test('at its end a sandbox is settled with what it cost, not with what was reserved', async () => {
  const manager = fleet.manager({ price, budget: 10 });
  const lease = await manager.acquire({ timeout: 3600 }, { owner: 'alice' });
  expect(manager.cost()).toMatchObject({ running: 1, currentBurnPerHour: 1 });
  await lease.release();
  const { budget, total, byOwner } = manager.cost();
  expect(budget.day.reserved).toBe(0);
  expect(budget.day.spent).toBeGreaterThan(0);
  expect(budget.day.spent).toBeLessThan(0.05);
  expect(byOwner.alice).toBeGreaterThan(0);
  expect(total).toBeCloseTo(budget.day.spent, 6);
});

test('half, most and all of a budget are told, once each', async () => {
  const manager = fleet.manager({ price, budget: { daily: 2 } });
  const { of } = recorded(manager, ['budget:warning', 'budget:exceeded']);
  await Promise.all([1, 2].map(() => manager.createTradingSandbox({ timeout: 3600 })));
  expect(of('budget:warning').map(({ percent }) => percent)).toEqual([50, 80]);
  expect(of('budget:exceeded').map(({ percent }) => percent)).toEqual([100]);
});

test('two managers on one store share one budget', async () => {
  const store = memoryStore();
  const given = { store, price, budget: { daily: 1.5, hardStop: true } };
  const [one, two] = [fleet.manager(given), fleet.manager(given)];
  const made = await Promise.all(
    [one, two].map((manager) => manager.createTradingSandbox({ timeout: 3600 })),
  );
  expect(made.filter(({ success }) => success)).toHaveLength(1);
  expect(made.filter(({ code }) => code === 'BUDGET')).toHaveLength(1);
});

test('what a dead manager had reserved is settled by the next one', async () => {
  const store = memoryStore();
  const dead = Symbol.for('e2b-swarm.identity');
  const given = { store, price, budget: { daily: 1.5, hardStop: true } };
  const first = fleet.manager({
    ...given,
    [dead]: { self: () => ({ n: 1 }), isAlive: () => null },
  });
  await first.acquire({ timeout: 3600 });
  const second = fleet.manager({
    ...given,
    [dead]: { self: () => ({ n: 2 }), isAlive: ({ n }) => n === 2 },
  });
  expect((await second.createTradingSandbox({ timeout: 3600 })).code).toBe('BUDGET');
  await second.reconcile();
  expect(fleet.backend.sandboxes()).toEqual([]);
  expect(await second.createTradingSandbox({ timeout: 3600 })).toMatchObject({ success: true });
});

test('an equal execution is answered from the cache, and counted as saved', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const before = fleet.asked('start').length;
  const run = () => manager.executeStrategy(ids[0], 'date +%N', null, { cache: true });
  const [first, second] = [await run(), await run()];
  expect(second).toEqual(first);
  expect(fleet.asked('start').length - before).toBe(1);
  expect(await manager.executeStrategy(ids[0], 'date +%N')).not.toEqual(first);
});

test('what a warm sandbox spares is counted when it is handed out, by the formula of POOL-05', async () => {
  const { manager } = await fleet.managerOf(1);
  expect(manager.cost().savings.pooling).toMatchObject({ uses: 0 });
  await manager.getOrCreateSandbox();
  const { uses, documented } = manager.cost().savings.pooling;
  expect(uses).toBe(1);
  // (3,000 - acquisition in ms) x 0.0001 a second
  expect(documented).toBeGreaterThan(0);
  expect(documented).toBeLessThanOrEqual(0.0003);
});

test('what was made for somebody who gave up is settled with what it cost', async () => {
  const manager = fleet.manager({ price, budget: 10 });
  const controller = new AbortController();
  fleet.backend.faults.add({ op: 'create', n: 1, action: { type: 'stall', execute: true } });
  const { signal } = controller;
  const creating = manager.createTradingSandbox({ timeout: 3600 }, { signal });
  await waitFor(() => fleet.backend.sandboxes().length === 1);
  controller.abort();
  expect(await creating).toMatchObject({ success: false, code: 'CANCELLED' });
  expect(manager.cost().budget.day.reserved).toBe(0);
});
