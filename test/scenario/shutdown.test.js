'use strict';

// SUITE-12: shutdown. MGR-08, MGR-18, EVT-10.

const { recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

test('everything is ended, the timers are gone, shutdown is told once, last, without payload', async () => {
  const { manager } = await fleet.managerOf(3, {
    healthCheckInterval: 1000,
    cleanupInterval: 1000,
  });
  const { events, names } = recorded(manager);
  expect(await manager.shutdown()).toEqual({
    success: true,
    terminated: 3,
    failed: [],
    message: '3 sandboxes terminated',
  });
  expect(fleet.backend.sandboxes()).toEqual([]);
  expect([manager._healthMonitoringInterval, manager._cleanupInterval]).toEqual([null, null]);
  expect([manager.activeSandboxes.size, manager.sandboxPool.size]).toEqual([0, 0]);
  expect(names().filter((name) => name === 'shutdown')).toHaveLength(1);
  expect(events.at(-1)).toMatchObject({ name: 'shutdown', args: [] });
});

test('twice is the same promise; so is asyncDispose', async () => {
  const { manager } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  const first = manager.shutdown();
  expect(manager.shutdown()).toBe(first);
  await first;
  expect(manager.shutdown()).toBe(first);
  await manager[Symbol.asyncDispose]();
  expect(of('shutdown')).toHaveLength(1);
});

test('of an empty fleet', async () => {
  expect(await fleet.manager().shutdown()).toMatchObject({ success: true, terminated: 0 });
  expect(fleet.backend.requests).toEqual([]);
});

test('agents are ended with their sandboxes, and nothing is recovered', async () => {
  const { manager, ids } = await fleet.managerOf(2);
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  await manager.deployAgent(ids[1], 'momentum', ['SPX'], { paceMs: 5 });
  const { of } = recorded(manager);
  expect(await manager.shutdown()).toMatchObject({ success: true, terminated: 2 });
  expect(fleet.backend.sandboxes()).toEqual([]);
  expect(of('error')).toEqual([]);
  expect(manager.stats.recoveryAttempts).toBe(0);
});

test('a command under way has its grace and ends well', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const running = manager.executeStrategy(ids[0], 'sleep 0.2; echo done');
  await waitFor(() => fleet.backend.sandboxes()[0].processes.length === 1);
  const closing = manager.shutdown();
  expect(await running).toMatchObject({ success: true, output: 'done\n' });
  expect(await closing).toMatchObject({ success: true, terminated: 1 });
});

test('past the grace it is cut off, and its caller is told', async () => {
  const { manager, ids } = await fleet.managerOf(1, { shutdownGraceMs: 50 });
  const running = manager.executeStrategy(ids[0], 'sleep 60');
  await waitFor(() => fleet.backend.sandboxes()[0].processes.length === 1);
  expect(await manager.shutdown()).toMatchObject({ success: true, terminated: 1 });
  expect(await running).toMatchObject({ success: false });
  expect(fleet.backend.sandboxes()).toEqual([]);
});

test('a creation under way lands and is ended', async () => {
  const manager = fleet.manager();
  fleet.backend.faults.add({ op: 'create', action: { type: 'slow', delayMs: 100 } });
  const creating = manager.createTradingSandbox();
  await waitFor(() => fleet.asked('create').length === 1);
  const closing = manager.shutdown();
  expect(await creating).toMatchObject({ success: false, code: 'CLOSED' });
  expect(await closing).toMatchObject({ success: true, terminated: 1 });
  expect(manager.stats).toMatchObject({ sandboxesCreated: 1, sandboxesDestroyed: 1 });
});

test('a creation whose answer does not come is found by its token and ended', async () => {
  const manager = fleet.manager({ shutdownGraceMs: 50 });
  fleet.backend.faults.add({ op: 'create', action: { type: 'stall', execute: true } });
  const creating = manager.createTradingSandbox();
  await waitFor(() => fleet.backend.sandboxes().length === 1);
  let answered = false;
  creating.then(() => {
    answered = true;
  });
  expect(await manager.shutdown()).toMatchObject({ success: true });
  expect(answered).toBe(true);
  expect(fleet.backend.sandboxes()).toEqual([]);
  expect(await creating).toMatchObject({ success: false });
});

test('a creation that waits for its turn is not sent any more', async () => {
  const manager = fleet.manager({ maxConcurrentCreations: 1 });
  fleet.backend.faults.add({ op: 'create', action: { type: 'slow', delayMs: 100 } });
  const creating = [manager.createTradingSandbox(), manager.createTradingSandbox()];
  await waitFor(() => fleet.asked('create').length === 1);
  await manager.shutdown();
  for (const result of await Promise.all(creating)) expect(result.code).toBe('CLOSED');
  expect(fleet.asked('create')).toHaveLength(1);
});

test('a wait between two attempts is cut short', async () => {
  const manager = fleet.manager({ retryDelay: 600_000, clock: { random: () => 1 } });
  const { of } = recorded(manager);
  fleet.backend.faults.add({ op: 'create', action: { status: 429, retryAfter: 30 } });
  const creating = manager.createTradingSandbox();
  await waitFor(() => of('retry:scheduled').length === 1);
  expect(await manager.shutdown()).toMatchObject({ success: true });
  expect(await creating).toMatchObject({ success: false, code: 'CLOSED' });
});

test('a termination that fails is tried again', async () => {
  const { manager } = await fleet.managerOf(2);
  fleet.backend.faults.add({ op: 'kill', n: 2, action: { status: 500 } });
  expect(await manager.shutdown()).toMatchObject({ success: true, terminated: 2 });
});

test('what cannot be ended does not hinder the others, and is named', async () => {
  const { manager, ids } = await fleet.managerOf(3);
  const { of } = recorded(manager);
  const match = { sandboxId: ids[1] };
  fleet.backend.faults.add({ op: 'kill', match, action: { status: 500 } });
  const result = await manager.shutdown();
  expect(result).toMatchObject({
    success: false,
    terminated: 2,
    failed: [ids[1]],
    error: expect.stringContaining(ids[1]),
  });
  expect(fleet.backend.sandboxes().map(({ sandboxId }) => sandboxId)).toEqual([ids[1]]);
  expect(manager.stats).toMatchObject({ activeSandboxes: 1, sandboxesDestroyed: 2 });
  expect(of('error').map(({ type }) => type)).toEqual(['shutdown']);
  expect(of('shutdown')).toHaveLength(1);
  fleet.backend.faults.clear();
  expect(await fleet.kill(ids[1])).toBe(204);
});

test('an agent in one that cannot be ended does not keep shutdown waiting', async () => {
  const { manager, ids } = await fleet.managerOf(2);
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  const match = { sandboxId: ids[0] };
  fleet.backend.faults.add({ op: 'kill', match, action: { status: 400 } });
  expect(await manager.shutdown()).toMatchObject({ terminated: 1, failed: [ids[0]] });
  fleet.backend.faults.clear();
  expect(await fleet.kill(ids[0])).toBe(204);
});

test('a recovery under way is finished or given up, and leaves nothing', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  fleet.backend.faults.add({ op: 'create', n: 1, action: { type: 'slow', delayMs: 100 } });
  const recovering = manager._attemptRecovery(ids[0]);
  await waitFor(() => fleet.asked('create').length === 2);
  expect(await manager.shutdown()).toMatchObject({ success: true });
  await recovering;
  expect(fleet.backend.sandboxes()).toEqual([]);
});

test('afterwards every method answers CLOSED', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  await manager.shutdown();
  const answers = await Promise.all([
    manager.createTradingSandbox(),
    manager.getOrCreateSandbox(),
    manager.releaseSandbox(ids[0]),
    manager.deployAgent(ids[0], 'momentum', ['SPX']),
    manager.executeStrategy(ids[0], 'true'),
    manager.monitorHealth(),
    manager.cleanup(),
    manager.scaleUp(2),
    manager.getSandboxStatus(ids[0]),
    manager._attemptRecovery(ids[0]),
  ]);
  for (const answer of answers) expect(answer).toMatchObject({ success: false, code: 'CLOSED' });
  manager._startHealthMonitoring();
  expect(manager._healthMonitoringInterval).toBeNull();
  expect(manager.listSandboxes()).toMatchObject({ count: 0 });
  expect(manager.stop()).toMatchObject({ success: true });
});
