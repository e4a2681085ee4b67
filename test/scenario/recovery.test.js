'use strict';

// Recovery. MGR-13, RES-07, CFG-03, C-15, EVT-07, EVT-08, STA-02, STA-06, STA-08.

const { movableClock, recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

test('replaced with the same name, template, timeout, environment and metadata', async () => {
  const spec = {
    name: 'desk',
    template: 'python',
    timeout: 1200,
    env: { KEY: 'v' },
    metadata: { a: 'b' },
  };
  const { manager, ids } = await fleet.managerOf(1, {}, spec);
  await fleet.kill(ids[0]);
  const { recoveries } = await manager.monitorHealth();
  expect(recoveries).toEqual([
    { success: true, oldId: ids[0], newId: expect.any(String), agents: 0 },
  ]);
  const { newId } = recoveries[0];
  const [far] = fleet.backend.sandboxes();
  expect(far).toMatchObject({
    sandboxId: newId,
    alias: 'python',
    metadata: { a: 'b', 'e2b-swarm.name': 'desk' },
  });
  expect(Date.parse(far.endAt) - Date.parse(far.startedAt)).toBe(1_200_000);
  expect(await fleet.run(manager, newId, 'echo $KEY')).toBe('v\n');
  expect(manager.sandboxPool.has(newId)).toBe(true);
});

test('the whole sequence: terminated, created, agents, success; and the statistics', async () => {
  const { manager, ids } = await fleet.managerOf(2);
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5, lookback: 30 });
  await manager.deployAgent(ids[0], 'momentum', ['AAPL'], { paceMs: 5 });
  const { events, names } = recorded(manager);
  await fleet.kill(ids[0]);
  await waitFor(() => names().includes('recovery:success'));
  const seen = names().filter((name) => name !== 'agent:signal');
  expect(seen).toEqual([
    'sandbox:terminated',
    'sandbox:created',
    'agent:deployed',
    'agent:deployed',
    'recovery:success',
  ]);
  const byName = (name) => events.filter((event) => event.name === name).map((e) => e.payload);
  const [{ oldId, newId }] = byName('recovery:success');
  expect(byName('recovery:success')).toEqual([{ oldId: ids[0], newId }]);
  expect(oldId).toBe(ids[0]);
  expect(byName('sandbox:created')[0].id).toBe(newId);
  expect(byName('agent:deployed').map(({ sandboxId }) => sandboxId)).toEqual([newId, newId]);
  expect(
    byName('agent:deployed')
      .map(({ symbols }) => symbols[0])
      .sort(),
  ).toEqual(['AAPL', 'SPX']);
  expect(manager.stats).toMatchObject({
    sandboxesCreated: 3,
    sandboxesDestroyed: 1,
    activeSandboxes: 2,
    agentsDeployed: 4,
    recoveryAttempts: 1,
    errors: 0,
  });
  expect(manager.activeSandboxes.get(newId)).toMatchObject({ agentCount: 2, runningAgents: 2 });
  expect(fleet.backend.sandboxes().find((far) => far.sandboxId === newId).processes).toHaveLength(
    2,
  );
});

test('only agents that were still running are deployed again, with their own parameters', async () => {
  const { manager, ids } = await fleet.managerOf(1, { autoRecovery: false });
  const { of } = recorded(manager);
  await manager.deployAgent(ids[0], 'momentum', ['AAPL'], { lookback: 5 });
  await waitFor(() => of('agent:completed').length === 1);
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 1, lookback: 5000 });
  const { newId, agents } = await manager._attemptRecovery(ids[0]);
  expect(agents).toBe(1);
  await waitFor(() => of('agent:completed').length === 2);
  expect(of('agent:completed')[1]).toMatchObject({ sandboxId: newId, symbols: ['SPX'] });
  expect(of('agent:completed')[1].summary.params).toMatchObject({ lookback: 5000, paceMs: 1 });
});

test('found on use: a command in a sandbox that is gone starts its recovery', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  await fleet.kill(ids[0]);
  expect(await manager.executeStrategy(ids[0], 'true')).toMatchObject({
    success: false,
    error: expect.stringContaining('not found'),
  });
  await waitFor(() => of('recovery:success').length === 1);
  expect(fleet.backend.sandboxes()).toHaveLength(1);
});

test('a sandbox that vanishes without a word under its agent is replaced with it', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  fleet.backend.faults.add({ op: 'stream', n: 1, action: { type: 'vanish', afterEvents: 4 } });
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 2 });
  await waitFor(() => of('recovery:success').length === 1);
  expect(of('agent:deployed')).toHaveLength(2);
  expect(of('agent:completed')).toEqual([]);
});

test('an agent that comes to run while its sandbox is being replaced is started again', async () => {
  const waits = [];
  const clock = { random: () => 1, setTimeout: (go) => waits.push(go), clearTimeout() {} };
  const { manager, ids } = await fleet.managerOf(1, { clock });
  fleet.backend.faults.add({ op: 'kill', n: 1, action: { status: 503 } });
  const deploying = manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  const recovering = manager._attemptRecovery(ids[0]);
  expect(await deploying).toMatchObject({ success: true, sandboxId: ids[0] });
  // Only now may the old one be ended.
  await waitFor(() => waits.length === 1);
  waits[0]();
  const { newId, agents } = await recovering;
  expect(agents).toBe(1);
  expect(manager.activeSandboxes.get(newId)).toMatchObject({ runningAgents: 1 });
});

test('autoRecovery false: reported, and nothing else', async () => {
  const { manager, ids } = await fleet.managerOf(1, { autoRecovery: false });
  const { names } = recorded(manager);
  await fleet.kill(ids[0]);
  expect(await manager.monitorHealth()).toMatchObject({ health: { unhealthy: 1 }, recoveries: [] });
  expect(names()).toEqual(['health:checked']);
  expect(manager.stats).toMatchObject({ activeSandboxes: 1, recoveryAttempts: 0, poolSize: 0 });
});

test('switched on later, it takes effect at the next round', async () => {
  const { manager, ids } = await fleet.managerOf(1, { autoRecovery: false });
  await fleet.kill(ids[0]);
  await manager.monitorHealth();
  manager.config.autoRecovery = true;
  expect((await manager.monitorHealth()).recoveries).toHaveLength(1);
});

test('one recovery at a time for each sandbox', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  await fleet.kill(ids[0]);
  const results = await Promise.all([
    manager._attemptRecovery(ids[0]),
    manager._attemptRecovery(ids[0]),
    manager.monitorHealth(),
    manager.monitorHealth(),
  ]);
  expect(results[0]).toBe(results[1]);
  expect(manager.stats).toMatchObject({ recoveryAttempts: 1, activeSandboxes: 1 });
  expect(fleet.backend.sandboxes()).toHaveLength(1);
});

test('the replacement takes the place of the old one, also in a full fleet', async () => {
  const { manager, ids } = await fleet.managerOf(2, { maxPoolSize: 2 });
  await fleet.kill(ids[0]);
  fleet.backend.faults.add({ op: 'create', n: 1, action: { type: 'slow', delayMs: 100 } });
  const recovering = manager._attemptRecovery(ids[0]);
  await waitFor(() => fleet.asked('create').length === 3);
  expect(await manager.createTradingSandbox()).toMatchObject({ code: 'CAPACITY' });
  expect(await recovering).toMatchObject({ success: true });
  expect(manager.activeSandboxes.size).toBe(2);
});

test('who had taken the old one has the new one, and can put it back by the old id', async () => {
  const manager = fleet.manager();
  const { sandboxId } = await manager.getOrCreateSandbox();
  await fleet.kill(sandboxId);
  const { newId } = await manager._attemptRecovery(sandboxId);
  expect(manager.sandboxPool.size).toBe(0);
  expect(await manager.executeStrategy(sandboxId, 'true')).toMatchObject({
    success: false,
    error: expect.stringContaining(`not found: it was replaced by ${newId}`),
  });
  expect(await manager.releaseSandbox(sandboxId)).toMatchObject({
    success: true,
    sandboxId: newId,
  });
  expect(manager.sandboxPool.has(newId)).toBe(true);
});

test('the replacement is handed out to nobody before its agents run', async () => {
  const { manager, ids } = await fleet.managerOf(1, { autoRecovery: false });
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  const asked = new Promise((resolve) => {
    manager.once('sandbox:created', () => resolve(manager.getOrCreateSandbox()));
  });
  const { newId } = await manager._attemptRecovery(ids[0]);
  const other = await asked;
  expect(other).toMatchObject({ success: true, reused: false });
  expect(other.sandboxId).not.toBe(newId);
});

test('a replacement is as inactive as what it replaced: no endless life for nobody', async () => {
  const time = movableClock();
  const { manager, ids } = await fleet.managerOf(1, { clock: time.clock });
  time.pass(50 * 60_000);
  await fleet.kill(ids[0]);
  expect((await manager.monitorHealth()).recoveries).toHaveLength(1);
  time.pass(11 * 60_000);
  expect((await manager.cleanup()).cleanup.terminated).toBe(1);
});

test('an agent that is killed just before its sandbox dies is started again', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  const { pid } = await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  fleet.backend.faults.add({ op: 'get', n: 1, action: 'vanish' });
  // Its own result does not matter: its sandbox may be gone before it is answered.
  await manager.executeStrategy(ids[0], `kill -9 ${pid}`);
  await waitFor(() => of('recovery:success').length === 1);
  expect(of('agent:deployed')).toHaveLength(2);
  expect(of('agent:completed')).toEqual([]);
});

test('put back while it is replaced: the replacement is idle, not taken for ever', async () => {
  const manager = fleet.manager();
  const { sandboxId } = await manager.getOrCreateSandbox();
  const release = () => manager.releaseSandbox(sandboxId);
  const released = new Promise((resolve) => {
    manager.once('sandbox:terminated', () => setImmediate(() => resolve(release())));
  });
  fleet.backend.faults.add({ op: 'create', n: 1, action: { type: 'slow', delayMs: 100 } });
  const { newId } = await manager._attemptRecovery(sandboxId);
  expect(await released).toMatchObject({ success: true, sandboxId, sandbox: null });
  expect([...manager.sandboxPool.keys()]).toEqual([newId]);
});

test('put back while it awaits its replacement: the same', async () => {
  const manager = fleet.manager();
  const { sandboxId } = await manager.getOrCreateSandbox();
  fleet.backend.faults.add({ op: 'create', n: 1, action: { status: 400 } });
  await manager._attemptRecovery(sandboxId);
  expect(await manager.releaseSandbox(sandboxId)).toMatchObject({ success: true });
  await manager.monitorHealth();
  expect(manager.sandboxPool.size).toBe(1);
});

test('while it is replaced, a sandbox cannot be used', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const recovering = manager._attemptRecovery(ids[0]);
  expect(await manager.executeStrategy(ids[0], 'true')).toMatchObject({
    success: false,
    code: 'CONFLICT',
    error: expect.stringContaining('being replaced'),
  });
  await recovering;
});

describe('when the replacement cannot be made', () => {
  async function lost(config) {
    const { manager, ids } = await fleet.managerOf(1, config);
    await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
    const seen = recorded(manager);
    const broken = fleet.backend.faults.add({ op: 'create', action: { status: 400 } });
    return { manager, id: ids[0], broken, ...seen };
  }

  test('recovery:failed tells it, once, and the old one is not counted as alive', async () => {
    const { manager, id, of } = await lost();
    expect(await manager._attemptRecovery(id)).toMatchObject({
      success: false,
      sandboxId: id,
      status: 400,
    });
    expect(of('recovery:failed')).toEqual([
      { sandboxId: id, error: expect.objectContaining({ status: 400 }) },
    ]);
    expect(of('error').map(({ type }) => type)).toEqual(['recovery']);
    expect(of('recovery:success')).toEqual([]);
    expect(manager.stats).toMatchObject({
      sandboxesCreated: 1,
      sandboxesDestroyed: 1,
      activeSandboxes: 0,
      recoveryAttempts: 1,
    });
  });

  test('its place is kept, and the next round brings it back with its agent', async () => {
    const { manager, id, broken, of } = await lost({ maxPoolSize: 1 });
    await manager._attemptRecovery(id);
    expect(await manager.createTradingSandbox()).toMatchObject({
      code: 'CAPACITY',
      error: expect.stringContaining('1 awaiting replacement'),
    });
    broken.remove();
    const { recoveries } = await manager.monitorHealth();
    expect(recoveries).toEqual([expect.objectContaining({ success: true, oldId: id, agents: 1 })]);
    expect(of('recovery:success')).toHaveLength(1);
    expect(fleet.backend.sandboxes()[0].processes).toHaveLength(1);
  });

  test('after five attempts the place is given up', async () => {
    const { manager, id } = await lost({ maxPoolSize: 1 });
    await manager._attemptRecovery(id);
    for (let i = 0; i < 4; i++) {
      expect((await manager.monitorHealth()).recoveries).toHaveLength(1);
    }
    expect((await manager.monitorHealth()).recoveries).toEqual([]);
    expect(manager.stats.recoveryAttempts).toBe(5);
    fleet.backend.faults.clear();
    expect(await manager.createTradingSandbox()).toMatchObject({ success: true });
  });
});

test('when the old one cannot be ended it stays, and the next round tries again', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  fleet.backend.faults.add({ op: 'kill', n: 1, action: { status: 400 } });
  expect(await manager._attemptRecovery(ids[0])).toMatchObject({ success: false });
  expect(of('recovery:failed')).toHaveLength(1);
  expect([...manager.activeSandboxes.keys()]).toEqual(ids);
  expect(fleet.backend.sandboxes()).toHaveLength(1);
  expect(await manager._attemptRecovery(ids[0])).toMatchObject({ success: true });
});

test('a cleanup and a recovery that both wait for an end that fails leave a usable sandbox', async () => {
  const waits = [];
  const clock = { random: () => 1, setTimeout: (go) => waits.push(go), clearTimeout() {} };
  const { manager, ids } = await fleet.managerOf(1, { clock, retryAttempts: 2 });
  manager.config.inactivityThreshold = 0;
  fleet.backend.faults.add({ op: 'kill', n: 2, action: { status: 503 } });
  const cleaning = manager.cleanup();
  await waitFor(() => waits.length === 1);
  const recovering = manager._attemptRecovery(ids[0]);
  waits[0]();
  expect((await cleaning).cleanup).toMatchObject({ terminated: 0, failed: 1 });
  expect(await recovering).toMatchObject({ success: false, code: 'SERVER_BUSY' });
  expect(manager.activeSandboxes.get(ids[0])).toMatchObject({ status: 'running', state: 'idle' });
  expect(await fleet.run(manager, ids[0], 'echo well')).toBe('well\n');
});

test('when an agent cannot be started again, that is a failed recovery; the sandbox stays', async () => {
  const { manager, ids } = await fleet.managerOf(1, { autoRecovery: false });
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  const { of } = recorded(manager);
  fleet.backend.faults.add({ op: 'start', action: { status: 400 } });
  const failed = await manager._attemptRecovery(ids[0]);
  expect(failed).toMatchObject({ success: false, newId: expect.any(String) });
  expect(of('recovery:failed')).toHaveLength(1);
  expect(of('error').map(({ type }) => type)).toEqual(['deploy_agent', 'recovery']);
  expect([...manager.sandboxPool.keys()]).toEqual([failed.newId]);
});

test('an unknown sandbox is not found, and that is no attempt', async () => {
  const manager = fleet.manager();
  expect(await manager._attemptRecovery('nowhere')).toMatchObject({
    success: false,
    code: 'NOT_FOUND',
  });
  expect(manager.stats.recoveryAttempts).toBe(0);
});
