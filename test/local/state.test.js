// What outlives a backend in its state directory, what does not, and that one backend at a time has it.
'use strict';

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { startLocalBackend } = require('../../lib/local');
const { Client } = require('../unit/local/client');
const { isAlive, waitFor } = require('../helpers/backend');

const ISOLATION = process.env.E2B_TEST_ISOLATION ?? 'auto';
let stateDir;
const backends = [];

beforeEach(() => {
  stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-state-'));
});

afterEach(async () => {
  for (const backend of backends.splice(0)) await backend.close();
  fs.rmSync(stateDir, { recursive: true, maxRetries: 3 });
});

async function start() {
  const backend = await startLocalBackend({ isolation: ISOLATION, stateDir });
  backends.push(backend);
  return { backend, client: new Client(backend) };
}

test('a sandbox that was paused to disk is there again, with its token, files and metadata', async () => {
  const first = await start();
  const options = { metadata: { a: 'b' }, envVars: { V: 'w' }, autoPause: true };
  const sandbox = await first.client.create(options);
  await first.client.run(sandbox, 'echo kept > file');
  await first.client.control('POST', `/sandboxes/${sandbox.id}/pause`, { memory: false });
  const before = (await first.client.control('GET', `/sandboxes/${sandbox.id}`)).json;
  await first.backend.close();
  const { client } = await start();
  const { json } = await client.control('GET', `/sandboxes/${sandbox.id}`);
  expect(json).toEqual(before);
  const target = `/v2/sandboxes/${sandbox.id}/connect`;
  const connected = await client.control('POST', target, {});
  expect([connected.status, connected.json.envdAccessToken]).toEqual([201, sandbox.token]);
  expect((await client.run(sandbox, 'cat file; echo $V')).stdout).toBe('kept\nw\n');
});

test('sandboxes that ran or were frozen do not outlive the backend', async () => {
  const first = await start();
  const [, frozen] = [await first.client.create(), await first.client.create()];
  await first.client.control('POST', `/sandboxes/${frozen.id}/pause`, {});
  expect(await first.backend.close()).toEqual({ left: { sandboxes: 0, processes: 0 } });
  expect(fs.readdirSync(stateDir)).toEqual([]);
  const { backend } = await start();
  expect(backend.sandboxes()).toEqual([]);
});

test('snapshots and templates are there again', async () => {
  const first = await start();
  const sandbox = await first.client.create();
  await first.client.run(sandbox, 'echo kept > file');
  const target = `/sandboxes/${sandbox.id}/snapshots`;
  const { json } = await first.client.control('POST', target, { name: 'snap' });
  await first.backend.close();
  const { client } = await start();
  expect((await client.control('GET', '/snapshots')).json).toEqual([json]);
  const other = await client.create({ templateID: json.snapshotID });
  expect((await client.run(other, 'cat file')).stdout).toBe('kept\n');
});

test('a second backend on the same directory is refused, by the first one’s pid', async () => {
  await start();
  await expect(startLocalBackend({ isolation: ISOLATION, stateDir })).rejects.toMatchObject({
    ...{ code: 'STATE_DIRECTORY_IN_USE', pid: process.pid },
    message: expect.stringContaining(`pid ${process.pid}`),
  });
  const living = backends[0];
  expect((await new Client(living).control('GET', '/v2/sandboxes')).status).toBe(200);
});

test('what one isolation made is not taken for what another one has', async () => {
  const first = await start();
  const sandbox = await first.client.create();
  await first.client.control('POST', `/sandboxes/${sandbox.id}/pause`, { memory: false });
  await first.backend.close();
  fs.writeFileSync(path.join(stateDir, 'kept/isolation'), '{"rung":"another"}');
  await expect(start()).rejects.toMatchObject({
    code: 'STATE_DIRECTORY_OTHER_ISOLATION',
    message: expect.stringContaining("isolation 'another'"),
  });
  expect(fs.existsSync(path.join(stateDir, 'lock'))).toBe(false);
});

test('what a killed backend left behind is cleared, and what it kept is kept', async () => {
  const child = fork(path.join(__dirname, 'children/state-backend.js'), [stateDir]);
  const [{ url, env }] = await once(child, 'message');
  const client = new Client({ url, env });
  const paused = await client.create();
  await client.control('POST', `/sandboxes/${paused.id}/pause`, { memory: false });
  await client.create();
  child.kill('SIGKILL');
  await once(child, 'exit');
  await waitFor(() => !isAlive(child.pid));
  expect(fs.existsSync(path.join(stateDir, 'lock'))).toBe(true);
  const { backend } = await start();
  expect(backend.sandboxes()).toMatchObject([{ sandboxId: paused.id, state: 'paused' }]);
  await waitFor(
    () => fs.readdirSync(stateDir).filter((name) => name.startsWith('live-')).length === 1,
  );
});

test.each([
  ['of another boot', { pid: process.pid, startTicks: 1, bootId: 'another' }],
  ['of a process whose pid is somebody else’s now', { pid: process.pid, startTicks: 1 }],
  ['that cannot be read', 'half'],
])('a lock %s is nobody’s', async (what, content) => {
  const bootId = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  const text = typeof content === 'string' ? content : JSON.stringify({ bootId, ...content });
  fs.writeFileSync(path.join(stateDir, 'lock'), text);
  const { backend } = await start();
  expect(backend.sandboxes()).toEqual([]);
});

test('no token and no key is written in a readable place', async () => {
  const { backend, client } = await start();
  const sandbox = await client.create();
  await client.control('POST', `/sandboxes/${sandbox.id}/pause`, { memory: false });
  const texts = filesBelow(stateDir).map((file) => fs.readFileSync(file, 'latin1'));
  expect(texts.length).toBeGreaterThan(1);
  for (const secret of [sandbox.token, backend.apiKey, backend.adminKey]) {
    expect(texts.filter((text) => text.includes(secret))).toEqual([]);
  }
});

/** But for what the kernel keeps to itself beside an overlay, which only root can read. */
function filesBelow(directory) {
  return fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    if (entry.isFile()) return [file];
    return entry.isDirectory() && (fs.lstatSync(file).mode & 0o400) !== 0 ? filesBelow(file) : [];
  });
}

test('a kill of a sandbox on disk removes it there too', async () => {
  const { client } = await start();
  const { id } = await client.create();
  await client.control('POST', `/sandboxes/${id}/pause`, { memory: false });
  await client.control('DELETE', `/sandboxes/${id}`);
  await waitFor(() => fs.readdirSync(path.join(stateDir, 'kept/sandboxes')).length === 0);
});
