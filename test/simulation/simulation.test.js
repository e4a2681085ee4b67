'use strict';

// The simulation itself: a run is a function of its seed, faults do happen, a failing seed says how
// to run it again, and what is broken on purpose is found.

const { execFile } = require('node:child_process');
const path = require('node:path');

const COMMAND = path.join(__dirname, 'index.js');
const TIMEOUT_MS = 120_000;

/** Runs the command. @returns {Promise<{ status: number, stdout: string }>} */
function simulate(...args) {
  return new Promise((resolve, reject) => {
    const how = { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, ['--no-warnings', COMMAND, ...args], how, (error, stdout) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ status: error?.code ?? 0, stdout });
    });
  });
}

const traceOf = ({ stdout }) => /trace ([0-9a-f]{8})/.exec(stdout)[1];

test('two runs of a seed have the same trace, to the last byte', async () => {
  const runs = await Promise.all([
    simulate('--seed', '7', '--lines', '100000'),
    simulate('--seed', '7', '--lines', '100000'),
  ]);
  expect(runs[0].stdout.split('\n').length).toBeGreaterThan(100);
  expect(runs[0].stdout).toBe(runs[1].stdout);
});

test('another seed has another trace', async () => {
  const [one, other] = await Promise.all([simulate('--seed', '7'), simulate('--seed', '8')]);
  expect(traceOf(one)).not.toBe(traceOf(other));
});

test('without faults nothing is violated', async () => {
  const { status, stdout } = await simulate('100', '--without', 'all', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ seeds: 100, failures: [] });
  expect(status).toBe(0);
}, 60_000);

test('a create that is sent again after an unknown outcome is found, with the command that shows it', async () => {
  const { status, stdout } = await simulate('25', '--sabotage', 'retry-unknown');
  expect(status).toBe(1);
  expect(stdout).toContain('sent again after an unknown outcome');
  expect(stdout).toMatch(/npm run simulate -- --seed \d+ --sabotage retry-unknown/);
}, 60_000);

test('an unknown sabotage is a wrong usage', async () => {
  expect((await simulate('1', '--sabotage', 'none')).status).toBe(2);
});
