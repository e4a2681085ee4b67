// The surface of a backend: environment, isolation, state directory, log, bounds of its records.
'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { ISOLATION, waitFor } = require('../../helpers/backend');
const { startLocalBackend } = require('../../../lib/local');
const { RequestLog } = require('../../../lib/local/request-log');
const { Client } = require('./client');

const LOCAL = path.join(__dirname, '../../../lib/local');
const open = new Set();

async function start(options) {
  const backend = await startLocalBackend({ isolation: ISOLATION, ...options });
  open.add(backend);
  return backend;
}

function parentOf(pid) {
  return Number(/^PPid:\s+(\d+)$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'))[1]);
}

function directoryOf(pid) {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

afterEach(async () => {
  await Promise.all([...open].map((backend) => backend.close()));
  open.clear();
});

test('the environment of a client is three variables', async () => {
  const backend = await start({ apiKeys: ['e2b_aa', 'e2b_bb'] });
  expect(backend.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(backend.env).toEqual({
    ...{ E2B_API_URL: backend.url, E2B_SANDBOX_URL: backend.url, E2B_API_KEY: 'e2b_aa' },
  });
  const client = new Client(backend);
  const second = await client.control('GET', '/sandboxes', undefined, {
    headers: { 'x-api-key': 'e2b_bb' },
  });
  expect(second.status).toBe(200);
});

test('without isolation that is said, and auto only ends there with a warning', async () => {
  const { isolation } = await start({ isolation: 'none' });
  expect(isolation).toMatchObject({ rung: 'none', asked: 'none', refusals: [] });
  expect(isolation.doesNotStop.join('\n')).toMatch(/files[^]*processes[^]*users/);
});

test('an isolation that was asked for by name and cannot be had rejects and says why', async () => {
  const program = `
    process.getuid = () => 1000;
    const { startLocalBackend } = require(${JSON.stringify(LOCAL)});
    startLocalBackend({ isolation: 'root' }).catch(({ code, message }) => console.log(code, message));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program]);
  expect(stdout).toMatch(/^ISOLATION_UNAVAILABLE isolation 'root' .* this process is not root/);
});

test('bad options reject, they do not throw', async () => {
  const promise = startLocalBackend({ prot: 1 });
  await expect(promise).rejects.toMatchObject({ code: 'UNKNOWN_OPTION' });
  await expect(promise).rejects.toThrow("did you mean 'port'?");
});

test('a port that is taken rejects and leaves nothing behind', async () => {
  const stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-state-'));
  const first = await start();
  const second = startLocalBackend({
    isolation: ISOLATION,
    stateDir,
    port: Number(new URL(first.url).port),
  });
  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(fs.readdirSync(stateDir)).toEqual([]);
  fs.rmdirSync(stateDir);
});

test('homes lie below the state directory, which stays when the backend closes', async () => {
  const stateDir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-state-')));
  const backend = await start({ stateDir });
  await new Client(backend).create();
  expect(backend.sandboxes()[0].home.startsWith(stateDir + path.sep)).toBe(true);
  await backend.close();
  expect(fs.readdirSync(stateDir)).toEqual([]);
  fs.rmdirSync(stateDir);
});

test('a sandbox that cannot be made is a 500 with E2B’s error code', async () => {
  const stateDir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-state-')));
  const backend = await start({ stateDir });
  const [live] = fs.readdirSync(stateDir).filter((name) => name.startsWith('live-'));
  const run = path.join(stateDir, live, 'run');
  fs.renameSync(run, `${run}-elsewhere`); // an ordinary user cannot remove all that an overlay leaves
  fs.writeFileSync(run, 'a file where the directory was');
  const answer = await new Client(backend).control('POST', '/v2/sandboxes', { templateID: 'base' });
  expect([answer.status, answer.json.error_code]).toEqual([500, 'sandbox_create_failed']);
  await backend.close();
  expect(fs.readdirSync(stateDir)).toEqual([]);
  fs.rmdirSync(stateDir);
});

test('the death of the launcher is the end of all sandboxes, and is said', async () => {
  const lines = [];
  const backend = await start({ log: (line) => lines.push(line) });
  const client = new Client(backend);
  const sandbox = await client.create();
  const running = await client.background(sandbox, { process: { cmd: 'sleep', args: ['100'] } });
  const [{ home }] = backend.sandboxes();
  const live = home.slice(0, home.lastIndexOf('/run/'));
  const own = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const launchers = own.filter((pid) => directoryOf(pid) === live && parentOf(pid) === process.pid);
  expect(launchers).toHaveLength(1);
  process.kill(Number(launchers[0]), 'SIGKILL');
  expect((await running.done).end).toBeNull();
  await waitFor(() => backend.sandboxes().length === 0);
  expect(lines.join('\n')).toMatch(/the launcher died by SIGKILL/);
  const answer = await client.control('POST', '/v2/sandboxes', { templateID: 'base' });
  expect(answer.status).toBe(500);
});

test('two backends know nothing of each other', async () => {
  const [one, two] = [await start(), await start()];
  const sandbox = await new Client(one).create();
  expect((await new Client(two).envd(sandbox, 'GET', '/health')).status).toBe(502);
  await two.close();
  expect((await new Client(one).envd(sandbox, 'GET', '/health')).status).toBe(204);
});

test('events are logged a line each', async () => {
  const lines = [];
  const backend = await start({ log: (line) => lines.push(line) });
  const client = new Client(backend);
  const { id } = await client.create();
  await client.control('DELETE', `/sandboxes/${id}`);
  expect(lines).toEqual([
    `local E2B backend at ${backend.url}, isolation: ${backend.isolation.rung}`,
    `sandbox ${id} ended: killed by request`,
  ]);
});

test('the version that clients are told can be set', async () => {
  const backend = await start({ envdVersion: '0.1.3' });
  const { json } = await new Client(backend).control('POST', '/sandboxes', { templateID: 'base' });
  expect(json.envdVersion).toBe('0.1.3');
});

test('a life longer than a timer can wait does not end at once', async () => {
  const backend = await start({ limits: { maxTimeoutSeconds: 10_000_000 } });
  const client = new Client(backend);
  const { id } = await client.create({ timeout: 5_000_000 });
  await client.create({ timeout: 1 });
  await waitFor(() => backend.sandboxes().length === 1);
  expect(backend.sandboxes()[0].sandboxId).toBe(id);
});

test('the backend imports nothing but itself and Node', () => {
  const files = fs.readdirSync(LOCAL, { recursive: true });
  for (const name of files.filter((file) => file.endsWith('.js'))) {
    const source = fs.readFileSync(path.join(LOCAL, name), 'utf8');
    for (const [, wanted] of source.matchAll(/require\('([^']+)'\)/g)) {
      expect(wanted).toMatch(/^(node:|\.\.?\/([a-z-]+\/)?[a-z-]+$)/);
    }
  }
});

describe('the request log', () => {
  const incoming = (url) => ({ method: 'POST', url, headers: { 'x-access-token': 'secret' } });

  test('keeps the last ten thousand', () => {
    const log = new RequestLog();
    for (let i = 0; i < 10_005; i += 1) log.add(incoming(`/${i}?a=b`));
    expect(log.records).toHaveLength(10_000);
    expect(log.records[0]).toMatchObject({ path: '/5', query: { a: 'b' } });
  });

  test('keeps 64 KiB of a body and 64 MiB of all, the newest', () => {
    const log = new RequestLog();
    for (let i = 0; i < 1100; i += 1) log.add(incoming('/')).capture(Buffer.alloc(100_000));
    const kept = log.records.reduce((sum, { body }) => sum + body.length, 0);
    expect(kept).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect(log.records[0].body).toHaveLength(0);
    expect(log.records.at(-1).body).toHaveLength(64 * 1024);
    expect(log.records.at(-1).truncated).toBe(true);
  });
});
