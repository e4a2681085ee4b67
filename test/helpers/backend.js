// For tests that need the far end: one local backend per test file, reset before every test, closed at
// the end; and waiting for a condition instead of sleeping.
'use strict';

const fs = require('node:fs');
const { setTimeout: delay } = require('node:timers/promises');
const { startLocalBackend } = require('../../lib/local');
const { patience } = require('./pace');

const ISOLATION = process.env.E2B_TEST_ISOLATION ?? 'auto';

/**
 * Registers hooks that start, reset and close a backend for the tests of the calling file (or of the
 * calling `describe`). Call it at the top level; use the returned object inside tests only.
 *
 *     const { withBackend, waitFor } = require('../helpers/backend');
 *     const far = withBackend();
 *     test('...', async () => { await createE2bSandbox('a', 'base', 60, undefined, undefined, far.client); });
 *
 * @param {object} [options]  of `startLocalBackend`; isolation is the best that this
 *   machine gives, or E2B_TEST_ISOLATION
 * @param {{ resetEach?: boolean }} [behaviour]  default true: every test starts without sandboxes,
 *   faults and recorded requests
 * @returns {{ backend: object, url: string, client: { apiKey: string, apiUrl: string,
 *   sandboxUrl: string } }} `client` are the provider options of our own functions and of `e2b`
 */
function withBackend(options = {}, { resetEach = true } = {}) {
  let backend = null;
  beforeAll(async () => {
    backend = await startLocalBackend({ isolation: ISOLATION, ...options });
  });
  if (resetEach) beforeEach(() => backend.reset());
  afterAll(async () => {
    const { left } = await backend.close();
    if (left.processes > 0) throw new Error(`the backend left ${left.processes} processes`);
  });
  return {
    get backend() {
      return backend;
    },
    get url() {
      return backend.url;
    },
    get client() {
      const { E2B_API_KEY: apiKey, E2B_API_URL: apiUrl, E2B_SANDBOX_URL: sandboxUrl } = backend.env;
      return { apiKey, apiUrl, sandboxUrl };
    },
  };
}

/**
 * Waits until a condition holds. A process that did not run for so long has seen nothing of what
 * happened meanwhile: the last look comes after the loop has turned.
 * @template T
 * @param {() => T|Promise<T>} condition  truthy when it holds; what it throws fails the wait at once
 * @param {{ timeoutMs?: number, intervalMs?: number, what?: string }} [options]  5,000 and 5 ms
 * @returns {Promise<T>} what the condition returned
 */
async function waitFor(condition, { timeoutMs = 5_000, intervalMs = 5, what } = {}) {
  const deadline = Date.now() + patience(timeoutMs);
  for (let last = false; ;) {
    const value = await condition();
    if (value) return value;
    if (last) throw new Error(`not within ${timeoutMs} ms: ${what ?? condition.toString()}`);
    last = Date.now() >= deadline;
    await delay(intervalMs);
  }
}

/** @returns {boolean} whether a process of this machine exists and is not a zombie */
function isAlive(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}

/** @returns {boolean} whether a sandbox has a living process that it knows by this pid */
function isAliveInside(sandboxId, pid) {
  return processesOf(sandboxId).some(({ inside }) => inside === pid);
}

/**
 * @returns {{ pid: number, inside: number, command: string }[]} the processes of this machine that
 *   carry a sandbox's id in their environment, with their pids here and there
 */
function processesOf(sandboxId) {
  const found = [];
  for (const name of fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const environment = fs.readFileSync(`/proc/${name}/environ`, 'latin1');
      if (!environment.split('\0').includes(`E2B_SANDBOX_ID=${sandboxId}`)) continue;
      const status = fs.readFileSync(`/proc/${name}/status`, 'latin1');
      if (/^State:\s+Z/m.test(status)) continue;
      const inside = Number(/^NSpid:.*\s(\d+)$/m.exec(status)[1]);
      const command = fs
        .readFileSync(`/proc/${name}/cmdline`, 'latin1')
        .replaceAll('\0', ' ')
        .trim();
      found.push({ pid: Number(name), inside, command });
    } catch {
      // It is gone meanwhile, or not ours to see.
    }
  }
  return found;
}

module.exports = { ISOLATION, isAlive, isAliveInside, processesOf, waitFor, withBackend };
