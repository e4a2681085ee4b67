// Another envd in place of the built-in one: how it is started, what it is told and what never, who
// reaches it, and what becomes of its sandbox when it does not start or dies. A program of this test
// stands in for it.
'use strict';

const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { startLocalBackend } = require('../../lib/local');
const { encodeEnvelope } = require('../../lib/local/envelope');
const { ISOLATION, waitFor, withBackend } = require('../helpers/backend');
const { Client, request } = require('../unit/local/client');

const STAND_IN = path.join(__dirname, 'children/stand-in-envd.js');
const CAP_SYS_TIME = 25n;
const START = '/process.Process/Start';
const withWalls = ISOLATION === 'none' ? describe.skip : describe;

withWalls('a daemon that works', () => {
  const lines = [];
  const far = withBackend({ envd: STAND_IN, log: (line) => lines.push(line) });
  let client;

  beforeEach(() => {
    client = new Client(far.backend);
    lines.length = 0;
  });

  const seenBy = async (sandbox) => {
    const { body } = await client.envd(sandbox, 'GET', '/seen');
    return JSON.parse(body.toString());
  };

  /** @returns {Promise<{ incoming: http.IncomingMessage, outgoing: http.ClientRequest }>} at its head */
  async function open({ id, token }, message) {
    const outgoing = http.request(far.url + START, {
      method: 'POST',
      headers: {
        ...{ 'e2b-sandbox-id': id, 'e2b-sandbox-port': '49983', 'x-access-token': token },
        'content-type': 'application/connect+json',
      },
    });
    outgoing.on('error', () => {});
    outgoing.end(encodeEnvelope(0, JSON.stringify(message)));
    const [incoming] = await once(outgoing, 'response');
    return { incoming, outgoing };
  }

  test('runs as root with its flags, from a copy, in a network of its own', async () => {
    const sandbox = await client.create({ allow_internet_access: true });
    const seen = await seenBy(sandbox);
    expect(seen).toMatchObject({
      args: ['-isnotfc', '-no-cgroups', '-port', '49983'],
      ...{ uid: 0, interfaces: ['lo'], mode: '555', place: '/usr/bin/envd' },
    });
    // In a user namespace of its own that capability is none over the clock.
    const overHost = seen.userNamespace === fs.readlinkSync('/proc/self/ns/user');
    const canSetTime = ((BigInt(`0x${seen.capabilities}`) >> CAP_SYS_TIME) & 1n) === 1n;
    expect(overHost && canSetTime).toBe(false);
    expect(seen.variables).toEqual(expect.arrayContaining(['E2B_SANDBOX_ID', 'HOME', 'PATH']));
    expect(seen.variables).not.toContain('E2B_API_KEY');
    const { json } = await client.control('GET', `/sandboxes/${sandbox.id}`);
    expect(json.allowInternetAccess).toBe(false);
    const allowed = { allow_internet_access: true };
    const put = await client.control('PUT', `/sandboxes/${sandbox.id}/network`, allowed);
    expect(put.status).toBe(400);
  });

  test('is told the token, variables and user, once, and nothing that reaches past it', async () => {
    const sandbox = await client.create({ envVars: { A: 'b' } });
    const { inits } = await seenBy(sandbox);
    const own = { E2B_SANDBOX: 'true', E2B_SANDBOX_ID: sandbox.id };
    expect(inits).toEqual([
      {
        accessToken: sandbox.token,
        envVars: { A: 'b', ...own, E2B_TEMPLATE_ID: expect.any(String) },
        defaultUser: 'user',
      },
    ]);
  });

  test('the host-side routes do not reach it, however they are written', async () => {
    const sandbox = await client.create();
    const names = ['init', 'freeze', 'unfreeze', 'collapse', 'fsfreeze', 'fsthaw', 'upgrade'];
    const written = ['/%69nit', '//init', '/init/', '/x/../init', '/x/%2e%2e/INIT', '/%66reeze?a'];
    for (const target of [...names.map((name) => `/${name}`), ...written]) {
      const { status, json } = await client.envd(sandbox, 'POST', target, { body: '{}' });
      expect([target, status, json.message]).toEqual([
        target,
        404,
        expect.stringContaining('not reachable'),
      ]);
    }
    const { hostSide, inits } = await seenBy(sandbox);
    expect([hostSide, inits.length]).toEqual([[], 1]);
  });

  test('answers for itself, also about tokens and routes that the backend does not know', async () => {
    const sandbox = await client.create({ network: { allowPublicTraffic: false } });
    const answer = await client.envd(sandbox, 'POST', '/echo?a=%20b', {
      ...{ body: 'ping', headers: { 'X-OwN': 'Value' } },
    });
    expect(answer).toMatchObject({ status: 201, error: null });
    expect(answer.headers['x-mixed-case']).toBe('yes');
    expect(answer.json).toMatchObject({ method: 'POST', url: '/echo?a=%20b', body: 'ping' });
    expect(answer.json.rawHeaders).toEqual(expect.arrayContaining(['X-OwN', 'Value']));
    const wrong = await client.envd({ ...sandbox, token: 'x' }, 'GET', '/metrics');
    expect([wrong.status, wrong.body.toString()]).toEqual([401, 'not with this token']);
    expect((await client.envd(sandbox, 'GET', '/health')).status).toBe(204);
  });

  test('its version is what clients are told', async () => {
    const { id } = await client.create();
    const listed = await client.control('GET', '/v2/sandboxes');
    const { json } = await client.control('GET', `/sandboxes/${id}`);
    expect([json.envdVersion, listed.json[0].envdVersion]).toEqual(['0.7.5', '0.7.5']);
  });

  test('a stream comes as it is made, and its end is its own', async () => {
    const sandbox = await client.create();
    const { incoming } = await open(sandbox, { a: 1 });
    const [first] = await once(incoming, 'data');
    expect(first.subarray(5).toString()).toBe('{"a":1}');
    const [rest, end] = [once(incoming, 'data'), once(incoming, 'end')];
    await client.envd(sandbox, 'POST', '/go-on');
    expect((await rest)[0].subarray(5).toString()).toBe('{}');
    await end;
  });

  test('it hears of a client that leaves a silent stream', async () => {
    const sandbox = await client.create();
    const { incoming, outgoing } = await open(sandbox, {});
    await once(incoming, 'data');
    outgoing.destroy();
    await waitFor(async () => (await seenBy(sandbox)).left === 1);
  });

  test('faults that come before it strike, and what they refuse is not passed on', async () => {
    const sandbox = await client.create();
    const fault = { op: 'start', match: { body: 'marked' }, n: 1, action: { status: 503 } };
    far.backend.faults.add(fault);
    const refused = await client.stream(sandbox, START, { marked: true });
    expect(refused.status).toBe(503);
    far.backend.faults.add({ op: 'health', n: 1, action: 'reset' });
    expect((await client.envd(sandbox, 'GET', '/health')).error).toBe('ECONNRESET');
    expect((await seenBy(sandbox)).told).toBe(0);
    far.backend.faults.add({ op: 'health', n: 1, action: 'crash' });
    expect((await client.envd(sandbox, 'GET', '/health')).status).toBe(502);
  });

  test('it goes on after a pause, and is new after one to disk and in a fork', async () => {
    const sandbox = await client.create();
    const pause = (body) => client.control('POST', `/sandboxes/${sandbox.id}/pause`, body);
    const resume = () => client.control('POST', `/sandboxes/${sandbox.id}/resume`, { timeout: 60 });
    await client.stream(sandbox, '/no-such-route', {});
    expect((await pause({})).status).toBe(204);
    expect((await resume()).status).toBe(201);
    expect((await seenBy(sandbox)).hostSide).toEqual(['/no-such-route']);
    expect((await pause({ memory: false })).status).toBe(204);
    expect((await resume()).status).toBe(201);
    expect(await seenBy(sandbox)).toMatchObject({ hostSide: [], inits: [{ defaultUser: 'user' }] });
    const { json } = await client.control('POST', `/sandboxes/${sandbox.id}/fork`, {});
    const fork = { id: json[0].sandbox.sandboxID, token: json[0].sandbox.envdAccessToken };
    const { inits } = await seenBy(fork);
    expect(inits.map(({ accessToken }) => accessToken)).toEqual([fork.token]);
  });

  test('when it dies the sandbox ends, and the log has its last words without the token', async () => {
    const sandbox = await client.create();
    const cut = await client.envd(sandbox, 'POST', '/die');
    expect(cut.status === 502 || cut.error !== null).toBe(true);
    await waitFor(() => far.backend.sandboxes().length === 0);
    const said = lines.find((line) => line.includes('last words'));
    expect(said).toBe(
      `sandbox ${sandbox.id}: envd ended with 3; its last words: cannot go on with ***`,
    );
    const gone = await request(far.url, {
      headers: { 'e2b-sandbox-id': sandbox.id, 'e2b-sandbox-port': '49983' },
      path: '/health',
    });
    expect(gone.status).toBe(502);
  });
});

withWalls('a daemon that does not', () => {
  let directory;

  beforeAll(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'foreign-envd-'));
    fs.chmodSync(directory, 0o755);
  });
  afterAll(() => fs.rmSync(directory, { recursive: true }));

  function program(name, text) {
    const file = path.join(directory, name);
    fs.writeFileSync(file, text, { mode: 0o755 });
    return file;
  }

  /** What creating a sandbox with it comes to. */
  async function attempt(envd) {
    const lines = [];
    const options = { isolation: ISOLATION, envd, log: (line) => lines.push(line) };
    const backend = await startLocalBackend(options);
    try {
      const body = { templateID: 'base' };
      const answer = await new Client(backend).control('POST', '/v2/sandboxes', body);
      return { ...answer, lines, sandboxes: backend.sandboxes() };
    } finally {
      await backend.close();
    }
  }

  test('start at all: 500, its last words in the log, and no sandbox', async () => {
    const file = program('dies', '#!/bin/sh\necho "no such setting" >&2\nexit 7\n');
    const { status, json, lines, sandboxes } = await attempt(file);
    expect([status, json.error_code, sandboxes]).toEqual([500, 'sandbox_create_failed', []]);
    expect(json.message).toContain('envd ended with 7');
    expect(lines.join('\n')).toContain('its last words: no such setting');
  });

  test('let itself be executed: 500 that says so', async () => {
    const { status, json } = await attempt(program('nothing', '#!/no/such/interpreter\n'));
    expect([status, json.message]).toEqual([500, expect.stringContaining('/usr/bin/envd')]);
  });

  test('take what it is told: 500 with its answer, without the token', async () => {
    const text = `#!/usr/bin/env node
      require('node:http').createServer((request, response) => {
        response.writeHead(request.url === '/health' ? 204 : 400);
        request.setEncoding('utf8').once('data', (text) => response.end(text)).once('end', () => response.end());
      }).listen(49983);`;
    const { status, json } = await attempt(program('refuses', text));
    expect([status, json.message]).toEqual([
      500,
      expect.stringMatching(/POST \/init with 400:.*\*\*\*/),
    ]);
    expect(json.message).not.toMatch(/[0-9a-f]{64}/);
  });

  test('say its version: clients are told the option', async () => {
    const text = fs.readFileSync(STAND_IN, 'utf8').replace('X-Envd-Version', 'X-Other');
    const options = { isolation: ISOLATION, envd: program('silent', text), envdVersion: '0.5.1' };
    const backend = await startLocalBackend(options);
    try {
      const body = { templateID: 'base' };
      const { json } = await new Client(backend).control('POST', '/v2/sandboxes', body);
      expect(json.envdVersion).toBe('0.5.1');
    } finally {
      await backend.close();
    }
  });
});

test('without walls there is none: it would listen on the host', async () => {
  await expect(startLocalBackend({ isolation: 'none', envd: STAND_IN })).rejects.toMatchObject({
    code: 'ISOLATION_UNAVAILABLE',
    message: expect.stringContaining(
      "the option 'envd' needs sandboxes with a network of their own",
    ),
  });
});
