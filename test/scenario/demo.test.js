'use strict';

// The demo as users run it: its exit code, what is on stdout, and that nothing is left.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { EVENTS } = require('./helpers/fleet');

const DEMO = path.join(__dirname, '..', '..', 'examples', 'demo', 'index.js');
const TIMEOUT_MS = 60_000;

/** Runs the demo; `onOutput` sees what has been written so far. */
async function demo(args, { env = {}, onOutput } = {}) {
  const environment = { ...process.env, E2B_API_KEY: '', ...env };
  const child = spawn(process.execPath, [DEMO, ...args], { env: environment, timeout: TIMEOUT_MS });
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      written[name] += text;
      onOutput?.(child, written);
    });
  }
  const [status, signal] = await once(child, 'close');
  return { status, signal, ...written };
}

test(
  '--json: one document with the golden numbers, all ten events and nothing left',
  async () => {
    const { status, stdout, stderr } = await demo(['--json']);
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const { events, momentum, left, seconds, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({});
    expect(Object.keys(events).sort()).toEqual([...EVENTS].sort());
    for (const name of EVENTS) expect([name, events[name]]).toEqual([name, expect.any(Number)]);
    expect(Math.min(...Object.values(events))).toBeGreaterThan(0);
    expect(events).toMatchObject({ 'scale:up': 1, 'cleanup:complete': 1, shutdown: 1 });
    expect(momentum.SPX.total).toBeCloseTo(-0.103181887196, 9);
    expect(momentum.SPX.sharpe).toBeCloseTo(0.056245720428, 9);
    expect(momentum.AAPL.total).toBeCloseTo(0.232380725692, 9);
    expect(momentum.AAPL.sharpe).toBeCloseTo(0.295215997962, 9);
    expect(left).toEqual({ sandboxes: 0, processes: 0 });
    expect(seconds).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'piped it is plain lines, without an escape sequence',
  async () => {
    const { status, stdout, stderr } = await demo([]);
    expect([status, stderr]).toEqual([0, '']);
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\x1b\r]/);
    expect(stdout).toContain('0 sandboxes, 0 processes');
  },
  TIMEOUT_MS,
);

test(
  'interrupted while its agents run: 130, and nothing is left',
  async () => {
    let sent = false;
    const onOutput = (child, { stdout }) => {
      if (sent || !stdout.includes('AAPL 2007')) return;
      sent = true;
      child.kill('SIGINT');
    };
    const { status, stdout } = await demo([], { onOutput });
    expect(status).toBe(130);
    expect(stdout).toContain('0 sandboxes, 0 processes');
    expect(stdout).not.toContain('Momentum, 20 bars');
  },
  TIMEOUT_MS,
);

test('--cloud without a key is refused with 4 and names the variable', async () => {
  const { status, stdout, stderr } = await demo(['--cloud', '--json']);
  expect([status, stdout]).toEqual([4, '']);
  expect(stderr).toContain('E2B_API_KEY');
});

test('an unknown option is wrong usage: 2, and the usage is shown', async () => {
  const { status, stdout, stderr } = await demo(['--jsno']);
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toContain('--json');
});

test(
  'an addon that is not there ends it: 1, what to run is named',
  async () => {
    const { status, stderr } = await demo([], { env: { E2B_SWARM_ADDON: '/nonexistent' } });
    expect(status).toBe(1);
    expect(stderr).toContain('npm run build');
  },
  TIMEOUT_MS,
);
