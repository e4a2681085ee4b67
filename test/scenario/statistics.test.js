'use strict';

// SUITE-11: each counter is moved by its cause and by nothing else. STA-01…10, MGR-11.

const { movableClock, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

/** What a step moved, as { counter: difference }. */
async function moved(manager, step) {
  const before = manager.getStats().stats;
  await step();
  const after = manager.getStats().stats;
  const changes = Object.keys(after).filter((name) => after[name] !== before[name]);
  return Object.fromEntries(changes.map((name) => [name, after[name] - before[name]]));
}

test('each by its cause', async () => {
  const time = movableClock();
  const manager = fleet.manager({ clock: time.clock });
  let id;

  const create = async () => {
    ({ sandboxId: id } = await manager.createTradingSandbox());
  };
  expect(await moved(manager, create)).toEqual({
    sandboxesCreated: 1,
    activeSandboxes: 1,
    poolSize: 1,
  });

  const take = () => manager.getOrCreateSandbox();
  expect(await moved(manager, take)).toEqual({ poolSize: -1 });
  expect(await moved(manager, () => manager.releaseSandbox(id))).toEqual({ poolSize: 1 });

  const execute = () => manager.executeStrategy(id, 'true');
  expect(await moved(manager, execute)).toEqual({ strategiesExecuted: 1 });

  const fail = () => manager.executeStrategy(id, 'false');
  expect(await moved(manager, fail)).toEqual({ errors: 1 });
  expect(manager.activeSandboxes.get(id).errorCount).toBe(1);

  const deploy = async () => {
    await manager.deployAgent(id, 'momentum', ['AAPL']);
    await waitFor(() => manager.sandboxPool.size === 1);
  };
  expect(await moved(manager, deploy)).toEqual({ agentsDeployed: 1 });

  const check = () => manager.monitorHealth();
  expect(await moved(manager, check)).toEqual({ healthChecks: 1, healthyCount: 1 });

  const recover = () => manager._attemptRecovery(id);
  expect(await moved(manager, recover)).toEqual({
    recoveryAttempts: 1,
    sandboxesCreated: 1,
    sandboxesDestroyed: 1,
  });

  const clean = () => {
    time.pass(3_600_001);
    return manager.cleanup();
  };
  expect(await moved(manager, clean)).toEqual({
    sandboxesDestroyed: 1,
    activeSandboxes: -1,
    poolSize: -1,
  });
});

test('a failed recovery is an attempt too', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  fleet.backend.faults.add({ op: 'create', action: { status: 400 } });
  expect(await moved(manager, () => manager._attemptRecovery(ids[0]))).toEqual({
    recoveryAttempts: 1,
    sandboxesDestroyed: 1,
    activeSandboxes: -1,
    poolSize: -1,
    errors: 1,
  });
});

test('the terminations of a shutdown are counted', async () => {
  const { manager } = await fleet.managerOf(3);
  await manager.shutdown();
  expect(manager.getStats().stats).toMatchObject({
    sandboxesCreated: 3,
    sandboxesDestroyed: 3,
    activeSandboxes: 0,
    poolSize: 0,
  });
});

test('created minus destroyed is alive, at every event of a busy life', async () => {
  const manager = fleet.manager();
  const wrong = [];
  const emit = manager.emit.bind(manager);
  manager.emit = (name, ...args) => {
    const { sandboxesCreated, sandboxesDestroyed, activeSandboxes } = manager.getStats().stats;
    const alive = manager.activeSandboxes.size;
    if (sandboxesCreated - sandboxesDestroyed !== activeSandboxes || alive !== activeSandboxes) {
      wrong.push(name);
    }
    return emit(name, ...args);
  };
  await manager.scaleUp(4);
  const [first, second] = manager.activeSandboxes.keys();
  await fleet.kill(first);
  fleet.backend.faults.add({ op: 'create', n: 1, action: { status: 400 } });
  await Promise.all([
    manager.monitorHealth(),
    manager._attemptRecovery(second),
    manager.createTradingSandbox(),
    manager.getOrCreateSandbox(),
  ]);
  await manager.shutdown();
  expect(wrong).toEqual([]);
});

test('getStats has the configuration and no secret; stats is always current', async () => {
  const { manager } = await fleet.managerOf(1);
  const { success, config } = manager.getStats();
  expect([success, config.maxPoolSize]).toEqual([true, 10]);
  expect(JSON.stringify(manager.getStats())).not.toContain(fleet.client.apiKey);
  expect(manager.stats.sandboxesCreated).toBe(1);
  expect(() => {
    manager.stats.sandboxesCreated = 5;
  }).toThrow(TypeError);
});
