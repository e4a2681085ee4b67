'use strict';

// Agents in a real sandbox: what they are given, what they say, how they end.

const { createE2bSandbox, listE2bFiles, runE2bAgent } = require('../../lib');
const { isAliveInside, waitFor, withBackend } = require('../helpers/backend');

const far = withBackend();
let id;
beforeEach(async () => {
  const made = await createE2bSandbox('a', 'base', 600, undefined, undefined, far.client);
  id = made.sandboxId;
});
const run = (symbols, params, options) =>
  runE2bAgent(id, 'momentum', symbols, params, false, { ...far.client, ...options });

const day = (i) => new Date(Date.UTC(2020, 0, 1 + i)).toISOString().slice(0, 10);
/** Up for a while, then down. */
const BARS = Array.from({ length: 60 }, (_, i) => ({
  date: day(i),
  close: 100 * 1.01 ** (i < 30 ? i : 60 - i),
}));

test('a run has its signals, its summary and its end', async () => {
  const heard = [];
  const result = await run(
    ['UP'],
    { lookback: 5 },
    {
      data: { UP: BARS },
      onSignal: (signal) => heard.push(signal),
    },
  );
  expect(result).toMatchObject({
    agentId: expect.stringMatching(/^momentum-[0-9a-f]{12}$/),
    sandboxId: id,
    agentType: 'momentum',
    symbols: ['UP'],
    status: 'completed',
    exitCode: 0,
    gpuUsed: false,
    sample: false,
    stderr: '',
    summary: { type: 'summary', params: { lookback: 5 }, symbols: { UP: { bars: 60 } } },
  });
  expect(result.signals[0]).toMatchObject({ type: 'signal', symbol: 'UP', signal: 'long' });
  expect(result.signals.at(-1).signal).toBe('short');
  expect(heard).toEqual(result.signals);
  expect(result.stdout.trim().split('\n')).toHaveLength(result.signals.length + 1);
  expect(result.pid).toBeGreaterThan(0);
});

test('any spelling, parameters as JSON, data among them, several symbols with any name', async () => {
  const csv = `date,close\n${BARS.map(({ date, close }) => `${date},${close}`).join('\n')}\n`;
  const result = await runE2bAgent(
    id,
    'Momentum_Trader',
    ['BTC/USD', '^X ü'],
    JSON.stringify({ period: 5, data: { 'BTC/USD': BARS } }),
    false,
    { ...far.client, data: async (symbol) => (symbol === 'BTC/USD' ? BARS : Buffer.from(csv)) },
  );
  expect(result.status).toBe('completed');
  expect(result.agentType).toBe('momentum');
  const { 'BTC/USD': one, '^X ü': other } = result.summary.symbols;
  expect(one).toEqual(other);
});

test('without data the packaged prices are used, and marked', async () => {
  const result = await run(['SPX']);
  expect(result).toMatchObject({ status: 'completed', sample: true });
  expect(result.summary.symbols.SPX.bars).toBeGreaterThan(5_000);
});

test('two runs at once in one sandbox do not meet', async () => {
  const [a, b] = await Promise.all([
    run(['X'], { lookback: 5 }, { data: { X: BARS } }),
    run(['X'], { lookback: 10 }, { data: { X: [...BARS].reverse() } }),
  ]);
  expect(a.agentId).not.toBe(b.agentId);
  expect(a.summary.params.lookback).toBe(5);
  expect(b.summary.params.lookback).toBe(10);
  expect(a.signals[0].signal).toBe('long');
});

test('an agent that refuses its parameters has failed, and says why', async () => {
  const result = await run(['X'], { lookback: -1 }, { data: { X: BARS } });
  expect(result).toMatchObject({ status: 'failed', exitCode: 2, signals: [], summary: null });
  expect(result.stderr).toContain('lookback');
});

test('an agent past its time is killed', async () => {
  const result = await run(
    ['X'],
    { lookback: 5 },
    {
      data: { X: BARS },
      paceMs: 60_000,
      timeout: 1.5,
    },
  );
  expect(result).toMatchObject({ status: 'timeout', exitCode: null, summary: null });
  expect(result.signals).toHaveLength(1);
  expect(isAliveInside(id, result.pid)).toBe(false);
});

describe('in the background', () => {
  test('the handle comes at the start, the first line and the end follow', async () => {
    const signals = [];
    const handle = await run(
      ['X'],
      { lookback: 5 },
      {
        data: { X: BARS },
        background: true,
        onSignal: (signal) => signals.push(signal),
      },
    );
    expect(handle).toMatchObject({
      agentType: 'momentum',
      symbols: ['X'],
      status: 'running',
      sample: false,
      sandboxId: id,
    });
    await handle.firstLine;
    const result = await handle.done;
    expect(result).toMatchObject({ agentId: handle.agentId, status: 'completed' });
    expect(handle.status).toBe('completed');
    expect(signals).toEqual(result.signals);
  });

  test('it can be killed', async () => {
    const handle = await run(
      ['X'],
      { lookback: 5 },
      {
        data: { X: BARS },
        background: true,
        paceMs: 60_000,
      },
    );
    await handle.firstLine;
    await handle.kill();
    expect(await handle.done).toMatchObject({ status: 'failed', exitCode: null });
    await waitFor(() => !isAliveInside(id, handle.pid));
  });

  test('one that ends without a line rejects firstLine, and says why', async () => {
    const handle = await run(['X'], { lookback: -1 }, { data: { X: BARS }, background: true });
    await expect(handle.firstLine).rejects.toMatchObject({
      name: 'ProcessExitError',
      code: 'AGENT_FAILED',
      sandboxId: id,
      message: expect.stringContaining('lookback'),
    });
    expect((await handle.done).status).toBe('failed');
  });

  test('one that is lost sight of rejects both, and nobody needs to listen', async () => {
    far.backend.faults.add({ op: 'stream', action: { type: 'cut', afterEvents: 1 } });
    const handle = await run(
      ['X'],
      { lookback: 5 },
      {
        data: { X: BARS },
        background: true,
        paceMs: 60_000,
      },
    );
    await expect(handle.done).rejects.toMatchObject({ outcome: 'interrupted' });
    await expect(handle.firstLine).rejects.toMatchObject({ outcome: 'interrupted' });
    expect(handle.status).toBe('failed');
  });
});

test('an upload that fails is the error, and nothing is started', async () => {
  far.backend.faults.add({ op: 'files.post', action: { status: 507 } });
  await expect(run(['X'], {}, { data: { X: BARS } })).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(far.backend.requests.some(({ op }) => op === 'start')).toBe(false);
});

test('what an agent needs lies in one folder below the home', async () => {
  await run(['X'], {}, { data: { X: BARS } });
  const entries = await listE2bFiles(id, '/home/user', { ...far.client, depth: 4 });
  const files = entries.filter(({ type }) => type === 'file').map(({ path }) => path);
  expect(files.some((path) => path.endsWith('momentum.js'))).toBe(true);
  expect(files.some((path) => path.endsWith('X.json'))).toBe(true);
});
