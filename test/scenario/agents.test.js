'use strict';

// SUITE-03: agents. MGR-02, EVT-02.

const { recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

test('deployed at its first line, told by an event, counted; and it runs on', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  const deployed = await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 1 });
  expect(deployed).toMatchObject({
    success: true,
    sandboxId: ids[0],
    agentType: 'momentum',
    agentId: expect.any(String),
    symbols: ['SPX'],
    pid: expect.any(Number),
    sample: true,
  });
  expect(of('agent:deployed')).toEqual([
    { sandboxId: ids[0], agentType: 'momentum', symbols: ['SPX'] },
  ]);
  expect(of('agent:completed')).toEqual([]);
  const [record] = manager.listSandboxes().sandboxes;
  expect(record).toMatchObject({ agentCount: 1, runningAgents: 1, state: 'busy' });
  expect(manager.stats).toMatchObject({ agentsDeployed: 1, poolSize: 0 });
  expect(fleet.backend.sandboxes()[0].processes).toHaveLength(1);
});

test('its signals stream while it runs, after the event that says it was deployed', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { names, of } = recorded(manager);
  const { agentId } = await manager.deployAgent(ids[0], 'momentum', ['AAPL'], { paceMs: 1 });
  await waitFor(() => of('agent:signal').length >= 2);
  expect(of('agent:completed')).toEqual([]);
  expect(names()[0]).toBe('agent:deployed');
  expect(of('agent:signal')[0]).toMatchObject({
    sandboxId: ids[0],
    agentId,
    agentType: 'momentum',
    signal: {
      type: 'signal',
      symbol: 'AAPL',
      date: expect.any(String),
      signal: expect.any(String),
    },
  });
});

test('at its end its summary is told and the sandbox is idle again', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  const { agentId } = await manager.deployAgent(
    ids[0],
    'Momentum_Trader',
    ['AAPL'],
    '{"period":20}',
  );
  await waitFor(() => of('agent:completed').length === 1);
  const [ended] = of('agent:completed');
  expect(ended).toMatchObject({ sandboxId: ids[0], agentId, status: 'completed', exitCode: 0 });
  expect(ended.summary.symbols.AAPL.total).toBeCloseTo(0.232380725692, 9);
  expect(ended.summary.symbols.AAPL.sharpe).toBeCloseTo(0.295215997962, 9);
  expect(manager.sandboxPool.has(ids[0])).toBe(true);
  expect(manager.activeSandboxes.get(ids[0])).toMatchObject({ agentCount: 1, runningAgents: 0 });
});

test("prices come from the manager's own source, asked for each symbol", async () => {
  const asked = [];
  const bars = Array.from({ length: 30 }, (_, i) => ({ date: `2026-01-${i + 1}`, close: 100 + i }));
  const data = async (symbol) => {
    asked.push(symbol);
    return bars;
  };
  const { manager, ids } = await fleet.managerOf(1, { data });
  const { of } = recorded(manager);
  const deployed = await manager.deployAgent(ids[0], 'momentum', ['ACME'], {});
  expect(deployed).toMatchObject({ success: true, sample: false });
  await waitFor(() => of('agent:completed').length === 1);
  expect(asked).toEqual(['ACME']);
  expect(of('agent:completed')[0].summary.symbols.ACME.bars).toBe(30);
});

test("prices in params go before the manager's", async () => {
  const data = () => {
    throw new Error('asked in spite of the params');
  };
  const bars = Array.from({ length: 30 }, (_, i) => ({ date: `2026-01-${i + 1}`, close: 100 + i }));
  const { manager, ids } = await fleet.managerOf(1, { data });
  expect(
    await manager.deployAgent(ids[0], 'momentum', ['ACME'], { data: { ACME: bars } }),
  ).toMatchObject({ success: true });
});

test.each([
  ['an unknown type', ['momentun', ['SPX']], 'momentum'],
  ['no symbols', ['momentum', []], 'symbol'],
  ['a symbol without prices', ['momentum', ['NOPE']], 'NOPE'],
  ['params that are not JSON', ['momentum', ['SPX'], '{"period": 20,}'], 'position 14'],
])('%s is refused before anything is sent', async (_, args, text) => {
  const { manager, ids } = await fleet.managerOf(1);
  const before = fleet.backend.requests.length;
  expect(await manager.deployAgent(ids[0], ...args)).toMatchObject({
    success: false,
    sandboxId: ids[0],
    code: 'INVALID_ARGUMENT',
    error: expect.stringContaining(text),
  });
  expect(fleet.backend.requests.length).toBe(before);
  expect(manager.activeSandboxes.get(ids[0])).toMatchObject({ agentCount: 0, errorCount: 1 });
});

test('an unknown sandbox is not found', async () => {
  const manager = fleet.manager();
  const { of } = recorded(manager);
  expect(await manager.deployAgent('nowhere', 'momentum', ['SPX'])).toMatchObject({
    success: false,
    sandboxId: 'nowhere',
    code: 'NOT_FOUND',
    error: expect.stringContaining('not found'),
  });
  expect(of('error')).toEqual([
    {
      type: 'deploy_agent',
      sandboxId: 'nowhere',
      error: expect.objectContaining({ name: 'NotFoundError' }),
    },
  ]);
  expect(of('agent:deployed')).toEqual([]);
});

test('an agent that ends without a line was not deployed, and its reason is told', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const failed = await manager.deployAgent(ids[0], 'momentum', ['SPX'], { lookback: -3 });
  expect(failed).toMatchObject({ success: false, code: 'AGENT_FAILED' });
  expect(failed.error).toContain('lookback');
  expect(manager.stats).toMatchObject({ agentsDeployed: 0, poolSize: 1 });
});

test('one that is killed in a living sandbox is reported and not started again', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  const { pid } = await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  await fleet.run(manager, ids[0], `kill -9 ${pid}`);
  await waitFor(() => of('agent:completed').length === 1);
  expect(of('agent:completed')[0]).toMatchObject({ status: 'failed', summary: null });
  expect(of('error')).toEqual([expect.objectContaining({ type: 'run_agent', sandboxId: ids[0] })]);
  expect(manager.stats).toMatchObject({ recoveryAttempts: 0, agentsDeployed: 1 });
  expect(manager.sandboxPool.has(ids[0])).toBe(true);
});

test('one whose stream breaks in a living sandbox is ended and reported as lost', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  fleet.backend.faults.add({ op: 'stream', n: 1, action: { type: 'cut', afterEvents: 3 } });
  const deployed = await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  expect(deployed).toMatchObject({ success: true });
  await waitFor(() => of('agent:completed').length === 1);
  expect(of('agent:completed')[0]).toMatchObject({ status: 'lost' });
  await waitFor(() => fleet.backend.sandboxes()[0].processes.length === 0);
  expect(manager.stats.recoveryAttempts).toBe(0);
});

test('a deadline ends it, and that is told', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 50, timeout: 1 });
  await waitFor(() => of('agent:completed').length === 1);
  expect(of('agent:completed')[0]).toMatchObject({ status: 'timeout' });
  expect(of('error')[0].error).toMatchObject({ code: 'TIMEOUT' });
});

test('a signal gives up the start, and what was started is ended', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const controller = new AbortController();
  fleet.backend.faults.add({ op: 'start', n: 1, action: { type: 'slow', delayMs: 300 } });
  const deploying = manager.deployAgent(
    ids[0],
    'momentum',
    ['SPX'],
    { paceMs: 50 },
    { signal: controller.signal },
  );
  await waitFor(() => fleet.asked('start').length === 1);
  controller.abort();
  expect(await deploying).toMatchObject({ success: false, code: 'CANCELLED' });
  expect(manager.stats.agentsDeployed).toBe(0);
  await waitFor(() => manager.activeSandboxes.get(ids[0]).state === 'idle');
  expect(fleet.backend.sandboxes()[0].processes).toEqual([]);
  expect(fleet.asked('signal')).toHaveLength(1);
});
