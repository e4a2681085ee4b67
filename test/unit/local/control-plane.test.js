// The control plane over HTTP: every route, its refusals, and the life of a sandbox.
'use strict';

const { inspect } = require('node:util');
const { waitFor, withBackend } = require('../../helpers/backend');
const { Client, request } = require('./client');

const far = withBackend({
  limits: { maxSandboxes: 30, maxTimeoutSeconds: 7200 },
  templates: { mine: { cpuCount: 4, memoryMB: 256, envVars: { FROM_TEMPLATE: 'yes' } } },
});
let client;

beforeEach(() => {
  client = new Client(far.backend);
});

const unknown = 'iaaaaaaaaaaaaaaaaaaaa';

test('health needs no key', async () => {
  const answer = await client.control('GET', '/health', undefined, {
    headers: { 'x-api-key': '' },
  });
  expect(answer.status).toBe(200);
});

test.each([
  [{}, 'authorization header is missing'],
  [{ 'x-api-key': 'sk_1' }, 'authorization header is malformed'],
  [{ 'x-api-key': 'e2b_abc' }, 'authorization header is malformed'],
  [{ 'x-api-key': `e2b_${'1'.repeat(40)}` }, /^Invalid API key, please visit .*\n/],
])('with the headers %j every call is a 401', async (headers, message) => {
  for (const [method, path] of [
    ['POST', '/v2/sandboxes'],
    ['GET', '/sandboxes'],
    ['DELETE', `/sandboxes/${unknown}`],
  ]) {
    const answer = await request(far.url, { method, path, headers });
    expect(answer.status).toBe(401);
    const body = JSON.parse(answer.body);
    expect(body.code).toBe(401);
    expect(body.message).toMatch(message);
  }
});

test('create answers what a client needs, and the sandbox is there at once', async () => {
  const { status, json } = await client.control('POST', '/v2/sandboxes', { templateID: 'base' });
  expect(status).toBe(201);
  expect(json).toEqual({
    templateID: expect.stringMatching(/^[a-z0-9]{20}$/),
    sandboxID: expect.stringMatching(/^i[a-z0-9]{20}$/),
    alias: 'base',
    clientID: '6532622b',
    envdVersion: '0.6.13',
    envdAccessToken: expect.stringMatching(/^[0-9a-f]{64}$/),
    trafficAccessToken: null,
    domain: null,
  });
  const health = await client.envd({ id: json.sandboxID, token: '' }, 'GET', '/health');
  expect(health.status).toBe(204);
});

test('version 2 lives 300 seconds and version 1 lives 15 unless told otherwise', async () => {
  for (const [path, body, seconds] of [
    ['/v2/sandboxes', {}, 300],
    ['/sandboxes', { secure: true, allow_internet_access: true }, 15],
    ['/v2/sandboxes', { timeout: 91 }, 91],
  ]) {
    const { json } = await client.control('POST', path, { templateID: 'base', ...body });
    const { json: detail } = await client.control('GET', `/sandboxes/${json.sandboxID}`);
    expect((Date.parse(detail.endAt) - Date.parse(detail.startedAt)) / 1000).toBe(seconds);
  }
});

test('a sandbox tells its template, resources and metadata', async () => {
  const { id } = await client.create({ templateID: 'MINE', metadata: { 'e2b-swarm.name': 'x' } });
  const { status, json } = await client.control('GET', `/sandboxes/${id}`);
  expect(status).toBe(200);
  expect(json).toMatchObject({
    ...{ sandboxID: id, alias: 'mine', cpuCount: 4, memoryMB: 256, state: 'running' },
    metadata: { 'e2b-swarm.name': 'x' },
    lifecycle: { autoResume: false, onTimeout: 'kill' },
    envdAccessToken: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  const suffixed = await client.control('GET', `/sandboxes/${id}-6532622b`);
  expect(suffixed.json.sandboxID).toBe(id);
});

test.each([
  ['not json', 400, /^validation error: /],
  ['[]', 400, /^validation error: /],
  ['{}', 400, /templateID/],
  ['{"templateID":1}', 400, /templateID/],
  ['{"templateID":"base","timeout":0}', 400, /^Timeout must be greater than 0$/],
  ['{"templateID":"base","timeout":1.5}', 400, /integer/],
  ['{"templateID":"base","timeout":7201}', 400, /^Timeout cannot be greater than 2 hours$/],
  ['{"templateID":"base","metadata":{"a":1}}', 400, /metadata/],
  ['{"templateID":"base","envVars":[]}', 400, /envVars/],
  ['{"templateID":"base","autoPause":1}', 400, /autoPause/],
  ['{"templateID":"base","autoPauseMemory":false}', 400, /requires autoPause/],
  [
    '{"templateID":"base","autoPause":true,"autoPauseMemory":false,"autoResume":{"enabled":true}}',
    ...[400, /does not go with autoResume/],
  ],
  ['{"templateID":"base","network":{"denyOut":["8.8.8.8"]}}', 400, /single addresses/],
  ['{"templateID":"base","network":{"denyOut":["example.com"]}}', 400, /CIDR/],
  ['{"templateID":"base","network":{"allowOut":["example.com"]}}', 400, /requires denyOut/],
  [
    '{"templateID":"base","network":{"allowOut":["1.1.1.1"],"denyOut":["0.0.0.0/0"]}}',
    ...[400, /allowOut/],
  ],
  ['{"templateID":"base","network":{"rules":{"a.b":[]}}}', 400, /network.rules/],
  ['{"templateID":"base","network":{"egressProxy":{"address":"a:1"}}}', 403, /egressProxy/],
  ['{"templateID":"base","volumeMounts":[{"name":"a","path":"/a"}]}', 403, /volumeMounts/],
  ['{"templateID":"base","iam":{"tokens":{}}}', 403, /iam/],
  ['{"templateID":"base","mcp":{"browser":{}}}', 400, /mcp/],
  ['{"templateID":"nope"}', 404, /^template 'nope' not found$/],
  ['{"templateID":"base:v1"}', 404, /^tag 'v1' does not exist for template 'base'$/],
])('create with %s is a %i', async (body, status, message) => {
  const answer = await client.control('POST', '/v2/sandboxes', undefined, { body });
  expect(answer.status).toBe(status);
  expect(answer.json).toEqual({ code: status, message: expect.stringMatching(message) });
  expect(far.backend.sandboxes()).toEqual([]);
});

test('what means nothing may be in a create request', async () => {
  await client.create({
    ...{ autoPause: false, network: { allowPublicTraffic: true }, mcp: null, unheardOf: 1 },
  });
});

test('one sandbox above the limit is a 429 without Retry-After, also when all come at once', async () => {
  const answers = await Promise.all(
    Array.from({ length: 35 }, () =>
      client.control('POST', '/v2/sandboxes', { templateID: 'base' }),
    ),
  );
  const refused = answers.filter(({ status }) => status === 429);
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(30);
  expect(refused).toHaveLength(5);
  expect(refused[0].json.message).toContain('maximum number of concurrent E2B sandboxes (30)');
  expect(refused[0].headers).not.toHaveProperty('retry-after');
});

test('killing twice is a 204 and a 404', async () => {
  const { id } = await client.create();
  const [first, second] = [
    await client.control('DELETE', `/sandboxes/${id}`),
    await client.control('DELETE', `/sandboxes/${id}`),
  ];
  expect(first.status).toBe(204);
  expect(second.status).toBe(404);
  expect(second.json.message).toBe(`Sandbox "${id}" doesn't exist or you don't have access to it`);
});

test.each([
  ['GET', '', undefined],
  ['POST', '/timeout', { timeout: 1 }],
  ['POST', '/connect', { timeout: 1 }],
  ['POST', '/refreshes', {}],
  ['GET', '/metrics', undefined],
])('%s of an unknown sandbox%s is a 404', async (method, suffix, body) => {
  const answer = await client.control(method, `/sandboxes/${unknown}${suffix}`, body);
  expect(answer.status).toBe(404);
  expect(answer.json.code).toBe(404);
});

test('a malformed sandbox id is a 400', async () => {
  for (const id of ['A', 'a-b-c', 'a_b']) {
    const answer = await client.control('GET', `/sandboxes/${id}`);
    expect(answer.status).toBe(400);
    expect(answer.json.message).toBe('Invalid sandbox ID');
  }
});

test('setting the timeout moves the end both ways, up to the longest life', async () => {
  const { id } = await client.create({ timeout: 60 });
  const life = async () => {
    const { json } = await client.control('GET', `/sandboxes/${id}`);
    return (Date.parse(json.endAt) - Date.parse(json.startedAt)) / 1000;
  };
  for (const [timeout, low, high] of [
    [600, 600, 660],
    [30, 30, 90],
    [99_999, 7200, 7200],
  ]) {
    const { status } = await client.control('POST', `/sandboxes/${id}/timeout`, { timeout });
    expect(status).toBe(204);
    expect(await life()).toBeGreaterThanOrEqual(low);
    expect(await life()).toBeLessThanOrEqual(high);
  }
  const bad = await client.control('POST', `/sandboxes/${id}/timeout`, {});
  expect(bad.status).toBe(400);
});

test('a timeout of 0 ends the sandbox', async () => {
  const sandbox = await client.create();
  await client.control('POST', `/sandboxes/${sandbox.id}/timeout`, { timeout: 0 });
  await waitFor(() => far.backend.sandboxes().length === 0);
  const { status, json } = await client.envd(sandbox, 'GET', '/health');
  expect(status).toBe(502);
  expect(json).toEqual({ sandboxId: sandbox.id, message: 'The sandbox was not found', code: 502 });
});

test('sandboxes end by themselves, each at its own time', async () => {
  const short = await client.create({ timeout: 1 });
  const long = await client.create({ timeout: 100 });
  await waitFor(() => far.backend.sandboxes().length === 1);
  expect(far.backend.sandboxes()[0].sandboxId).toBe(long.id);
  expect((await client.control('GET', `/sandboxes/${short.id}`)).status).toBe(404);
});

test('connect and refreshes only ever prolong', async () => {
  const { id, token } = await client.create({ timeout: 600 });
  const endAt = async () => (await client.control('GET', `/sandboxes/${id}`)).json.endAt;
  const before = await endAt();
  const shorter = await client.control('POST', `/v2/sandboxes/${id}/connect`);
  expect(shorter.status).toBe(200);
  expect(shorter.json).toMatchObject({ sandboxID: id, envdAccessToken: token });
  await client.control('POST', `/sandboxes/${id}/refreshes`, { duration: 20 });
  expect(await endAt()).toBe(before);
  await client.control('POST', `/sandboxes/${id}/connect`, { timeout: 900 });
  expect(Date.parse(await endAt())).toBeGreaterThan(Date.parse(before));
  await client.control('POST', `/sandboxes/${id}/refreshes`, { duration: 3600 });
  expect(Date.parse(await endAt())).toBeGreaterThan(Date.parse(before) + 2_000_000);
});

test('connect of version 1 must name a timeout', async () => {
  const { id } = await client.create();
  expect((await client.control('POST', `/sandboxes/${id}/connect`, {})).status).toBe(400);
});

test('the list pages, filters, and counts', async () => {
  for (let i = 0; i < 3; i += 1)
    await client.create({ metadata: { 'app name': 'a&b=c', i: `${i}` } });
  await client.create({ templateID: 'mine' });
  const filter = 'metadata=app%252520name%3Da%252526b%25253Dc';
  const first = await client.control('GET', `/v2/sandboxes?${filter}&limit=2&order=asc`);
  expect(first.json.map(({ metadata }) => metadata.i)).toEqual(['0', '1']);
  expect(first.headers['x-total-running']).toBe('3');
  const token = first.headers['x-next-token'];
  const second = await client.control(
    ...['GET', `/v2/sandboxes?${filter}&limit=2&order=asc&nextToken=${token}`],
  );
  expect(second.json.map(({ metadata }) => metadata.i)).toEqual(['2']);
  expect(second.headers).not.toHaveProperty('x-next-token');
  const mine = await client.control('GET', '/v2/sandboxes?template=mine');
  expect(mine.json).toHaveLength(1);
  expect(mine.json[0]).not.toHaveProperty('envdAccessToken');
  expect((await client.control('GET', '/v2/sandboxes?template=nope')).json).toEqual([]);
  expect((await client.control('GET', '/sandboxes')).json).toHaveLength(4);
  expect((await client.control('GET', `/sandboxes?metadata=i%3D1`)).json).toHaveLength(1);
});

test('templates are listed and looked up', async () => {
  const { json } = await client.control('GET', '/v2/templates');
  const aliases = json.flatMap((template) => template.aliases);
  expect(aliases).toEqual(
    expect.arrayContaining(['base', 'code-interpreter-v1', 'node', 'nodejs', 'python', 'mine']),
  );
  const found = await client.control('GET', '/templates/aliases/base');
  expect(found.json).toEqual({ templateID: json[0].templateID, public: true });
  const missing = await client.control('GET', '/templates/aliases/nope');
  expect(missing.status).toBe(404);
  await client.create({ templateID: found.json.templateID });
});

test('metrics are measured at the moment, and old ranges are empty', async () => {
  const sandbox = await client.create();
  const { pid } = await client.background(sandbox, { process: { cmd: 'sleep', args: ['100'] } });
  const { json } = await client.control('GET', `/sandboxes/${sandbox.id}/metrics`);
  expect(pid).toBeGreaterThan(0);
  expect(json.at(-1)).toMatchObject({ cpuCount: 2, memTotal: 1024 * 1024 * 1024 });
  expect(json.at(-1).memUsed).toBeGreaterThan(0);
  expect(json.at(-1).diskTotal).toBeGreaterThan(json.at(-1).diskUsed);
  const old = await client.control('GET', `/sandboxes/${sandbox.id}/metrics?start=1&end=2`);
  expect(old.json).toEqual([]);
  const all = await client.control(
    'GET',
    `/sandboxes/metrics?sandbox_ids=${sandbox.id},${unknown}`,
  );
  expect(Object.keys(all.json.sandboxes)).toEqual([sandbox.id]);
});

test('an unknown route is a 404 and is on record', async () => {
  const answer = await client.control('POST', `/sandboxes/${unknown}/execute`, {});
  expect(answer.status).toBe(404);
  expect(answer.json.message).toMatch(/^validation error: /);
  expect(far.backend.requests.map(({ op, status }) => [op, status])).toEqual([['unknown', 404]]);
});

test('a body above the limit is a 413 that the client gets to read', async () => {
  const body = Buffer.alloc(17 * 1024 * 1024, 'x');
  const answer = await client.control('POST', '/v2/sandboxes', undefined, { body });
  expect(answer.status).toBe(413);
});

test('a chunked body is read', async () => {
  const answer = await client.control('POST', '/v2/sandboxes', undefined, {
    body: '{"templateID":"base"}',
    headers: { 'transfer-encoding': 'chunked' },
  });
  expect(answer.status).toBe(201);
});

test('requests are on record with everything but visible secrets', async () => {
  await client.create({ metadata: { a: 'b' } });
  await client.control('GET', '/v2/sandboxes?limit=5');
  const [create, list] = far.backend.requests;
  expect(create).toMatchObject({
    method: 'POST',
    path: '/v2/sandboxes',
    op: 'create',
    status: 201,
  });
  expect(create.json()).toEqual({ templateID: 'base', metadata: { a: 'b' } });
  expect(create.headers['x-api-key']).toBe(far.backend.env.E2B_API_KEY);
  expect(list).toMatchObject({ query: { limit: '5' }, target: '/v2/sandboxes?limit=5' });
  for (const text of [inspect(create), JSON.stringify(create)]) {
    expect(text).not.toContain(far.backend.env.E2B_API_KEY);
    expect(text).toContain('[redacted]');
  }
});

test('a reset leaves a backend as if newly started', async () => {
  const sandbox = await client.create();
  far.backend.faults.add({ op: 'get', action: { status: 500 } });
  const url = far.url;
  await far.backend.reset();
  expect(far.backend.sandboxes()).toEqual([]);
  expect(far.backend.requests).toEqual([]);
  expect(far.url).toBe(url);
  expect((await client.control('GET', `/sandboxes/${sandbox.id}`)).status).toBe(404);
});

describe('where the network cannot be taken away', () => {
  const open = withBackend({ isolation: 'none' });

  test.each([
    ['{"templateID":"base","allow_internet_access":false}', /allow_internet_access/],
    ['{"templateID":"base","network":{"denyOut":["0.0.0.0/0"]}}', /network.denyOut/],
  ])('create with %s is a 400', async (body, message) => {
    const other = new Client(open.backend);
    const answer = await other.control('POST', '/v2/sandboxes', undefined, { body });
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({ code: 400, message: expect.stringMatching(message) });
  });
});
