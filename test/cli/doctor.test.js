'use strict';

// `e2b-swarm doctor`: it says what is so, by having tried it.

const { execFile } = require('node:child_process');
const path = require('node:path');

const CLI = path.join(__dirname, '../../lib/cli/index.js');

function doctor(args, env = {}) {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, timeout: 60_000 };
    execFile(process.execPath, [CLI, 'doctor', ...args], options, (error, stdout, stderr) => {
      resolve({ status: error?.code ?? 0, stdout, stderr });
    });
  });
}

test('each rung is tried; the best that starts is the one that auto takes', async () => {
  const { status, stdout } = await doctor(['--json']);
  const { ok, isolation, checks } = JSON.parse(stdout);
  expect({ status, ok }).toEqual({ status: 0, ok: true });
  const rungs = checks.filter(({ rung }) => rung);
  expect(rungs.map(({ rung }) => rung)).toEqual(['root', 'user', 'none']);
  expect(isolation).toBe(rungs.find((check) => check.ok).rung);
  for (const check of rungs.filter((one) => !one.ok)) expect(check.text).toMatch(/cannot be had/);
  expect(rungs[2].ok).toBe(true);
});

test('in words: one line a check, then what is stopped and what not', async () => {
  const { stdout } = await doctor([]);
  expect(stdout).toMatch(/^ok {2}client: the addon of \d+\.\d+\.\d+ loads$/m);
  expect(stdout).toMatch(/A local E2B takes the rung '\w+' here\.\n {2}It stops:/);
  expect(stdout).toMatch(/kernel: all sandboxes share the kernel of the host/);
});

test('whether there is a key is said, not which', async () => {
  const { stdout } = await doctor(['--json'], { E2B_API_KEY: 'e2b_5ec7e7' });
  expect(stdout).toContain('E2B_API_KEY is set');
  expect(stdout).not.toContain('5ec7e7');
});

test('an option that is not there is wrong usage', async () => {
  expect((await doctor(['--fix'])).status).toBe(2);
});
