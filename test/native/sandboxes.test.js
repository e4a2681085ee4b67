'use strict';

// Sandboxes through the real addon at a real backend: made, looked at, listed, prolonged, ended.

const { inspect } = require('node:util');
const {
  connectE2bSandbox,
  createE2bSandbox,
  executeE2bProcess,
  getE2bSandboxStatus,
  listE2bSandboxes,
  runE2bCode,
  setE2bSandboxTimeout,
  terminateE2bSandbox,
} = require('../../lib');
const { kReserved } = require('../../lib/native');
const { waitFor, withBackend } = require('../helpers/backend');

const far = withBackend({ limits: { maxSandboxes: 2_000 } });
const create = (name = 'a', options = {}, timeout = 60) =>
  createE2bSandbox(name, 'base', timeout, undefined, undefined, { ...far.client, ...options });

test('a created sandbox is described without a second request', async () => {
  const before = Date.now();
  const sandbox = await create('mine', { metadata: { user: 'abc' }, env: { A: '1' } }, 90.2);
  expect(sandbox).toEqual({
    sandboxId: far.backend.sandboxes()[0].sandboxId,
    name: 'mine',
    template: 'base',
    status: 'running',
    createdAt: expect.stringMatching(/Z$/),
    endsAt: expect.stringMatching(/Z$/),
    url: far.url,
    cpuCount: null,
    memoryMb: null,
    metadata: { user: 'abc' },
  });
  expect(Date.parse(sandbox.createdAt)).toBeGreaterThanOrEqual(before);
  expect(Date.parse(sandbox.endsAt) - Date.parse(sandbox.createdAt)).toBe(91_000);
  expect(far.backend.requests.map(({ op }) => op)).toEqual(['create']);
  expect(far.backend.requests[0].json()).toEqual({
    templateID: 'base',
    timeout: 91,
    metadata: { user: 'abc', 'e2b-swarm.name': 'mine' },
    envVars: { A: '1' },
  });
});

test('the token of a sandbox whose ports are private is there and in no listing of fields', async () => {
  const network = { allowPublicTraffic: false };
  const sandbox = await create('mine', { network });
  const { trafficAccessToken: token } = sandbox;
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(`${JSON.stringify(sandbox)}${inspect(sandbox)}`).not.toContain(token);
  const connected = await connectE2bSandbox(sandbox.sandboxId, far.client);
  expect(connected.trafficAccessToken).toBe(token);
  expect(`${JSON.stringify(connected)}${inspect(connected)}`).not.toContain(token);
  expect((await create()).trafficAccessToken).toBeNull();
});

test('code runs in a sandbox whose ports are private', async () => {
  const options = { ...far.client, network: { allowPublicTraffic: false } };
  const template = 'code-interpreter-v1';
  const args = ['mine', template, 60, undefined, undefined, options];
  const { sandboxId } = await createE2bSandbox(...args);
  expect((await runE2bCode(sandboxId, '1+1', far.client)).text).toBe('2');
});

test('the manager may set the reserved metadata', async () => {
  const { sandboxId } = await create('mine', { [kReserved]: { token: 't1', owner: 'o' } });
  const [found] = await listE2bSandboxes('all', {
    ...far.client,
    metadata: { 'e2b-swarm.token': 't1' },
  });
  expect(found).toMatchObject({
    sandboxId,
    name: 'mine',
    metadata: { 'e2b-swarm.token': 't1', 'e2b-swarm.owner': 'o' },
  });
});

test('a thousand created at once have a thousand ids', async () => {
  const made = await Promise.all(Array.from({ length: 1_000 }, (_, i) => create(`s${i}`)));
  expect(new Set(made.map(({ sandboxId }) => sandboxId)).size).toBe(1_000);
});

test('a status has the sizes, the load, and what was done here', async () => {
  const { sandboxId } = await create('mine', {}, 100);
  await executeE2bProcess(
    sandboxId,
    'for i in $(seq 150); do echo "line $i"; done',
    null,
    20,
    true,
    {
      ...far.client,
    },
  );
  const status = await getE2bSandboxStatus(sandboxId, far.client);
  expect(status).toMatchObject({
    sandboxId,
    name: 'mine',
    template: 'base',
    status: 'running',
    health: 'healthy',
    cpuCount: 2,
    memoryMb: 1024,
    executionCount: 1,
  });
  expect(status.uptime).toBeGreaterThanOrEqual(0);
  expect(status.memoryUsage).toEqual(expect.any(Number));
  expect(status.cpuUsage).toEqual(expect.any(Number));
  expect(Date.parse(status.lastActivity)).toBeLessThanOrEqual(Date.now());
  expect(status.logs).toEqual(Array.from({ length: 100 }, (_, i) => `line ${i + 51}`));
});

test('without metrics the daemon is not asked', async () => {
  const { sandboxId } = await create();
  const status = await getE2bSandboxStatus(sandboxId, { ...far.client, metrics: false });
  expect(status).toMatchObject({ status: 'running', memoryUsage: null, cpuUsage: null });
  expect(far.backend.requests.map(({ op }) => op)).toEqual(['create', 'get']);
});

test('a sandbox whose daemon does not answer is an error, and no rejection', async () => {
  const { sandboxId } = await create();
  far.backend.faults.add({ op: 'metrics', action: 'reset' });
  const status = await getE2bSandboxStatus(sandboxId, far.client);
  expect(status).toMatchObject({ status: 'error', health: 'unhealthy', memoryUsage: null });
});

test('the memory in a status follows the load', async () => {
  const { sandboxId } = await create();
  const idle = await getE2bSandboxStatus(sandboxId, far.client);
  const line = `node -e "global.a = Buffer.alloc(2e8, 1); console.log('ready'); process.stdin.resume()"`;
  let ready = false;
  const handle = await executeE2bProcess(sandboxId, line, null, 60, false, {
    ...far.client,
    background: true,
    stdin: true,
    onStdout: () => {
      ready = true;
    },
  });
  await waitFor(() => ready);
  const memory = async () => (await getE2bSandboxStatus(sandboxId, far.client)).memoryUsage;
  await waitFor(async () => (await memory()) > idle.memoryUsage + 150, { what: 'more memory' });
  await handle[Symbol.asyncDispose]();
});

test('an unknown id is NOT_FOUND', async () => {
  await expect(getE2bSandboxStatus('i00000000000000000000', far.client)).rejects.toMatchObject({
    name: 'NotFoundError',
    code: 'NOT_FOUND',
    status: 404,
    outcome: 'rejected',
    sandboxId: 'i00000000000000000000',
  });
});

test('a terminated sandbox is gone, and a second time counts as done', async () => {
  const { sandboxId } = await create();
  const ended = { sandboxId, status: 'terminated' };
  expect(await terminateE2bSandbox(sandboxId, true, far.client)).toEqual({
    ...ended,
    alreadyGone: false,
  });
  expect(far.backend.sandboxes()).toEqual([]);
  expect(await terminateE2bSandbox(sandboxId, false, far.client)).toEqual({
    ...ended,
    alreadyGone: true,
  });
});

test('a graceful end waits for the work of this process, a forced one does not', async () => {
  const { sandboxId } = await create();
  const order = [];
  const work = executeE2bProcess(sandboxId, 'sleep 0.3; echo done', null, 10, true, far.client);
  const worked = work.then(({ stdout }) => order.push(stdout));
  await waitFor(() => far.backend.sandboxes()[0].processes.length > 0);
  await terminateE2bSandbox(sandboxId, false, far.client).then(() => order.push('terminated'));
  await worked;
  expect(order).toEqual(['done\n', 'terminated']);
});

test('the grace has an end', async () => {
  const { sandboxId } = await create();
  const work = executeE2bProcess(sandboxId, 'sleep 30', null, 60, true, far.client);
  const lost = expect(work).rejects.toMatchObject({ outcome: 'interrupted' });
  await waitFor(() => far.backend.sandboxes()[0].processes.length > 0);
  await terminateE2bSandbox(sandboxId, false, { ...far.client, graceMs: 100 });
  await lost;
});

test('a listing goes through all pages, once each', async () => {
  const made = await Promise.all(Array.from({ length: 250 }, (_, i) => create(`s${i}`)));
  far.backend.requests.length = 0;
  const all = await listE2bSandboxes('all', far.client);
  expect(all.map(({ sandboxId }) => sandboxId).sort()).toEqual(
    made.map(({ sandboxId }) => sandboxId).sort(),
  );
  expect(far.backend.requests.map(({ op }) => op)).toEqual(['list', 'list', 'list']);
  expect(await listE2bSandboxes('running', { ...far.client, limit: 120 })).toHaveLength(120);
  expect(await listE2bSandboxes('stopped', far.client)).toEqual([]);
});

test('a listing filters by metadata, whatever is in it', async () => {
  const metadata = { 'app name': 'a&b=c', grün: '100 % +/?#' };
  const { sandboxId } = await create('one', { metadata });
  await create('two', { metadata: { 'app name': 'other' } });
  const found = await listE2bSandboxes('all', { ...far.client, metadata });
  expect(found.map((one) => one.sandboxId)).toEqual([sandboxId]);
  expect(found[0].metadata).toMatchObject(metadata);
});

test('a listing is in the order of the start, also over pages, and of a time', async () => {
  const made = [];
  for (let i = 0; i < 102; i += 1) made.push((await create(`s${i}`)).sandboxId);
  const list = async (options) =>
    (await listE2bSandboxes('all', { ...far.client, ...options })).map(
      ({ sandboxId }) => sandboxId,
    );
  expect(await list({ order: 'asc' })).toEqual(made);
  expect(await list({ order: 'desc' })).toEqual([...made].reverse());
  expect(await list({ order: 'asc', limit: 3 })).toEqual(made.slice(0, 3));
  const [{ startedAt }] = await listE2bSandboxes('all', { ...far.client, order: 'desc', limit: 1 });
  const since = await list({ startedAfter: new Date(startedAt) });
  expect(since).toContain(made.at(-1));
  expect(await list({ startedAfter: new Date(Date.parse(startedAt) + 1_000) })).toEqual([]);
});

test('a listing is of a template, and refuses a tag as the far end does', async () => {
  await create();
  const list = (template) => listE2bSandboxes('all', { ...far.client, template });
  expect(await list('base')).toHaveLength(1);
  expect(await list('python')).toEqual([]);
  await expect(list('base:v1')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
});

test('a listing that never ends is given up', async () => {
  far.backend.faults.add({
    op: 'list',
    action: { status: 200, body: [], headers: { 'x-next-token': 'again' } },
  });
  await expect(listE2bSandboxes('all', far.client)).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  expect(far.backend.requests).toHaveLength(2);
});

test('the end of a life can be moved both ways, and 404 says so', async () => {
  const { sandboxId } = await create('a', {}, 60);
  const later = await setE2bSandboxTimeout(sandboxId, 600, far.client);
  const endAt = () => Date.parse(far.backend.sandboxes()[0].endAt);
  expect(Math.abs(endAt() - Date.parse(later.endsAt))).toBeLessThan(5_000);
  await setE2bSandboxTimeout(sandboxId, 30, far.client);
  expect(endAt()).toBeLessThan(Date.parse(later.endsAt) - 500_000);
  await expect(setE2bSandboxTimeout('i0', 30, far.client)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test('connecting finds a running sandbox', async () => {
  const { sandboxId } = await create();
  expect(await connectE2bSandbox(sandboxId, { ...far.client, timeout: 120 })).toEqual({
    sandboxId,
    template: 'base',
    status: 'running',
    resumed: false,
    url: far.url,
  });
});
