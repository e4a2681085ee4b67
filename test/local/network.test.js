// What is asked about a sandbox's network: in force, or refused by name.
'use strict';

const { Client } = require('../unit/local/client');
const { parseCreate } = require('../../lib/local/create-request');
const { withBackend } = require('../helpers/backend');

const far = withBackend();
let client;

beforeEach(() => {
  client = new Client(far.backend);
});

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

test('without walls a sandbox cannot be kept from the internet, and that is said', async () => {
  for (const body of [{ allow_internet_access: false }, { network: { denyOut: ['0.0.0.0/0'] } }]) {
    const answer = await client.control('POST', '/v2/sandboxes', { templateID: 'base', ...body });
    expect([answer.status, answer.json.message]).toEqual([
      400,
      expect.stringContaining('isolation'),
    ]);
  }
  const { id } = await client.create();
  const target = `/sandboxes/${id}/network`;
  expect((await client.control('PUT', target, {})).status).toBe(204);
  expect((await client.control('PUT', target, { allow_internet_access: false })).status).toBe(400);
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
