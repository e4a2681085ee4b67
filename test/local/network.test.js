// What is asked about a sandbox's network: in force, or refused by name.
'use strict';

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

  test('the internet is taken away from what is started later, and not given back', async () => {
    const sandbox = await client.create();
    const target = `/sandboxes/${sandbox.id}/network`;
    const put = async (body) => (await client.control('PUT', target, body)).status;
    const { pid } = await client.background(sandbox, { process: { cmd: 'sleep', args: ['100'] } });
    expect(await put({ allow_internet_access: false })).toBe(409);
    const signal = { process: { pid }, signal: 'SIGNAL_SIGKILL' };
    await client.unary(sandbox, '/process.Process/SendSignal', signal);
    await waitFor(async () => (await put({ denyOut: ['0.0.0.0/0'] })) === 204);
    expect(await reaches(client, sandbox, walled.url)).toBe(false);
    expect(await put({})).toBe(400);
  });
});
