// Every fault action, on a fresh and on a reused connection, and the rules that choose them.
'use strict';

const http = require('node:http');
const { isAliveInside, waitFor, withBackend } = require('../../helpers/backend');
const { Faults } = require('../../../lib/local/faults');
const { Client } = require('./client');

const far = withBackend();

const create = (client) => client.control('POST', '/v2/sandboxes', { templateID: 'base' });
const sandboxCount = () => far.backend.sandboxes().length;

describe.each(['fresh', 'warmed'])('on a %s connection', (kind) => {
  let agent;
  let client;

  beforeEach(async () => {
    agent = new http.Agent({ keepAlive: kind === 'warmed', maxSockets: 1 });
    client = new Client(far.backend, { agent });
    const { status } = await client.control('GET', '/health');
    expect(status).toBe(200);
  });

  afterEach(() => agent.destroy());

  const expectKind = ({ reused }) => expect(reused).toBe(kind === 'warmed');

  test('status answers with body, headers and Retry-After, and does not execute', async () => {
    far.backend.faults.add({
      op: 'create',
      action: {
        status: 429,
        body: { code: 429, message: 'slow down' },
        retryAfter: 2,
        headers: { a: 'b' },
      },
    });
    const answer = await create(client);
    expectKind(answer);
    expect(answer.status).toBe(429);
    expect(answer.json).toEqual({ code: 429, message: 'slow down' });
    expect(answer.headers).toMatchObject({ 'retry-after': '2', a: 'b' });
    expect(sandboxCount()).toBe(0);
  });

  test('status can be HTML, or E2B’s error shape when nothing else is said', async () => {
    far.backend.faults.add({
      ...{ op: 'create', n: 1 },
      action: { status: 502, body: '<html>', contentType: 'text/html' },
    });
    far.backend.faults.add({
      op: 'create',
      action: { status: 503, errorCode: 'sandbox_capacity_unavailable' },
    });
    const [html, json] = [await create(client), await create(client)];
    expect([html.status, html.headers['content-type'], html.body.toString()]).toEqual([
      ...[502, 'text/html', '<html>'],
    ]);
    expect(json.json).toEqual({
      ...{ code: 503, message: 'Service Unavailable', error_code: 'sandbox_capacity_unavailable' },
    });
  });

  test('reset breaks the connection before the answer and does not execute', async () => {
    far.backend.faults.add({ op: 'create', n: 1, action: 'reset' });
    const answer = await create(client);
    expectKind(answer);
    expect([answer.status, answer.error]).toEqual([null, 'ECONNRESET']);
    // Once a later create is done, an earlier one would be too.
    expect((await create(client)).status).toBe(201);
    expect(sandboxCount()).toBe(1);
  });

  test('reset-after executes and breaks the connection before the answer', async () => {
    far.backend.faults.add({ op: 'create', action: 'reset-after' });
    const answer = await create(client);
    expectKind(answer);
    expect([answer.status, answer.error]).toEqual([null, 'ECONNRESET']);
    expect(sandboxCount()).toBe(1);
  });

  test('reset-body executes and breaks off in the middle of the body', async () => {
    far.backend.faults.add({ op: 'create', action: 'reset-body' });
    const answer = await create(client);
    expectKind(answer);
    expect([answer.status, answer.error]).toEqual([201, 'ECONNRESET']);
    expect(answer.body.length).toBe(Math.floor(Number(answer.headers['content-length']) / 2));
    expect(answer.body.toString()).toMatch(/^{"templateID"/);
    expect(sandboxCount()).toBe(1);
  });

  test.each([false, true])('stall never answers; executed: %s', async (execute) => {
    far.backend.faults.add({ op: 'create', action: { type: 'stall', execute } });
    const pending = create(client);
    await waitFor(() => far.backend.faults.hits.length === 1);
    await waitFor(() => sandboxCount() === Number(execute));
    agent.destroy();
    expect(await pending).toMatchObject({ status: null });
  });

  test('slow executes at once and answers later', async () => {
    far.backend.faults.add({ op: 'create', action: { type: 'slow', delayMs: 100 } });
    const started = process.hrtime.bigint();
    const answer = await create(client);
    expectKind(answer);
    expect(answer.status).toBe(201);
    expect(Number(process.hrtime.bigint() - started) / 1e6).toBeGreaterThanOrEqual(99);
  });

  test.each(['reset', 'end'])('cut breaks a stream off inside an envelope, by %s', async (how) => {
    const sandbox = await client.create();
    far.backend.faults.add({ op: 'stream', action: { type: 'cut', afterEvents: 2, how } });
    const answer = await client.run(sandbox, 'echo one; sleep 0.1; echo two');
    expectKind(answer);
    expect(answer.status).toBe(200);
    expect(answer.error).toBe(how === 'reset' ? 'ECONNRESET' : null);
    expect([answer.stdout, answer.end]).toEqual(['one\n', null]);
    expect(answer.rest.length).toBeGreaterThan(5);
    expect(answer.rest.length).toBeLessThan(5 + answer.rest.readUInt32BE(1));
  });

  test('a cut stream does not end its process', async () => {
    const sandbox = await client.create();
    far.backend.faults.add({ op: 'start', action: 'cut' });
    const answer = await client.run(sandbox, 'exec sleep 100');
    const [{ start }] = answer.events;
    await waitFor(() => isAliveInside(sandbox.id, start.pid)); // between two programs it shows no environment
    const { json } = await client.unary(sandbox, '/process.Process/List', {});
    expect(json.processes.map(({ pid }) => pid)).toEqual([start.pid]);
  });

  test('vanish in a stream kills everything and leaves a 502', async () => {
    const sandbox = await client.create();
    far.backend.faults.add({ op: 'stream', action: 'vanish' });
    const answer = await client.run(sandbox, 'exec sleep 100');
    expectKind(answer);
    expect([answer.end, answer.error]).toEqual([null, 'ECONNRESET']);
    await waitFor(() => !isAliveInside(sandbox.id, answer.events[0].start.pid));
    const health = await client.envd(sandbox, 'GET', '/health');
    expect([health.status, health.json.message]).toEqual([502, 'The sandbox was not found']);
    expect((await client.control('GET', `/sandboxes/${sandbox.id}`)).status).toBe(404);
  });

  test('vanish on a call happens before the call', async () => {
    const sandbox = await client.create();
    far.backend.faults.add({ op: 'health', action: 'vanish', after: 1 });
    expect((await client.envd(sandbox, 'GET', '/health')).status).toBe(204);
    expect((await client.envd(sandbox, 'GET', '/health')).status).toBe(502);
  });

  test('a start that is executed and then reset runs on', async () => {
    const sandbox = await client.create();
    far.backend.faults.add({ op: 'start', action: 'reset-after' });
    const answer = await client.run(sandbox, 'exec sleep 100');
    expect([answer.status, answer.error]).toEqual([null, 'ECONNRESET']);
    expect(far.backend.sandboxes()[0].processes).toHaveLength(1);
  });

  test('a slow start loses nothing of the output', async () => {
    const sandbox = await client.create();
    far.backend.faults.add({ op: 'start', action: { type: 'slow', delayMs: 100 } });
    const answer = await client.run(sandbox, 'seq 1 50000');
    expect(answer.stdout.length).toBe(288_894);
    expect(answer.end).toEqual({});
  });

  test('a download breaks off in the middle', async () => {
    const sandbox = await client.create();
    const headers = { 'content-type': 'application/octet-stream' };
    await client.envd(sandbox, 'POST', '/files?path=a', { body: 'x'.repeat(200_000), headers });
    far.backend.faults.add({ op: 'files.get', action: 'reset-body' });
    const answer = await client.envd(sandbox, 'GET', '/files?path=a');
    expectKind(answer);
    expect([answer.status, answer.error, answer.body.length]).toEqual([200, 'ECONNRESET', 100_000]);
  });

  test('an upload can be refused, and reset before or after it is done', async () => {
    const sandbox = await client.create();
    const headers = { 'content-type': 'application/octet-stream' };
    const put = () =>
      client.envd(sandbox, 'POST', '/files?path=a', { body: 'x'.repeat(100_000), headers });
    const exists = async () => (await client.envd(sandbox, 'GET', '/files?path=a')).status === 200;
    far.backend.faults.add({ op: 'files.post', n: 1, action: { status: 507 } });
    expect((await put()).status).toBe(507);
    far.backend.faults.add({ op: 'files.post', n: 1, action: 'reset' });
    expect((await put()).status).toBeNull();
    expect(await exists()).toBe(false);
    far.backend.faults.add({ op: 'files.post', n: 1, action: 'reset-after' });
    expect((await put()).status).toBeNull();
    expect(await exists()).toBe(true);
  });
});

describe('rules', () => {
  const record = (fields = {}) => ({ path: '/x', method: 'GET', sandboxId: null, ...fields });
  const strikes = (faults, op, times, fields) =>
    Array.from({ length: times }, () => faults.decide(op, record(fields)) !== null);

  test('after lets some pass, n ends it', () => {
    const faults = new Faults();
    const rule = faults.add({ op: 'get', after: 2, n: 2, action: { status: 500 } });
    expect(strikes(faults, 'list', 1)).toEqual([false]);
    expect(strikes(faults, 'get', 6)).toEqual([false, false, true, true, false, false]);
    expect(rule.hits).toBe(2);
  });

  test('p is thrown with the seed: the same in every run, near its value', () => {
    const run = (seed) => {
      const faults = new Faults();
      faults.add({ op: '*', p: 0.3, seed, action: 'reset' });
      return strikes(faults, 'get', 1000);
    };
    expect(run(7)).toEqual(run(7));
    expect(run(7)).not.toEqual(run(8));
    const share = run(7).filter(Boolean).length;
    expect(share).toBeGreaterThan(250);
    expect(share).toBeLessThan(350);
  });

  test('match looks at sandbox, path, method and body', () => {
    const decide = (match, fields) => {
      const faults = new Faults();
      faults.add({ op: '*', match, action: 'reset' });
      return faults.decide('create', record(fields)) !== null;
    };
    expect(decide({ sandboxId: 'ia' }, { sandboxId: 'ia' })).toBe(true);
    expect(decide({ sandboxId: 'ia' }, { sandboxId: 'ib' })).toBe(false);
    expect(decide({ path: /^\/x/, method: 'GET' })).toBe(true);
    expect(decide({ path: '/', method: 'GET' })).toBe(false);
    expect(decide({ body: 'momentum' }, { body: Buffer.from('{"n":"momentum"}') })).toBe(true);
    expect(decide({ body: /^x/ }, { body: Buffer.from('yx') })).toBe(false);
    expect(decide((request) => request.path === '/x')).toBe(true);
  });

  test('the first rule that fits wins, and a removed one is out', () => {
    const faults = new Faults();
    const first = faults.add({ op: ['get', 'list'], action: { status: 500 } });
    faults.add({ op: 'get', action: { status: 503 } });
    expect(faults.decide('get', record()).status).toBe(500);
    first.remove();
    expect(faults.decide('get', record()).status).toBe(503);
    expect(faults.decide('list', record())).toBeNull();
  });

  test('hits are on record until cleared', () => {
    const faults = new Faults();
    faults.add({ op: 'get', action: 'reset' });
    faults.decide('get', record());
    expect(faults.hits).toEqual([
      { op: 'get', at: expect.stringMatching(/Z$/), path: '/x', action: { type: 'reset' } },
    ]);
    faults.clear();
    expect(faults.hits).toEqual([]);
    expect(faults.decide('get', record())).toBeNull();
  });

  test.each([
    [{ action: 'reset' }, 'op is required'],
    [{ op: 'get' }, 'unknown action'],
    [{ op: 'get', action: 'explode' }, 'unknown action "explode"'],
    [{ op: 'get', action: { status: 99 } }, 'status must be'],
    [{ op: 'get', action: { type: 'slow' } }, 'delayMs is required'],
    [{ op: 'get', action: { type: 'reset', delayMs: 1 } }, "unknown key 'delayMs'"],
    [{ op: 'get', action: { type: 'cut', how: 'x' } }, "'reset' or 'end'"],
    [{ op: 'get', action: 'reset', times: 2 }, "unknown key 'times'"],
    [{ op: 'get', action: 'reset', match: { id: 1 } }, "unknown key 'id'"],
    [{ op: 'get', action: 'reset', n: 0 }, 'n must be'],
    [{ op: 'get', action: 'reset', p: 2 }, 'p must be'],
    [{ op: 'get', action: 'reset', after: -1 }, 'after must be'],
  ])('%j is refused', (rule, text) => {
    expect(() => new Faults().add(rule)).toThrow(text);
  });
});
