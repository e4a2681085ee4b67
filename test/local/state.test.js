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

describe('builds of templates', () => {
  const run = (line) => ({ type: 'RUN', args: [line] });
  const ask = async (client, name) => {
    const { json } = await client.control('POST', '/v3/templates', { name, tags: ['v1'] });
    return `/templates/${json.templateID}/builds/${json.buildID}`;
  };
  const startBuild = (client, target, steps) =>
    client.control('POST', `/v2${target}`, { fromTemplate: 'base', steps });
  const statusOf = async (client, target) => (await client.control('GET', `${target}/status`)).json;
  const ended = (client, target) =>
    waitFor(async () => {
      const status = await statusOf(client, target);
      return ['ready', 'error'].includes(status.status) && status;
    });

  test('tell their status, log and reason after a restart, and what they made is there', async () => {
    const first = await start();
    const [good, bad] = [await ask(first.client, 'good'), await ask(first.client, 'bad')];
    await startBuild(first.client, good, [run('echo built | tee ~/built.txt')]);
    await startBuild(first.client, bad, [run('echo before'), run('exit 7')]);
    const before = [await ended(first.client, good), await ended(first.client, bad)];
    expect(before).toMatchObject([{ status: 'ready' }, { status: 'error', reason: { step: '2' } }]);
    const logs = async (client) => (await client.control('GET', `${bad}/logs`)).json.logs;
    const log = await logs(first.client);
    await first.backend.close();
    const { client } = await start();
    expect([await statusOf(client, good), await statusOf(client, bad)]).toEqual(before);
    expect(await logs(client)).toEqual(log);
    const sandbox = await client.create({ templateID: 'good:v1' });
    expect((await client.run(sandbox, 'cat ~/built.txt')).stdout).toBe('built\n');
    expect((await startBuild(client, good, [])).status).toBe(400);
  });

  test('one that waits for its steps can be started after a restart', async () => {
    const first = await start();
    const target = await ask(first.client, 'late');
    await first.backend.close();
    const { client } = await start();
    expect(await statusOf(client, target)).toMatchObject({ status: 'waiting', logs: [] });
    expect((await startBuild(client, target, [run('true')])).status).toBe(202);
    expect(await ended(client, target)).toMatchObject({ status: 'ready' });
    await client.create({ templateID: 'late:v1' });
  });

  test('one that was under way when the backend was closed has failed, and says so', async () => {
    const first = await start();
    const target = await ask(first.client, 'slow');
    await startBuild(first.client, target, [run('echo begun; sleep 1000')]);
    await waitFor(async () => (await statusOf(first.client, target)).logs.includes('begun'));
    await first.backend.close();
    const { client } = await start();
    const { status, reason, logs } = await statusOf(client, target);
    expect([status, reason.step]).toEqual(['error', '1']);
    expect(logs).toContain('begun');
  });

  test('one that was under way when the backend was killed has failed too', async () => {
    const child = fork(path.join(__dirname, 'children/state-backend.js'), [stateDir]);
    const [{ url, env }] = await once(child, 'message');
    const killed = new Client({ url, env });
    const target = await ask(killed, 'slow');
    await startBuild(killed, target, [run('echo first'), run('echo begun; sleep 1000')]);
    await waitFor(async () => (await statusOf(killed, target)).logs.includes('begun'));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await waitFor(() => !isAlive(child.pid));
    const { client } = await start();
    const { status, reason, logs } = await statusOf(client, target);
    expect([status, reason.message]).toEqual(['error', expect.stringMatching(/backend ended/)]);
    expect(logs).toContain('first');
  });

  test('what is told of a template that was deleted goes at the next start', async () => {
    const first = await start();
    const target = await ask(first.client, 'gone');
    await ask(first.client, 'stays');
    expect((await first.client.control('DELETE', '/templates/gone')).status).toBe(204);
    await first.backend.close();
    const { client } = await start();
    expect((await client.control('GET', `${target}/status`)).status).toBe(404);
    expect(fs.readdirSync(path.join(stateDir, 'kept/builds'))).toHaveLength(1);
  });
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
