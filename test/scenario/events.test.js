'use strict';

// SUITE-13: events. EVT-01…10: all ten, once each, with their payloads, after the state they tell of.

const { EVENTS, movableClock, recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

test('all ten, once each, with their payloads', async () => {
  const time = movableClock();
  const manager = fleet.manager({ clock: time.clock, autoRecovery: false });
  const { events, of } = recorded(manager);
  const counts = () =>
    Object.fromEntries(
      EVENTS.map((name) => [name, events.filter((event) => event.name === name).length]),
    );

  await manager.scaleUp(1);
  const [id] = manager.activeSandboxes.keys();
  await manager.deployAgent(id, 'momentum', ['AAPL'], { period: 20 });
  await waitFor(() => of('agent:completed').length === 1);
  await manager.executeStrategy(id, 'echo hi', { timeout: 5 });
  await manager.monitorHealth();
  await manager.cleanup();
  expect(counts()).toEqual({
    'sandbox:created': 1,
    'agent:deployed': 1,
    'strategy:executed': 1,
    'health:checked': 1,
    'scale:up': 1,
    'cleanup:complete': 1,
    'recovery:success': 0,
    'recovery:failed': 0,
    error: 0,
    shutdown: 0,
  });
  const { newId } = await manager._attemptRecovery(id);
  fleet.backend.faults.add({ op: 'create', action: { status: 400 } });
  await manager._attemptRecovery(newId);
  await manager.shutdown();
  expect(counts()).toEqual({
    'sandbox:created': 2,
    'agent:deployed': 1,
    'strategy:executed': 1,
    'health:checked': 1,
    'scale:up': 1,
    'cleanup:complete': 1,
    'recovery:success': 1,
    'recovery:failed': 1,
    error: 1,
    shutdown: 1,
  });

  expect(of('sandbox:created')[0]).toMatchObject({
    id,
    name: expect.any(String),
    template: 'base',
    timeout: 3600,
    memoryMb: null,
    cpuCount: null,
    envKeys: [],
    created: expect.any(String),
    lastUsed: expect.any(String),
    status: 'running',
    agentCount: 0,
    executionCount: 0,
  });
  expect(of('agent:deployed')).toEqual([
    { sandboxId: id, agentType: 'momentum', symbols: ['AAPL'] },
  ]);
  expect(of('strategy:executed')).toEqual([
    { sandboxId: id, strategy: 'echo hi', params: { timeout: 5 } },
  ]);
  expect(of('health:checked')[0]).toMatchObject({
    timestamp: expect.any(String),
    totalSandboxes: 1,
    healthy: 1,
    degraded: 0,
    unhealthy: 0,
    sandboxes: { [id]: { health: 'healthy' } },
  });
  expect(of('scale:up')).toEqual([{ targetCount: 1, created: 1 }]);
  expect(of('cleanup:complete')[0]).toMatchObject({
    timestamp: expect.any(String),
    checked: 1,
    terminated: 0,
    failed: 0,
    freed: { memory: 0, cpu: 0 },
  });
  expect(of('recovery:success')).toEqual([{ oldId: id, newId }]);
  expect(of('recovery:failed')).toEqual([
    { sandboxId: newId, error: expect.objectContaining({ status: 400 }) },
  ]);
  expect(of('error')).toEqual([
    {
      type: 'recovery',
      sandboxId: newId,
      error: expect.objectContaining({ code: 'BAD_REQUEST' }),
    },
  ]);
  expect(events.at(-1)).toMatchObject({ name: 'shutdown', args: [] });
});

test('the whole life of one sandbox, in this order', async () => {
  const { manager, ids } = await fleet.managerOf(0);
  const { events, of } = recorded(manager);
  expect(ids).toEqual([]);
  const { sandboxId } = await manager.createTradingSandbox();
  await manager.executeStrategy(sandboxId, 'true');
  await manager.deployAgent(sandboxId, 'momentum', ['AAPL']);
  await waitFor(() => of('agent:completed').length === 1);
  await manager.executeStrategy(sandboxId, 'false');
  await manager.shutdown();
  const names = events.map(({ name }) => name).filter((name) => name !== 'agent:signal');
  expect(names).toEqual([
    'sandbox:created',
    'strategy:executed',
    'agent:deployed',
    'agent:completed',
    'error',
    'sandbox:terminated',
    'shutdown',
  ]);
  const signals = events.filter(({ name }) => name === 'agent:signal');
  expect(signals).toHaveLength(of('agent:completed')[0].summary.symbols.AAPL.signals);
  expect(signals[0].payload.signal).toMatchObject({ date: '2007-05-22', signal: 'long' });
  const at = (name) => events.findIndex((event) => event.name === name);
  expect(events.indexOf(signals[0])).toBe(at('agent:deployed') + 1);
  expect(events.indexOf(signals.at(-1))).toBe(at('agent:completed') - 1);
});

test('state first, event second, promise third', async () => {
  const manager = fleet.manager();
  const order = [];
  manager.on('sandbox:created', ({ id }) =>
    order.push(['event', manager.activeSandboxes.has(id), manager.stats.sandboxesCreated]),
  );
  manager.on('sandbox:terminated', ({ sandboxId }) =>
    order.push(['end', manager.activeSandboxes.has(sandboxId), manager.stats.sandboxesDestroyed]),
  );
  manager.on('strategy:executed', ({ sandboxId }) =>
    order.push(['run', manager.activeSandboxes.get(sandboxId).executionCount]),
  );
  manager.on('error', ({ sandboxId }) =>
    order.push(['error', manager.stats.errors, manager.activeSandboxes.get(sandboxId).errorCount]),
  );
  const { sandboxId } = await manager.createTradingSandbox();
  order.push(['promise']);
  await manager.executeStrategy(sandboxId, 'true');
  await manager.executeStrategy(sandboxId, 'false');
  await manager.shutdown();
  expect(order).toEqual([
    ['event', true, 1],
    ['promise'],
    ['run', 1],
    ['error', 1, 1],
    ['end', false, 1],
  ]);
});

test('a listener that throws changes nothing: the others are called, the fleet is whole', async () => {
  const warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const manager = fleet.manager();
  for (const name of EVENTS) {
    manager.on(name, () => {
      throw new Error(`broken listener of ${name}`);
    });
  }
  const { names } = recorded(manager);
  const created = await manager.createTradingSandbox();
  expect(created).toMatchObject({ success: true });
  expect(await manager.executeStrategy(created.sandboxId, 'true')).toMatchObject({ success: true });
  expect(await manager.executeStrategy(created.sandboxId, 'false')).toMatchObject({
    code: 'NON_ZERO_EXIT',
  });
  expect(await manager._attemptRecovery(created.sandboxId)).toMatchObject({ success: true });
  expect(await manager.shutdown()).toMatchObject({ success: true, terminated: 1 });
  expect(names().filter((name) => EVENTS.includes(name))).toEqual([
    'sandbox:created',
    'strategy:executed',
    'error',
    'sandbox:created',
    'recovery:success',
    'shutdown',
  ]);
  expect(warnings.mock.calls.map(([text]) => text)).toContain(
    "a listener of 'shutdown' threw: broken listener of shutdown",
  );
  expect(warnings).toHaveBeenCalledTimes(6);
  warnings.mockRestore();
});

test('a listener may use the manager', async () => {
  const manager = fleet.manager();
  const ran = new Promise((resolve) => {
    manager.on('sandbox:created', ({ id }) => resolve(manager.executeStrategy(id, 'echo from it')));
  });
  await manager.createTradingSandbox();
  expect(await ran).toMatchObject({ success: true, output: 'from it\n' });
});
