// envd's files, file system, variables and metrics over HTTP.
'use strict';

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { withBackend } = require('../../helpers/backend');
const { parseRange } = require('../../../lib/local/files-download');
const { signUrl } = require('../../../lib/local/signature');
const { Client, request } = require('./client');

const far = withBackend();
const RAW = { 'content-type': 'application/octet-stream' };
let client;
let sandbox;

beforeEach(async () => {
  client = new Client(far.backend);
  sandbox = await client.create();
});

const put = (target, body, headers = RAW) =>
  client.envd(sandbox, 'POST', `/files?path=${encodeURIComponent(target)}`, { body, headers });
const get = (target, headers = {}) =>
  client.envd(sandbox, 'GET', `/files?path=${encodeURIComponent(target)}`, { headers });
const rpc = (method, message) => client.unary(sandbox, `/filesystem.Filesystem/${method}`, message);

function multipart(...files) {
  const parts = files.map(
    ({ name = 'file', filename, text }) =>
      `--b\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\n` +
      `Content-Type: application/octet-stream\r\n\r\n${text}\r\n`,
  );
  return {
    body: `${parts.join('')}--b--\r\n`,
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
  };
}

test('bytes come back as they went, and lie in the sandbox’s directory', async () => {
  const bytes = randomBytes(3_000_000);
  const answer = await put('/home/user/deep/er/x.bin', bytes);
  expect(answer.status).toBe(200);
  expect(answer.json).toEqual([{ path: '/home/user/deep/er/x.bin', name: 'x.bin', type: 'file' }]);
  const back = await get('deep/er/x.bin');
  expect(back.status).toBe(200);
  expect(back.body.equals(bytes)).toBe(true);
  expect(Number(back.headers['content-length'])).toBe(bytes.length);
  const { home } = far.backend.sandboxes()[0];
  expect(fs.readFileSync(path.join(home, 'deep/er/x.bin')).equals(bytes)).toBe(true);
});

test('an upload replaces a file, and an empty one has length 0', async () => {
  await put('a', 'long text');
  await client.envd(sandbox, 'POST', '/files?path=a', { headers: { ...RAW, 'content-length': 0 } });
  const back = await get('a');
  expect([back.status, back.headers['content-length'], back.body.length]).toEqual([200, '0', 0]);
});

test('a multipart upload takes its targets from the file names, directories included', async () => {
  const form = multipart(
    { filename: '/home/user/1.txt', text: 'one' },
    { filename: 'sub/2.txt', text: 'two' },
    { name: 'other', filename: '3.txt', text: 'three' },
  );
  const answer = await client.envd(sandbox, 'POST', '/files', form);
  expect(answer.json.map((entry) => entry.path)).toEqual([
    '/home/user/1.txt',
    '/home/user/sub/2.txt',
  ]);
  expect((await get('/home/user/sub/2.txt')).body.toString()).toBe('two');
  expect((await get('3.txt')).status).toBe(404);
});

test('the path of the query goes before the file name', async () => {
  const form = multipart({ filename: 'b.txt', text: 'x' });
  const answer = await client.envd(sandbox, 'POST', '/files?path=a.txt', form);
  expect(answer.json).toEqual([{ path: '/home/user/a.txt', name: 'a.txt', type: 'file' }]);
});

test('a gzipped body is unpacked, a broken one refused', async () => {
  const headers = { ...RAW, 'content-encoding': 'gzip' };
  const packed = zlib.gzipSync('packed '.repeat(100_000));
  expect((await put('a', packed, headers)).status).toBe(200);
  expect((await get('a')).body.toString()).toBe('packed '.repeat(100_000));
  const broken = await put('b', 'not gzip', headers);
  expect([broken.status, broken.json.code]).toEqual([400, 400]);
});

test.each([
  ['/files', 'x', RAW, 'path is required'],
  ['/files?path=a', 'x', { 'content-type': 'text/csv' }, 'unsupported content type'],
  ['/files?path=/home/user', 'x', RAW, 'is a directory'],
  ['/files?path=a', 'x', { 'content-type': 'multipart/form-data' }, 'boundary'],
  [
    '/files?path=a',
    '--b\r\n',
    { 'content-type': 'multipart/form-data; boundary=b' },
    'end of the body',
  ],
  ['/files?path=a', 'x', { ...RAW, 'content-encoding': 'br' }, 'content encoding'],
])('POST %s with %j as %j is a 400', async (target, body, headers, text) => {
  const answer = await client.envd(sandbox, 'POST', target, { body, headers });
  expect(answer.status).toBe(400);
  expect(answer.json.message).toContain(text);
});

test('the same path twice in one upload is a 400, and the connection survives it', async () => {
  const form = multipart(
    { filename: 'a', text: 'x' },
    { filename: './a', text: 'y'.repeat(500_000) },
  );
  const answer = await client.envd(sandbox, 'POST', '/files', form);
  expect(answer.status).toBe(400);
  expect(answer.json.message).toContain('twice');
});

test('files of the host are not changed', async () => {
  await put('/etc/e2b-local-test', 'x');
  await rpc('Remove', { path: '/etc/passwd' });
  expect(fs.existsSync('/etc/e2b-local-test')).toBe(false);
  expect(fs.existsSync('/etc/passwd')).toBe(true);
});

test('what is not there, or no file, is told', async () => {
  const missing = await get('/home/user/missing.txt');
  expect([missing.status, missing.json.message]).toEqual([
    404,
    "path '/home/user/missing.txt' does not exist",
  ]);
  expect((await get('/home/user')).status).toBe(400);
  expect((await get('/dev/null')).status).toBe(400);
});

test('a single range is a 206, one past the end a 416, several are the whole', async () => {
  await put('a', '0123456789');
  const range = async (value) => {
    const { status, headers, body } = await get('a', { range: value });
    return [status, headers['content-range'], body.toString()];
  };
  expect(await range('bytes=2-4')).toEqual([206, 'bytes 2-4/10', '234']);
  expect(await range('bytes=8-')).toEqual([206, 'bytes 8-9/10', '89']);
  expect(await range('bytes=-3')).toEqual([206, 'bytes 7-9/10', '789']);
  expect(await range('bytes=5-100')).toEqual([206, 'bytes 5-9/10', '56789']);
  expect(await range('bytes=10-')).toEqual([416, 'bytes */10', '']);
  expect(await range('bytes=0-1,3-4')).toEqual([200, undefined, '0123456789']);
  expect(parseRange('bytes=-0', 10)).toBe('unsatisfiable');
  expect(parseRange('bytes=4-2', 10)).toBeNull();
  expect(parseRange('bytes=-5', 3)).toEqual({ start: 0, end: 3 });
});

test('a signature opens the file without any header, once it is right', async () => {
  await put('a.txt', 'signed');
  const fetch = (operation, parts, method = 'GET') => {
    const fields = { path: 'a.txt', operation, user: '', token: sandbox.token, ...parts };
    const query = new URLSearchParams({ path: 'a.txt', signature: signUrl(fields) });
    if (parts.expiration) query.set('signature_expiration', parts.expiration);
    return request(far.url, {
      method,
      path: `/files?${query}`,
      body: method === 'POST' ? 'new' : undefined,
      headers: method === 'POST' ? RAW : {},
    });
  };
  const good = await fetch('read', {});
  expect([good.status, good.body.toString()]).toEqual([200, 'signed']);
  const later = `${Math.floor(Date.now() / 1000) + 100}`;
  expect((await fetch('read', { expiration: later })).status).toBe(200);
  const expired = await fetch('read', { expiration: '1000000000' });
  expect([expired.status, JSON.parse(expired.body).message]).toEqual([
    401,
    'signature is already expired',
  ]);
  expect((await fetch('write', {})).status).toBe(401);
  expect((await fetch('write', {}, 'POST')).status).toBe(200);
  expect((await get('a.txt')).body.toString()).toBe('new');
});

test('without token and signature, or with a wrong token, files are closed', async () => {
  const none = { 'x-access-token': undefined };
  delete none['x-access-token'];
  const headers = { 'e2b-sandbox-id': sandbox.id, 'e2b-sandbox-port': '49983' };
  const missing = await request(far.url, { path: '/files?path=a', headers });
  expect([missing.status, JSON.parse(missing.body).message]).toEqual([
    401,
    'missing signature query parameter',
  ]);
  const wrong = await get('a', { 'x-access-token': 'wrong' });
  expect([wrong.status, wrong.json.message]).toEqual([
    401,
    'access token present in header but does not match',
  ]);
});

test('an entry is described as envd does', async () => {
  await put('a.txt', 'hello');
  const { json } = await rpc('Stat', { path: '/home/user/a.txt' });
  expect(json.entry).toEqual({
    ...{ name: 'a.txt', type: 'FILE_TYPE_FILE', path: '/home/user/a.txt', size: '5', mode: 420 },
    ...{ permissions: '-rw-r--r--', owner: 'user', group: 'user' },
    modifiedTime: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  const directory = await rpc('Stat', { path: '/tmp' });
  expect(directory.json.entry).toMatchObject({
    type: 'FILE_TYPE_DIRECTORY',
    permissions: 'dtrwxrwxrwx',
  });
});

test('a link shows its target, a broken one has no type', async () => {
  await put('a.txt', 'hello');
  await client.run(sandbox, 'ln -s a.txt link; ln -s nowhere broken');
  const link = await rpc('Stat', { path: 'link' });
  expect(link.json.entry).toMatchObject({
    ...{ type: 'FILE_TYPE_FILE', permissions: 'Lrwxrwxrwx', mode: 420 },
    symlinkTarget: '/home/user/a.txt',
  });
  const broken = await rpc('Stat', { path: 'broken' });
  expect(broken.json.entry).not.toHaveProperty('type');
  expect(broken.json.entry.symlinkTarget).toBe('/home/user/broken');
});

test('a missing path is not_found in envd’s words', async () => {
  const answer = await rpc('Stat', { path: '/nope' });
  expect([answer.status, answer.json]).toEqual([
    404,
    { code: 'not_found', message: 'file not found: lstat /nope: no such file or directory' },
  ]);
});

test('a directory is listed by name, to the depth asked for, without following links', async () => {
  await put('b/c/d.txt', 'x');
  await put('a.txt', 'x');
  await client.run(sandbox, 'ln -s b z');
  const list = async (depth) => {
    const { json } = await rpc('ListDir', { path: '/home/user', depth });
    return json.entries.map((entry) => entry.path.replace('/home/user/', ''));
  };
  expect(await list(undefined)).toEqual(['.bashrc', '.profile', 'a.txt', 'b', 'z']);
  expect(await list(2)).toEqual(['.bashrc', '.profile', 'a.txt', 'b', 'b/c', 'z']);
  expect(await list(9)).toEqual(['.bashrc', '.profile', 'a.txt', 'b', 'b/c', 'b/c/d.txt', 'z']);
  await rpc('MakeDir', { path: 'empty' });
  expect((await rpc('ListDir', { path: 'empty' })).json).toEqual({});
  expect((await rpc('ListDir', { path: 'a.txt' })).json.code).toBe('invalid_argument');
  expect((await rpc('ListDir', { path: 'nope' })).json.code).toBe('not_found');
});

test('directories are made with their parents, once', async () => {
  const made = await rpc('MakeDir', { path: 'x/y' });
  expect(made.json.entry).toMatchObject({ path: '/home/user/x/y', type: 'FILE_TYPE_DIRECTORY' });
  const again = await rpc('MakeDir', { path: 'x/y' });
  expect([again.status, again.json]).toEqual([
    409,
    { code: 'already_exists', message: 'directory already exists: /home/user/x/y' },
  ]);
  await put('file', 'x');
  expect((await rpc('MakeDir', { path: 'file' })).json.code).toBe('invalid_argument');
});

test('a move makes parents and overwrites', async () => {
  await put('a', 'new');
  await put('to/b', 'old');
  const { json } = await rpc('Move', { source: 'a', destination: 'to/b' });
  expect(json.entry).toMatchObject({ path: '/home/user/to/b', size: '3' });
  await rpc('Move', { source: 'to/b', destination: 'far/c' });
  expect((await get('far/c')).body.toString()).toBe('new');
  expect((await rpc('Move', { source: 'a', destination: 'b' })).json.code).toBe('not_found');
});

test('a removal is recursive, and of nothing is a success', async () => {
  await put('x/y/z', '1');
  expect((await rpc('Remove', { path: 'x' })).json).toEqual({});
  expect((await rpc('Stat', { path: 'x' })).status).toBe(404);
  expect((await rpc('Remove', { path: 'x' })).status).toBe(200);
});

test('two sandboxes have different homes', async () => {
  const other = await client.create();
  await put('a', 'mine');
  const { status } = await client.envd(other, 'GET', '/files?path=a');
  expect(status).toBe(404);
});

test('the daemon tells variables and measures itself', async () => {
  const own = await client.create({ envVars: { A: '1' } });
  expect((await client.envd(own, 'GET', '/envs')).json).toEqual({ A: '1' });
  await client.background(own, { process: { cmd: 'sleep', args: ['100'] } });
  const { json } = await client.envd(own, 'GET', '/metrics');
  expect(Object.keys(json).sort()).toEqual(
    [
      ...['cpu_count', 'cpu_used_pct', 'disk_total', 'disk_used', 'mem_cache', 'mem_total'],
      ...['mem_total_mib', 'mem_used', 'mem_used_mib', 'ts'],
    ].sort(),
  );
  expect(json.mem_used).toBeGreaterThan(0);
});

test('a busy process shows in the metrics', async () => {
  await client.background(sandbox, {
    process: { cmd: '/bin/sh', args: ['-c', 'while :; do :; done'] },
  });
  const { waitFor } = require('../../helpers/backend');
  await waitFor(async () => {
    const { json } = await client.envd(sandbox, 'GET', '/metrics');
    return json.cpu_used_pct > 0 && json.cpu_used_pct <= 100;
  });
});

test('routes of the host side, unknown routes and closed ports are told apart', async () => {
  const init = await client.envd(sandbox, 'POST', '/init', { body: '{}' });
  expect([init.status, init.json.path]).toEqual([404, '/init']);
  expect((await client.envd(sandbox, 'GET', '/nope')).status).toBe(404);
  const port = await client.envd(sandbox, 'GET', '/', { headers: { 'e2b-sandbox-port': '3000' } });
  expect([port.status, port.json]).toEqual([
    502,
    {
      ...{ sandboxId: sandbox.id, port: 3000, code: 502 },
      message: 'The sandbox is running but port is not open',
    },
  ]);
  expect(far.backend.requests.map(({ op }) => op)).toEqual([
    'create',
    'hostSide',
    'unknown',
    'port',
  ]);
});
