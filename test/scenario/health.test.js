'use strict';

// SUITE-05: health. MGR-04, HLT-01…06, 08, C-13…C-16: each category reached by a cause.

const { movableClock, recorded, withFleet } = require('./helpers/fleet');

const fleet = withFleet();
const ONE_HOUR = 3_600_000;

const entry = (result, id) => result.health.sandboxes[id];

test('an empty fleet is healthy and has no score', async () => {
  const manager = fleet.manager();
  expect(await manager.monitorHealth()).toEqual({
    success: true,
    health: {
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      totalSandboxes: 0,
      healthy: 0,
      degraded: 0,
      unhealthy: 0,
      fleet: { status: 'healthy', score: null },
      sandboxes: {},
    },
    recoveries: [],
  });
});

test('the report is the event, and has an entry for each sandbox', async () => {
  const { manager, ids } = await fleet.managerOf(2);
  const { of } = recorded(manager);
  const result = await manager.monitorHealth();
  expect(of('health:checked')).toEqual([result.health]);
  expect(result.health).toMatchObject({
    totalSandboxes: 2,
    healthy: 2,
    fleet: { status: 'healthy', score: 1 },
  });
  expect(Object.keys(result.health.sandboxes).sort()).toEqual([...ids].sort());
  expect(entry(result, ids[0])).toMatchObject({
    sandboxId: ids[0],
    status: 'running',
    health: 'healthy',
    reasons: [],
    uptime: expect.any(Number),
    memoryUsage: null,
    cpuUsage: null,
    errorRate: 0,
    executionCount: 0,
    lastActivity: expect.any(String),
  });
  expect(manager.stats).toMatchObject({ healthChecks: 1, healthyCount: 2 });
});

test('looking at idle ones asks the control plane alone and prolongs nothing', async () => {
  const { manager } = await fleet.managerOf(2);
  const ends = fleet.backend.sandboxes().map(({ endAt }) => endAt);
  fleet.backend.requests.length = 0;
  await manager.monitorHealth();
  expect(fleet.backend.requests.map(({ op, method }) => `${method} ${op}`)).toEqual([
    'GET get',
    'GET get',
  ]);
  expect(fleet.backend.sandboxes().map(({ endAt }) => endAt)).toEqual(ends);
});

test('one that works is asked for its real metrics', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  const { endAt } = fleet.backend.sandboxes()[0];
  const found = entry(await manager.monitorHealth(), ids[0]);
  expect(found.memoryUsage).toBeGreaterThan(0);
  expect(found.cpuUsage).toBeGreaterThanOrEqual(0);
  // Nor is the life of one that works prolonged by a look.
  expect(fleet.backend.sandboxes()[0].endAt).toBe(endAt);
  expect(fleet.asked('connect', 'timeout', 'refreshes')).toEqual([]);
});

test('degraded by its error rate, then unhealthy, then replaced', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const run = async (line, times) => {
    for (let i = 0; i < times; i++) await manager.executeStrategy(ids[0], line);
  };
  await run('false', 1);
  await run('true', 8);
  expect(entry(await manager.monitorHealth(), ids[0])).toMatchObject({ health: 'healthy' });
  await run('true', 1);
  expect(entry(await manager.monitorHealth(), ids[0])).toMatchObject({
    health: 'degraded',
    reasons: ['error-rate'],
    errorRate: 0.1,
  });
  await run('false', 1);
  const unhealthy = await manager.monitorHealth();
  expect(entry(unhealthy, ids[0])).toMatchObject({ health: 'unhealthy', reasons: ['error-rate'] });
  expect(unhealthy.recoveries).toEqual([]);
  await run('false', 8);
  const { recoveries } = await manager.monitorHealth();
  expect(recoveries).toEqual([expect.objectContaining({ success: true, oldId: ids[0] })]);
});

test("a failure that never reached the sandbox is not the sandbox's", async () => {
  const { manager, ids } = await fleet.managerOf(1);
  for (let i = 0; i < 12; i++) await manager.deployAgent(ids[0], 'no-such-agent', ['SPX']);
  const found = entry(await manager.monitorHealth(), ids[0]);
  expect(found).toMatchObject({ health: 'healthy', errorRate: 0 });
  expect(manager.activeSandboxes.get(ids[0]).errorCount).toBe(12);
});

test("degraded by its latency, in which the command's run time does not count", async () => {
  const { manager, ids } = await fleet.managerOf(2, { health: { degradedLatencyMs: 400 } });
  await manager.executeStrategy(ids[0], 'sleep 0.5');
  fleet.backend.faults.add({
    op: 'start',
    match: { sandboxId: ids[1] },
    action: { type: 'slow', delayMs: 500 },
  });
  await manager.executeStrategy(ids[1], 'true');
  const result = await manager.monitorHealth();
  expect(entry(result, ids[0])).toMatchObject({ health: 'healthy' });
  expect(entry(result, ids[1])).toMatchObject({ health: 'degraded', reasons: ['latency'] });
  expect(entry(result, ids[1]).averageLatencyMs).toBeGreaterThan(400);
});

test('degraded near its timeout, replaced past it', async () => {
  const time = movableClock();
  const { manager, ids } = await fleet.managerOf(1, { clock: time.clock }, { timeout: 1000 });
  time.pass(899_000);
  expect(entry(await manager.monitorHealth(), ids[0])).toMatchObject({ health: 'healthy' });
  time.pass(2000);
  expect(entry(await manager.monitorHealth(), ids[0])).toMatchObject({
    health: 'degraded',
    reasons: ['near-timeout'],
  });
  time.pass(100_000);
  const past = await manager.monitorHealth();
  expect(entry(past, ids[0])).toMatchObject({ health: 'unhealthy', reasons: ['past-timeout'] });
  expect(past.recoveries).toEqual([expect.objectContaining({ success: true, oldId: ids[0] })]);
});

test('degraded after an hour without use', async () => {
  const time = movableClock();
  const { manager, ids } = await fleet.managerOf(1, { clock: time.clock }, { timeout: 86_400 });
  time.pass(ONE_HOUR - 60_000);
  expect(entry(await manager.monitorHealth(), ids[0])).toMatchObject({ health: 'healthy' });
  time.pass(120_000);
  const result = await manager.monitorHealth();
  expect(entry(result, ids[0])).toMatchObject({ health: 'degraded', reasons: ['inactive'] });
  expect(result.recoveries).toEqual([]);
});

test('an inactive one past its timeout is left to the cleanup: no replacement for nobody', async () => {
  const time = movableClock();
  const { manager, ids } = await fleet.managerOf(1, { clock: time.clock });
  time.pass(ONE_HOUR + 60_000);
  const result = await manager.monitorHealth();
  expect(entry(result, ids[0])).toMatchObject({ health: 'unhealthy', reasons: ['past-timeout'] });
  expect(result.recoveries).toEqual([]);
  expect(await manager.cleanup()).toMatchObject({ cleanup: { terminated: 1 } });
});

test('unhealthy when it is gone at the far end', async () => {
  const { manager, ids } = await fleet.managerOf(3, { autoRecovery: false });
  await fleet.kill(ids[1]);
  const result = await manager.monitorHealth();
  expect(entry(result, ids[1])).toMatchObject({
    health: 'unhealthy',
    reasons: ['gone'],
    status: 'error',
  });
  expect(result.health).toMatchObject({
    healthy: 2,
    unhealthy: 1,
    fleet: { status: 'unhealthy', score: 2 / 3 },
  });
});

test('unhealthy when the control plane says it runs and its daemon does not answer', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  fleet.backend.faults.add({ op: ['metrics', 'health'], action: { status: 502 } });
  const result = await manager.monitorHealth();
  expect(entry(result, ids[0])).toMatchObject({
    health: 'unhealthy',
    reasons: ['unreachable'],
    status: 'error',
  });
  expect(result.recoveries).toEqual([expect.objectContaining({ success: true, agents: 1 })]);
});

test.each([[{ status: 503 }], [{ status: 429, retryAfter: 0 }], [{ status: 500 }], ['reset']])(
  'a hiccup of its daemon (%j) condemns nobody: it is asked again in the same round',
  async (action) => {
    const { manager, ids } = await fleet.managerOf(1);
    await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
    fleet.backend.faults.add({ op: 'metrics', n: 2, action });
    const result = await manager.monitorHealth();
    expect(entry(result, ids[0])).toMatchObject({ health: 'healthy', reasons: [] });
    expect(result.recoveries).toEqual([]);
    expect(manager.activeSandboxes.get(ids[0])).toMatchObject({ runningAgents: 1 });
    expect(fleet.asked('metrics')).toHaveLength(3);
  },
);

test('a control plane that fails condemns nobody', async () => {
  const { manager, ids } = await fleet.managerOf(2);
  const { of } = recorded(manager);
  fleet.backend.faults.add({ op: 'get', action: { status: 500 } });
  const result = await manager.monitorHealth();
  expect(result).toMatchObject({ success: true, recoveries: [] });
  expect(result.health).toMatchObject({ degraded: 2, fleet: { status: 'unhealthy', score: 0 } });
  expect(entry(result, ids[0])).toMatchObject({ reasons: ['unseen'], status: 'error' });
  expect(of('error').map(({ type }) => type)).toEqual(['health_check', 'health_check']);
  // Not asked again and again: the next round looks anyway.
  expect(fleet.asked('get')).toHaveLength(2);
  fleet.backend.faults.clear();
  expect((await manager.monitorHealth()).health).toMatchObject({ healthy: 2 });
});

test('rounds never overlap each other', async () => {
  const time = movableClock();
  const config = { clock: time.clock, healthCheckInterval: 50 };
  const { manager } = await fleet.managerOf(1, config);
  fleet.backend.faults.add({ op: 'get', n: 1, action: { type: 'slow', delayMs: 200 } });
  const { of } = recorded(manager);
  const checked = new Promise((resolve) => {
    manager.once('health:checked', resolve);
  });
  time.tick(50);
  time.tick(50);
  time.tick(50);
  await checked;
  expect(fleet.asked('get')).toHaveLength(1);
  expect(of('health:checked')).toHaveLength(1);
});
