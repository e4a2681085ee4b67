// What envd's files offer beside plain bytes: packing, metadata, joining, users.
'use strict';

const zlib = require('node:zlib');
const { withBackend } = require('../helpers/backend');
const { Client } = require('../unit/local/client');

const far = withBackend();
const RAW = { 'content-type': 'application/octet-stream' };
let client;
let sandbox;

beforeEach(async () => {
  client = new Client(far.backend);
  sandbox = await client.create();
});

const query = (path, user) => new URLSearchParams({ path, ...(user ? { username: user } : {}) });
const put = (path, body, { headers = {}, user } = {}) =>
  client.envd(sandbox, 'POST', `/files?${query(path, user)}`, {
    body,
    headers: { ...RAW, ...headers },
  });
const get = (path, headers = {}, user = undefined) =>
  client.envd(sandbox, 'GET', `/files?${query(path, user)}`, { headers });
const compose = (message) =>
  client.envd(sandbox, 'POST', '/files/compose', {
    body: JSON.stringify(message),
    headers: { 'content-type': 'application/json' },
  });
const stat = async (path) =>
  (await client.unary(sandbox, '/filesystem.Filesystem/Stat', { path })).json.entry;

test('a download is packed when the client can unpack it, and without a length', async () => {
  const text = 'packed '.repeat(100_000);
  await put('a.txt', text);
  const packed = await get('a.txt', { 'accept-encoding': 'gzip, deflate' });
  expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
  expect(packed.headers).not.toHaveProperty('content-length');
  expect(zlib.gunzipSync(packed.body).toString()).toBe(text);
  const plain = await get('a.txt', { 'accept-encoding': 'gzip;q=0' });
  expect(plain.headers).not.toHaveProperty('content-encoding');
});

test('a range is never packed, and who takes neither form is refused', async () => {
  await put('a.txt', '0123456789');
  const headers = { 'accept-encoding': 'gzip', range: 'bytes=2-3' };
  const range = await get('a.txt', headers);
  expect([range.status, range.body.toString()]).toEqual([206, '23']);
  const refused = await get('a.txt', { 'accept-encoding': 'identity;q=0, br' });
  expect([refused.status, refused.json]).toEqual([
    406,
    { code: 406, message: 'no acceptable encoding found, supported: [identity, gzip]' },
  ]);
});

test('a file that did not change since is a 304', async () => {
  await put('a.txt', 'x');
  const { headers } = await get('a.txt');
  const again = await get('a.txt', { 'if-modified-since': headers['last-modified'] });
  expect([again.status, again.body.length]).toEqual([304, 0]);
});

test('metadata comes with the upload, is shown, and is replaced by the next', async () => {
  const answer = await put('a.txt', 'x', { headers: { 'X-Metadata-Owner': 'me, myself' } });
  expect(answer.json[0].metadata).toEqual({ owner: 'me, myself' });
  expect((await stat('a.txt')).metadata).toEqual({ owner: 'me, myself' });
  await put('a.txt', 'x', { headers: { 'x-metadata-kind': 'b' } });
  expect((await stat('a.txt')).metadata).toEqual({ kind: 'b' });
  await put('a.txt', 'x');
  expect(await stat('a.txt')).not.toHaveProperty('metadata');
});

test.each([
  [{ 'x-metadata-k': 'x'.repeat(5000) }, 'larger than 4096'],
  [{ [`x-metadata-${'k'.repeat(247)}`]: 'v' }, 'longer than 246'],
  [{ 'x-metadata-k': 'caf\u00e9' }, 'printable'],
])('metadata that cannot be kept is a 400', async (headers, text) => {
  const answer = await put('a.txt', 'x', { headers });
  expect(answer.status).toBe(400);
  expect(answer.json.message).toContain(text);
});

test('files are joined in order and the parts are gone', async () => {
  await put('p1', 'one ');
  await put('p2', 'x'.repeat(500_000));
  const answer = await compose({ source_paths: ['p1', '/home/user/p2'], destination: 'sub/all' });
  expect([answer.status, answer.json]).toEqual([
    200,
    { path: '/home/user/sub/all', name: 'all', type: 'file' },
  ]);
  expect((await get('sub/all')).body.toString()).toBe(`one ${'x'.repeat(500_000)}`);
  expect((await get('p1')).status).toBe(404);
});

test('what cannot be joined is refused', async () => {
  await put('p1', 'one');
  expect((await compose({ source_paths: ['p1', 'nope'], destination: 'all' })).status).toBe(404);
  expect((await compose({ source_paths: [], destination: 'all' })).status).toBe(400);
  expect((await compose({ source_paths: ['p1'] })).status).toBe(400);
  const alice = { source_paths: ['p1'], destination: 'a', username: 'alice' };
  expect((await compose(alice)).status).toBe(401);
});

test('relative paths are those of the user who is named', async () => {
  await put('x.txt', 'root’s', { user: 'root' });
  expect((await get('/root/x.txt')).body.toString()).toBe('root’s');
  expect((await get('x.txt', {}, 'root')).status).toBe(200);
  expect((await get('x.txt')).status).toBe(404);
  const nobody = await get('x.txt', {}, 'alice');
  expect([nobody.status, nobody.json.message]).toEqual([401, "invalid username: 'alice'"]);
});

test('a directory is no file, a pipe is none either, and nobody waits for it', async () => {
  await client.run(sandbox, 'mkfifo pipe');
  expect((await get('pipe')).status).toBe(400);
  expect((await put('pipe', 'x')).status).toBe(400);
  const directory = await get('/home/user');
  expect([directory.status, directory.json.message]).toEqual([
    400,
    "path '/home/user' is a directory",
  ]);
});

test('a long answer of a call is packed for who asks, a short one is not', async () => {
  await client.run(sandbox, 'for i in $(seq 1 50); do : > f$i; done');
  const list = (headers) =>
    client.unary(sandbox, '/filesystem.Filesystem/ListDir', { path: '' }, { headers });
  const packed = await list({ 'accept-encoding': 'gzip, deflate' });
  expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip' });
  const { entries } = JSON.parse(zlib.gunzipSync(packed.body));
  expect(entries).toEqual((await list({})).json.entries);
  const short = await client.unary(
    sandbox,
    '/process.Process/List',
    {},
    {
      headers: { 'accept-encoding': 'gzip' },
    },
  );
  expect(short.headers).not.toHaveProperty('content-encoding');
});

test('times have the decimals that they need', async () => {
  await client.run(
    sandbox,
    'touch -d "2026-01-02 03:04:05.120 UTC" a; touch -d "2026-01-02 UTC" b',
  );
  expect((await stat('a')).modifiedTime).toBe('2026-01-02T03:04:05.120Z');
  expect((await stat('b')).modifiedTime).toBe('2026-01-02T00:00:00Z');
});
