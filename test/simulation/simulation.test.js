'use strict';

// The simulation itself: a run is a function of its seed, faults do happen, a failing seed says how
// to run it again, and what is broken on purpose is found.

const { execFile } = require('node:child_process');
const path = require('node:path');

const COMMAND = path.join(__dirname, 'index.js');
const TIMEOUT_MS = 120_000;

jest.setTimeout(TIMEOUT_MS);

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

test('under every fault nothing is violated', async () => {
  const { status, stdout } = await simulate('60', '--json');
  const { failures, ...sum } = JSON.parse(stdout);
  expect(failures).toEqual([]);
  expect(sum).toMatchObject({ seeds: 60 });
  for (const fault of ['crashes', 'stalls', 'outages', 'partitions', 'clock jumps']) {
    expect(sum.counts[fault]).toBeGreaterThan(0);
  }
  expect(status).toBe(0);
});

// How many seeds are enough to find what was broken on purpose, and the rule that finds it.
const FOUND = [
  ['skip-ledger', 2, 'made without a row'],
  ['retry-unknown', 50, 'sent again after an unknown outcome'],
  ['release-unfenced', 200, 'ended under its holder'],
  ['probe-connect', 10, 'an idle life prolonged'],
  ['uncounted-warm', 10, 'taken more than the maximum'],
];

test.each(FOUND)('%s is found within %i seeds: %s', async (sabotage, seeds, rule) => {
  const { status, stdout } = await simulate(String(seeds), '--bail', '--sabotage', sabotage);
  expect(status).toBe(1);
  expect(stdout).toContain(rule);
  // The command that shows it again.
  const [, seed] = /npm run simulate -- --seed (\d+) --sabotage/.exec(stdout);
  const again = await simulate('--seed', seed, '--sabotage', sabotage);
  expect(again.status).toBe(1);
});

test('an unknown sabotage is a wrong usage', async () => {
  expect((await simulate('1', '--sabotage', 'none')).status).toBe(2);
});
