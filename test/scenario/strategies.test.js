'use strict';

// SUITE-04: strategies. MGR-03, EVT-03.

const { recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

test("a command's own output is in the result; counted, told, lastUsed moved", async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  const before = manager.activeSandboxes.get(ids[0]);
  const ran = await manager.executeStrategy(ids[0], 'echo hi; echo oops >&2');
  expect(ran).toMatchObject({
    success: true,
    sandboxId: ids[0],
    strategy: 'echo hi; echo oops >&2',
    output: 'hi\n',
    stderr: 'oops\n',
    exitCode: 0,
    durationMs: expect.any(Number),
  });
  const after = manager.activeSandboxes.get(ids[0]);
  expect(after.executionCount).toBe(1);
  expect(after.lastUsed >= before.lastUsed).toBe(true);
  expect(manager.stats.strategiesExecuted).toBe(1);
  expect(of('strategy:executed')).toEqual([
    { sandboxId: ids[0], strategy: 'echo hi; echo oops >&2', params: {} },
  ]);
});

test('params.command with args is run without a shell, strategy is its label', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  const params = { command: 'printf', args: ['%s|', 'a b', '$(id)', '"'], cwd: '/' };
  const ran = await manager.executeStrategy(ids[0], 'nightly', params);
  expect(ran).toMatchObject({ success: true, strategy: 'nightly', output: 'a b|$(id)|"|' });
  expect(of('strategy:executed')[0]).toMatchObject({ strategy: 'nightly', params });
});

test('environment and input reach the command, and their values no event', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  const ran = await manager.executeStrategy(ids[0], 'echo $KEY; cat', {
    env: { KEY: 's3cret-a' },
    stdin: 's3cret-b',
  });
  expect(ran.output).toBe('s3cret-a\ns3cret-b');
  expect(of('strategy:executed')[0].params).toEqual({ envKeys: ['KEY'], stdinBytes: 8 });
});

test('an agent by its name runs to its end: signals and summary of real prices', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const ran = await manager.executeStrategy(ids[0], 'momentum', { symbols: ['SPX'] });
  expect(ran).toMatchObject({ success: true, exitCode: 0, sample: true, gpuUsed: false });
  expect(ran.summary.symbols.SPX.total).toBeCloseTo(-0.103181887196, 9);
  expect(ran.summary.symbols.SPX.sharpe).toBeCloseTo(0.056245720428, 9);
  expect(ran.signals.length).toBeGreaterThan(100);
  expect(ran.output.trim().split('\n')).toHaveLength(ran.signals.length + 1);
  expect(manager.sandboxPool.size).toBe(1);
});

test('an exit that is not 0 is a failure that has the output', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  const ran = await manager.executeStrategy(ids[0], 'echo half; echo reason >&2; exit 3');
  expect(ran).toMatchObject({
    success: false,
    sandboxId: ids[0],
    code: 'NON_ZERO_EXIT',
    exitCode: 3,
    output: 'half\n',
    stderr: 'reason\n',
    error: expect.stringContaining('reason'),
  });
  expect(of('error')).toEqual([
    expect.objectContaining({ type: 'execute_strategy', sandboxId: ids[0] }),
  ]);
  expect(of('strategy:executed')).toEqual([]);
  expect(manager.stats.strategiesExecuted).toBe(0);
  expect(manager.activeSandboxes.get(ids[0])).toMatchObject({ executionCount: 1, errorCount: 1 });
});

test('a command that does not exist ends with 127', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  expect(await manager.executeStrategy(ids[0], 'momentun')).toMatchObject({
    success: false,
    exitCode: 127,
  });
});

test('the deadline kills the command; what it wrote is in the result', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const ran = await manager.executeStrategy(ids[0], 'echo begun; sleep 60', { timeout: 1 });
  expect(ran).toMatchObject({ success: false, code: 'TIMEOUT', output: 'begun\n' });
  await waitFor(() => fleet.backend.sandboxes()[0].processes.length === 0);
});

test('its deadline is 300 s when nobody says, or E2B_TIMEOUT, for commands and agents', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const both = async () => {
    await manager.executeStrategy(ids[0], 'true');
    await manager.executeStrategy(ids[0], 'momentum', { symbols: ['AAPL'] });
  };
  await both();
  process.env.E2B_TIMEOUT = '40';
  try {
    await both();
  } finally {
    delete process.env.E2B_TIMEOUT;
  }
  // What the daemon is told is the backstop, five seconds later.
  const told = fleet.asked('start').map(({ headers }) => headers['connect-timeout-ms']);
  expect(told).toEqual(['305000', '305000', '45000', '45000']);
});

test('while it runs the sandbox is busy', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const running = manager.executeStrategy(ids[0], 'read x', { timeout: 1 });
  expect(manager.activeSandboxes.get(ids[0]).state).toBe('busy');
  expect(manager.sandboxPool.size).toBe(0);
  await running;
  expect(manager.activeSandboxes.get(ids[0]).state).toBe('idle');
});

test('a start that was refused for now is tried again, an interrupted run is not', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  fleet.backend.faults.add({ op: 'start', n: 1, action: { status: 503 } });
  expect(await manager.executeStrategy(ids[0], 'echo once')).toMatchObject({ output: 'once\n' });
  expect(fleet.asked('start')).toHaveLength(2);
  const before = fleet.asked('start').length;
  fleet.backend.faults.add({ op: 'stream', n: 1, action: { type: 'cut', afterEvents: 1 } });
  expect(await manager.executeStrategy(ids[0], 'echo twice')).toMatchObject({
    success: false,
    outcome: 'interrupted',
  });
  expect(fleet.asked('start').length).toBe(before + 1);
});

test.each([
  ['a command', 'sleep 60', {}],
  ['an agent', 'momentum', { symbols: ['SPX'], paceMs: 50 }],
])('a signal gives up %s: it is killed, the sandbox is idle again', async (_, strategy, params) => {
  const { manager, ids } = await fleet.managerOf(1);
  const controller = new AbortController();
  const running = manager.executeStrategy(ids[0], strategy, params, { signal: controller.signal });
  await waitFor(() => fleet.backend.sandboxes()[0].processes.length === 1);
  controller.abort();
  expect(await running).toMatchObject({ success: false, code: 'CANCELLED' });
  await waitFor(() => manager.activeSandboxes.get(ids[0]).state === 'idle');
  expect(fleet.backend.sandboxes()[0].processes).toEqual([]);
});

test.each([
  ['an empty strategy', ['', {}], 'strategy'],
  ['params that are not an object', ['x', 5], 'params'],
  ['an unknown key of a command', ['echo', { cmd: 'x' }], "did you mean 'cwd'"],
  ['an input that is a number', ['cat', { stdin: 5 }], 'stdin'],
  ['an input that nobody would close', ['cat', { stdin: true }], 'stdin'],
  ['a deadline of 0', ['true', { timeout: 0 }], 'timeout'],
  ['params that are not JSON', ['momentum', '{"symbols": ["SPX"],}'], 'position 20'],
  ['an unknown agent with symbols', ['momentun', { symbols: ['SPX'] }], 'momentum'],
  ['an agent without symbols', ['momentum', {}], 'symbol'],
])('%s is refused', async (_, [strategy, params], text) => {
  const { manager, ids } = await fleet.managerOf(1);
  expect(await manager.executeStrategy(ids[0], strategy, params)).toMatchObject({
    success: false,
    code: expect.stringMatching(/^(INVALID_ARGUMENT|UNKNOWN_OPTION)$/),
    error: expect.stringContaining(text),
  });
  expect(fleet.asked('start')).toEqual([]);
});

test('an unknown sandbox is not found', async () => {
  const manager = fleet.manager();
  expect(await manager.executeStrategy('nowhere', 'true')).toMatchObject({
    success: false,
    code: 'NOT_FOUND',
    error: expect.stringContaining('not found'),
  });
});
