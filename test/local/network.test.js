// What is asked about a sandbox's network: in force, or refused by name.
'use strict';

const fs = require('node:fs');
const { Client } = require('../unit/local/client');
const { parseCreate } = require('../../lib/local/create-request');
const { waitFor, withBackend } = require('../helpers/backend');

const parse = (body, canIsolateNetwork = true) =>
  parseCreate(Buffer.from(JSON.stringify({ templateID: 'base', ...body })), {
    ...{ defaultTimeout: 300, maxTimeout: 3600, alwaysSecure: true, canIsolateNetwork },
  }).settings;

test.each([
  [{}, true],
  [{ allow_internet_access: true }, true],
  [{ allow_internet_access: false }, false],
  [{ network: { denyOut: ['0.0.0.0/0'] } }, false],
  [{ network: { denyOut: ['0.0.0.0/0', '::/0'] } }, false],
  [{ network: { allowOut: ['0.0.0.0/0'], denyOut: ['0.0.0.0/0'] } }, true],
  [{ network: { allowOut: ['8.8.8.8'] } }, true],
])('%j: internet is %s', (body, internet) => {
  expect(parse(body).internet).toBe(internet);
});

/** Whether a sandbox reaches the loopback of the host, on which the backend listens. */
async function reaches(client, sandbox, url) {
  const { hostname, port } = new URL(url);
  const { stdout } = await client.run(
    sandbox,
    `bash -c 'exec 3<>/dev/tcp/${hostname}/${port}' 2>/dev/null && echo yes || echo no`,
  );
  return stdout.trim() === 'yes';
}

describe('without walls', () => {
  const far = withBackend({ isolation: 'none' });
  let client;

  beforeEach(() => {
    client = new Client(far.backend);
  });

  test('a sandbox cannot be kept from the internet, and that is said', async () => {
    for (const body of [
      { allow_internet_access: false },
      { network: { denyOut: ['0.0.0.0/0'] } },
    ]) {
      const answer = await client.control('POST', '/v2/sandboxes', { templateID: 'base', ...body });
      expect([answer.status, answer.json.message]).toEqual([
        400,
        expect.stringContaining('isolation'),
      ]);
    }
    const { id } = await client.create();
    const target = `/sandboxes/${id}/network`;
    expect((await client.control('PUT', target, {})).status).toBe(204);
    expect((await client.control('PUT', target, { allow_internet_access: false })).status).toBe(
      400,
    );
    expect((await client.control('PUT', target, { denyOut: ['0.0.0.0/0'] })).status).toBe(400);
    const proxy = { egressProxy: { address: 'a:1', password: 'secret' } };
    const refused = await client.control('PUT', target, proxy);
    expect([refused.status, refused.body.toString()]).toEqual([
      403,
      expect.not.stringMatching('secret'),
    ]);
  });

  test('private traffic needs a sandbox that is secured', async () => {
    const body = { templateID: 'base', network: { allowPublicTraffic: false } };
    expect((await client.control('POST', '/sandboxes', body)).status).toBe(400);
    const secured = await client.control('POST', '/sandboxes', { ...body, secure: true });
    expect([secured.status, secured.json.trafficAccessToken]).toEqual([
      201,
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ]);
  });
});

const walled = withBackend();
const withWalls = process.env.E2B_TEST_ISOLATION === 'none' ? describe.skip : describe;

withWalls('with a network of its own', () => {
  let client;

  beforeEach(() => {
    client = new Client(walled.backend);
  });

  test.each([{ allow_internet_access: false }, { network: { denyOut: ['0.0.0.0/0'] } }])(
    'a sandbox with %j reaches nobody, and its ports are reached all the same',
    async (body) => {
      const open = await client.create();
      const closed = await client.create(body);
      expect(await reaches(client, open, walled.url)).toBe(true);
      expect(await reaches(client, closed, walled.url)).toBe(false);
      const { json } = await client.control('GET', `/sandboxes/${closed.id}`);
      expect(json.allowInternetAccess).toBe(body.allow_internet_access ?? null);
    },
  );

  const rules = (sandbox) => async (body) => {
    const answer = await client.control('PUT', `/sandboxes/${sandbox.id}/network`, body);
    return answer.status === 204 ? 204 : `${answer.status} ${answer.json.message}`;
  };
  const kill = async (sandbox, pid) => {
    const signal = { process: { pid }, signal: 'SIGNAL_SIGKILL' };
    await client.unary(sandbox, '/process.Process/SendSignal', signal);
  };
  const sleep = { process: { cmd: 'sleep', args: ['100'] } };

  test('the internet is taken away from what is started later', async () => {
    const sandbox = await client.create();
    const put = rules(sandbox);
    const { pid } = await client.background(sandbox, sleep);
    expect(await put({ allow_internet_access: false })).toMatch(/^409 .*have the internet/);
    await kill(sandbox, pid);
    await waitFor(async () => (await put({ denyOut: ['0.0.0.0/0'] })) === 204);
    expect(await reaches(client, sandbox, walled.url)).toBe(false);
  });

  test.each([
    ['was taken', {}],
    ['never was there', { allow_internet_access: false }],
  ])('internet that %s is given where there is a way back, else the reason', async (_, body) => {
    const sandbox = await client.create(body);
    const put = rules(sandbox);
    expect(await put({ allow_internet_access: false })).toBe(204);
    const { pid } = await client.background(sandbox, sleep);
    expect(await put({})).toMatch(/^409 .*have no internet/);
    await kill(sandbox, pid);
    const given = await waitFor(async () => {
      const answer = await put({ allow_internet_access: true });
      return /^409/.test(answer) ? null : answer;
    });
    const hasWayBack = walled.backend.isolation.rung === 'root';
    expect(given).toEqual(hasWayBack ? 204 : expect.stringMatching(/^400 .*ordinary user/));
    expect(await reaches(client, sandbox, walled.url)).toBe(hasWayBack);
    const { json } = await client.control('GET', `/sandboxes/${sandbox.id}`);
    expect(json.allowInternetAccess).toBe(hasWayBack);
  });

  test('nobody finds the way back by himself, not even root', async () => {
    const sandbox = await client.create({ allow_internet_access: false });
    const line =
      'readlink /proc/self/ns/net; ' +
      'for f in /proc/1/ns/net /proc/1/fd/*; do nsenter --net=$f readlink /proc/self/ns/net; done; ' +
      'nsenter -t 1 --all readlink /proc/self/ns/net';
    for (const user of ['user', 'root']) {
      const authorization = `Basic ${Buffer.from(`${user}:`).toString('base64')}`;
      const { stdout } = await client.run(sandbox, line, { headers: { authorization } });
      expect(stdout).toMatch(/^net:\[\d+\]\n$/);
      expect(stdout.trim()).not.toBe(fs.readlinkSync('/proc/self/ns/net'));
    }
  });

  test('a port is found in the network in which its program runs', async () => {
    const sandbox = await client.create();
    const put = rules(sandbox);
    const changes = walled.backend.isolation.rung === 'root' ? [false, true, false] : [false];
    for (const allowed of changes) {
      await waitFor(async () => (await put({ allow_internet_access: allowed })) === 204);
      const program =
        'import http.server as h; s = h.HTTPServer(("127.0.0.1", 0), h.SimpleHTTPRequestHandler); ' +
        'print(s.server_address[1], flush=True); s.serve_forever()';
      const server = await client.background(sandbox, {
        process: { cmd: 'python3', args: ['-c', program] },
      });
      const port = await waitFor(() => Number(server.stdout()) || null);
      const headers = { 'e2b-sandbox-id': sandbox.id, 'e2b-sandbox-port': String(port) };
      expect((await fetch(walled.url, { headers })).status).toBe(200);
      await kill(sandbox, server.pid);
    }
  });
});
