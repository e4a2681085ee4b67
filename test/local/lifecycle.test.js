// Pause and resume by request, by time and by traffic; forks; what a list shows of them.
'use strict';

const { Client } = require('../unit/local/client');
const { waitFor, withBackend } = require('../helpers/backend');

const far = withBackend({ limits: { maxSandboxes: 6 } });
let client;

beforeEach(() => {
  client = new Client(far.backend);
});

const pause = (id, body) => client.control('POST', `/sandboxes/${id}/pause`, body);
const detail = async (id) => (await client.control('GET', `/sandboxes/${id}`)).json;
const counting = 'i=0; while :; do i=$((i+1)); echo $i > count; sleep 0.01; done';
const counter = async (sandbox) => Number((await client.run(sandbox, 'cat count')).stdout);

test('a paused sandbox is listed as paused, answers nothing, and goes on where it stood', async () => {
  const sandbox = await client.create({ timeout: 100 });
  const { pid } = await client.background(sandbox, {
    process: { cmd: '/bin/bash', args: ['-c', counting] },
  });
  await waitFor(async () => (await counter(sandbox)) > 2);
  expect((await pause(sandbox.id)).status).toBe(204);
  expect(await detail(sandbox.id)).toMatchObject({ state: 'paused' });
  expect(Date.parse((await detail(sandbox.id)).endAt)).toBeLessThanOrEqual(Date.now());
  expect((await client.control('GET', '/sandboxes')).json).toEqual([]);
  const listed = await client.control('GET', '/v2/sandboxes?state=paused');
  expect(listed.json).toMatchObject([{ sandboxID: sandbox.id, state: 'paused' }]);
  const health = await client.envd(sandbox, 'GET', '/health');
  expect(health.json).toEqual({
    ...{ sandboxId: sandbox.id, message: 'The sandbox was not found', code: 502 },
  });
  const connected = await client.control('POST', `/v2/sandboxes/${sandbox.id}/connect`, {});
  expect(connected.status).toBe(201);
  expect(connected.json).toMatchObject({ sandboxID: sandbox.id, envdAccessToken: sandbox.token });
  const { json } = await client.unary(sandbox, '/process.Process/List', {});
  expect(json.processes.map((one) => one.pid)).toEqual([pid]);
  const before = await counter(sandbox);
  await waitFor(async () => (await counter(sandbox)) > before);
});

test('processes of a paused sandbox stand still', async () => {
  const sandbox = await client.create();
  await client.background(sandbox, { process: { cmd: '/bin/bash', args: ['-c', counting] } });
  await waitFor(async () => (await counter(sandbox)) > 2);
  await pause(sandbox.id);
  const { processes } = far.backend.sandboxes()[0];
  expect(processes).toHaveLength(1);
  expect((await client.control('POST', `/sandboxes/${sandbox.id}/resume`)).status).toBe(201);
  expect((await client.control('POST', `/sandboxes/${sandbox.id}/resume`)).status).toBe(409);
});

test('pausing cuts the open streams, and a second pause is a 409', async () => {
  const sandbox = await client.create();
  const stream = client.stream(sandbox, '/process.Process/Start', {
    process: { cmd: 'sleep', args: ['100'] },
  });
  await waitFor(() => far.backend.sandboxes()[0].processes.length === 1);
  const answers = await Promise.all([pause(sandbox.id), pause(sandbox.id)]);
  expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
  expect((await stream).error).toBe('ECONNRESET');
  expect((await pause(sandbox.id)).status).toBe(409);
});

test('a pause without memory loses the processes and keeps the files', async () => {
  const sandbox = await client.create();
  await client.background(sandbox, { process: { cmd: 'sleep', args: ['100'] } });
  await client.run(sandbox, 'echo kept > file');
  expect((await pause(sandbox.id, { memory: false })).status).toBe(204);
  expect(far.backend.sandboxes()[0].processes).toEqual([]);
  const { status } = await client.control('POST', `/sandboxes/${sandbox.id}/connect`, {
    timeout: 60,
  });
  expect(status).toBe(201);
  expect((await client.unary(sandbox, '/process.Process/List', {})).json).toEqual({});
  expect((await client.run(sandbox, 'cat file')).stdout).toBe('kept\n');
});

test('connect without memory starts a paused sandbox cold', async () => {
  const sandbox = await client.create();
  await client.background(sandbox, { process: { cmd: 'sleep', args: ['100'] } });
  await client.run(sandbox, 'echo kept > file');
  await pause(sandbox.id);
  await client.control('POST', `/v2/sandboxes/${sandbox.id}/connect`, { memory: false });
  expect((await client.unary(sandbox, '/process.Process/List', {})).json).toEqual({});
  expect((await client.run(sandbox, 'cat file')).stdout).toBe('kept\n');
});

test('with autoPause the end of its time pauses a sandbox, and it stays so', async () => {
  const { id } = await client.create({ autoPause: true, timeout: 1 });
  expect(await detail(id)).toMatchObject({ lifecycle: { autoResume: false, onTimeout: 'pause' } });
  await waitFor(async () => (await detail(id)).state === 'paused');
  // While it is being paused that is a 409.
  const extend = () => client.control('POST', `/sandboxes/${id}/timeout`, { timeout: 1 });
  await waitFor(async () => (await extend()).status === 404);
});

test('with autoResume traffic wakes it, one resume for all that come', async () => {
  const sandbox = await client.create({
    autoPause: true,
    autoResume: { enabled: true },
    timeout: 50,
  });
  await pause(sandbox.id);
  const answers = await Promise.all([1, 2, 3].map(() => client.envd(sandbox, 'GET', '/health')));
  expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
  const { startedAt, endAt, state } = await detail(sandbox.id);
  expect(state).toBe('running');
  expect(Date.parse(endAt) - Date.parse(startedAt)).toBe(300_000);
});

describe('traffic to a paused sandbox that may not wake it', () => {
  const autoResume = { enabled: true };
  const refusal = (id, code, message) => ({ sandboxId: id, message, code });
  const NOT_YOURS = "This sandbox can't be resumed with the credentials provided.";

  test('a private port wants the token of the traffic', async () => {
    const network = { allowPublicTraffic: false };
    const { json } = await client.control('POST', '/v2/sandboxes', {
      ...{ templateID: 'base', autoPause: true, autoResume, network },
    });
    const id = json.sandboxID;
    await pause(id);
    const ask = async (headers) => {
      const routing = { 'e2b-sandbox-id': id, 'e2b-sandbox-port': '1' };
      return fetch(far.url, { headers: { ...routing, ...headers } });
    };
    for (const headers of [{}, { 'e2b-traffic-access-token': 'x' }]) {
      const answer = await ask(headers);
      expect([answer.status, await answer.json()]).toEqual([403, refusal(id, 403, NOT_YOURS)]);
    }
    expect((await detail(id)).state).toBe('paused');
    const right = await ask({ 'e2b-traffic-access-token': json.trafficAccessToken });
    expect([right.status, (await detail(id)).state]).toEqual([502, 'running']);
  });

  test('its envd wants its own token', async () => {
    const sandbox = await client.create({ autoPause: true, autoResume });
    await pause(sandbox.id);
    const other = { ...sandbox, token: 'a1'.repeat(32) };
    const answer = await client.envd(other, 'GET', '/health');
    expect([answer.status, answer.json]).toEqual([403, refusal(sandbox.id, 403, NOT_YOURS)]);
    expect((await detail(sandbox.id)).state).toBe('paused');
  });

  test('the limit of sandboxes holds for it too, in the form of the proxy', async () => {
    const sandbox = await client.create({ autoPause: true, autoResume });
    await pause(sandbox.id);
    await Promise.all(Array.from({ length: 6 }, () => client.create()));
    const answer = await client.envd(sandbox, 'GET', '/health');
    expect([answer.status, answer.json]).toEqual([
      ...[429, refusal(sandbox.id, 429, expect.stringContaining('maximum number'))],
    ]);
    expect(answer.headers).not.toHaveProperty('retry-after');
  });
});

test('traffic does not wake what was paused without memory', async () => {
  const sandbox = await client.create({ autoPause: true, autoResume: { enabled: true } });
  await pause(sandbox.id, { memory: false });
  expect((await client.envd(sandbox, 'GET', '/health')).status).toBe(502);
  expect((await detail(sandbox.id)).state).toBe('paused');
});

test('a paused sandbox can be killed', async () => {
  for (const body of [{}, { memory: false }]) {
    const { id } = await client.create();
    await pause(id, body);
    expect((await client.control('DELETE', `/sandboxes/${id}`)).status).toBe(204);
    expect((await client.control('GET', `/sandboxes/${id}`)).status).toBe(404);
  }
});

test('paused sandboxes do not count towards the limit, which a resume meets again', async () => {
  const all = [];
  for (let i = 0; i < 6; i += 1) all.push(await client.create());
  await pause(all[0].id);
  await client.create();
  const path = `/v2/sandboxes/${all[0].id}/connect`;
  const refused = await client.control('POST', path, {});
  expect(refused.status).toBe(429);
  await client.control('DELETE', `/sandboxes/${all[1].id}`);
  expect((await client.control('POST', path, {})).status).toBe(201);
});

test('forks have the files and tokens of their own; those above the limit are errors', async () => {
  const sandbox = await client.create({ metadata: { a: 'b' } });
  await client.run(sandbox, 'echo one > file');
  const path = `/sandboxes/${sandbox.id}/fork`;
  const { status, json } = await client.control('POST', path, { count: 6, timeout: 60 });
  expect(status).toBe(201);
  const made = json.filter((result) => result.sandbox);
  expect(made).toHaveLength(5);
  expect(json.at(-1).error ?? json.find(({ error }) => error).error).toMatchObject({ code: 429 });
  const fork = { id: made[0].sandbox.sandboxID, token: made[0].sandbox.envdAccessToken };
  expect(fork.token).not.toBe(sandbox.token);
  expect((await client.run(fork, 'cat file; echo two > file')).stdout).toBe('one\n');
  expect((await client.run(sandbox, 'cat file')).stdout).toBe('one\n');
  expect(await detail(fork.id)).toMatchObject({ metadata: { a: 'b' }, state: 'running' });
});

test.each([{ count: 0 }, { count: 101 }, { timeout: 0 }])(
  'a fork with %j is a 400',
  async (body) => {
    const { id } = await client.create();
    expect((await client.control('POST', `/sandboxes/${id}/fork`, body)).status).toBe(400);
  },
);

test('a paused sandbox is not forked, snapshotted or prolonged', async () => {
  const { id } = await client.create();
  await pause(id);
  const statuses = [];
  for (const what of ['fork', 'snapshots', 'refreshes']) {
    statuses.push((await client.control('POST', `/sandboxes/${id}/${what}`, {})).status);
  }
  expect(statuses).toEqual([409, 404, 404]);
});
