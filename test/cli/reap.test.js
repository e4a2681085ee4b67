'use strict';

// `e2b-swarm reap` as a user runs it, after a process with a manager was killed, and beside one that
// lives. Real processes, stores, addon and local backend.

const { execFile, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { memoryStore, sqliteStore } = require('../../lib/store');
const { SandboxManager } = require('../../lib');
const { withBackend } = require('../helpers/backend');
const { plant } = require('../scenario/helpers/far-sandboxes');

const CLI = path.join(__dirname, '../../lib/cli/index.js');
const CHILD = path.join(__dirname, 'children/holding-manager.js');
const TIMEOUT_MS = 60_000;

const far = withBackend();
const alive = () => far.backend.sandboxes().map(({ sandboxId }) => sandboxId);

let folder;
const children = new Set();
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-reap-'));
});
afterEach(async () => {
  for (const child of children) await killed(child);
  fs.rmSync(folder, { recursive: true, force: true });
});

function reap(args, env = {}) {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...far.backend.env, ...env }, timeout: TIMEOUT_MS };
    execFile(process.execPath, [CLI, 'reap', ...args], options, (error, stdout, stderr) => {
      resolve({ status: error?.code ?? 0, stdout, stderr });
    });
  });
}

/** A manager in a process of its own. @returns {Promise<{ child, where, idle, leased }>} */
async function holding({ store = 'file', owner } = {}) {
  const where = path.join(folder, store);
  const child = spawn(process.execPath, [CHILD, JSON.stringify({ store, where, owner })], {
    env: { ...process.env, ...far.backend.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.add(child);
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  return { child, where, ...JSON.parse(line) };
}

async function killed(child) {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}

async function dead(how) {
  const { child, ...left } = await holding(how);
  await killed(child);
  return left;
}

const reasons = ({ stdout }) => JSON.parse(stdout).owners.map(({ reaped }) => reaped);

test('after a kill: the leased one is ended, the idle one kept, a stranger left alone', async () => {
  const { where, idle, leased } = await dead();
  const stranger = await plant(far.client, { user: 'me' });

  const dry = await reap(['--state', where, '--dry-run']);
  expect(dry).toMatchObject({ status: 0, stderr: '' });
  expect(dry.stdout).toBe(
    `would end ${leased}: its holder is dead\n` +
      `idle, kept for the next manager: ${idle} (--idle ends it too)\n` +
      `e2b-swarm: 2 listed, 1 to be ended\n`,
  );
  expect(alive()).toHaveLength(3);

  const { status, stdout } = await reap(['--state', where, '--json']);
  expect(status).toBe(0);
  const one = { sandboxId: leased, reason: 'its holder is dead', failed: false };
  expect(JSON.parse(stdout)).toEqual({
    dryRun: false,
    owners: [
      {
        ...{ owner: 'e2b-swarm', listed: 2, complete: true, left: 1 },
        ...{ reaped: [one], kept: [idle] },
      },
    ],
  });
  expect(alive().sort()).toEqual([idle, stranger].sort());
});

test('what was kept is there for the next manager; --idle ends it', async () => {
  const { where, idle } = await dead({ store: 'sqlite' });
  await reap(['--state', where]);
  const store = sqliteStore(where);
  const manager = new SandboxManager({ ...far.client, store });
  const again = await manager.getOrCreateSandbox({ name: 'again' });
  expect(again).toMatchObject({ sandboxId: idle, reused: true });
  await manager.releaseSandbox(idle);
  await manager.shutdown({ keepIdle: true });
  await store.close();

  const ended = await reap(['--state', where, '--idle', '--json']);
  const reason = 'its manager is dead';
  expect(reasons(ended)).toEqual([[{ sandboxId: idle, reason, failed: false }]]);
  expect(alive()).toEqual([]);
});

test('the fleets of a store are told apart by their owners', async () => {
  const one = await dead({ store: 'sqlite', owner: 'one' });
  const two = await dead({ store: 'sqlite', owner: 'two' });
  const first = await reap(['--state', one.where, '--owner', 'one', '--idle', '--json']);
  expect(reasons(first).flat()).toHaveLength(2);
  expect(alive().sort()).toEqual([two.idle, two.leased].sort());
  const rest = await reap(['--state', one.where, '--idle']);
  expect(rest.stdout).toMatch(/^one: 0 listed, 0 ended/m);
  expect(rest.stdout).toMatch(/^two: 2 listed, 2 ended/m);
  expect(alive()).toEqual([]);
  const none = await reap(['--state', one.where, '--owner', 'three']);
  expect(none).toMatchObject({ status: 3, stdout: '' });
  expect(none.stderr).toMatch(/knows no owner 'three': it has one, two/);
});

test('a manager that lives keeps all that it has', async () => {
  const { where } = await holding({ store: 'sqlite' });
  const { status, stdout } = await reap(['--state', where, '--idle', '--json']);
  expect(status).toBe(0);
  expect(JSON.parse(stdout).owners).toMatchObject([{ listed: 2, reaped: [], kept: [] }]);
  expect(alive()).toHaveLength(2);
});

test('a fileStore that a live manager has is not opened: 1, and it says who has it', async () => {
  const { child, where } = await holding();
  const { status, stderr } = await reap(['--state', where]);
  expect(status).toBe(1);
  expect(stderr).toContain(`${child.pid}`);
  expect(alive()).toHaveLength(2);
});

test('what cannot be ended is named, and the status is 1', async () => {
  const { where, leased } = await dead();
  far.backend.faults.add({
    op: 'kill',
    action: { status: 400, body: { code: 400, message: 'x' } },
  });
  const { status, stdout } = await reap(['--state', where]);
  expect(status).toBe(1);
  expect(stdout).toContain(`NOT ended ${leased}: its holder is dead`);
  expect(stdout).toMatch(/0 ended, 1 could not be/);
});

test('without --state: 2, and why; without a store there: 3, and nothing is made', async () => {
  const without = await reap([]);
  expect(without).toMatchObject({ status: 2, stdout: '' });
  expect(without.stderr).toMatch(/reap needs --state: without the ledger/);
  for (const where of [path.join(folder, 'nothing'), folder]) {
    const { status, stderr } = await reap(['--state', where]);
    expect(status).toBe(3);
    expect(stderr).toContain(`there is no store at ${where}`);
  }
  expect(fs.readdirSync(folder)).toEqual([]);
});

test.each([
  ['no key', ''],
  ['a wrong key', 'e2b_ffffffffffffffff'],
])('%s: 4, and nothing is ended', async (_, key) => {
  const { where } = await dead();
  const { status, stdout, stderr } = await reap(['--state', where], { E2B_API_KEY: key });
  expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
  expect(stderr).toMatch(/E2B_API_KEY|key/i);
  expect(stderr).not.toContain('ffffffff');
  expect(alive()).toHaveLength(2);
});

test('the address of a database is not printed', async () => {
  const url = 'postgres://me:5ec7e7@127.0.0.1:1/db';
  const { status, stdout, stderr } = await reap(['--state', url]);
  expect(status).toBe(1);
  expect(`${stdout}${stderr}`).not.toContain('5ec7e7');
});

test('a first look of its own is not taken once the manager is stopped', async () => {
  const store = memoryStore();
  const manager = new SandboxManager({ ...far.client, store });
  manager.stop();
  await manager.reconcile({ dryRun: true });
  expect(far.backend.requests.filter(({ op }) => op === 'list')).toHaveLength(1);
  await manager.shutdown();
});
