// Any port of a sandbox through the backend: HTTP as it was written, bodies both ways, WebSocket-like
// upgrades, tokens, masks, and what is said when nothing listens.
'use strict';

const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { Client, request } = require('../unit/local/client');
const { waitFor, withBackend } = require('../helpers/backend');
const { relay } = require('./helpers/relay');

const far = withBackend({ domain: 'e2b.localhost', tls: false });
let client;
let server;

beforeEach(() => {
  client = new Client(far.backend);
});

afterEach(() => {
  server?.closeAllConnections?.();
  server?.close();
  server = null;
});

/** A server of the test; `relay` gives it a port of a sandbox. */
async function listen(handler) {
  server = http.createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

const byHeaders = (sandbox, port, headers = {}) => ({
  ...{ 'e2b-sandbox-id': sandbox.id, 'e2b-sandbox-port': String(port), ...headers },
});

test('a request goes through as it was written, and so does the answer', async () => {
  const seen = {};
  const to = await listen((incoming, response) => {
    Object.assign(seen, { url: incoming.url, method: incoming.method, raw: incoming.rawHeaders });
    response.writeHead(418, 'Short And Stout', [
      'X-Mixed-Case',
      'a',
      'Set-Cookie',
      '1',
      'Set-Cookie',
      '2',
    ]);
    incoming.pipe(response);
  });
  const sandbox = await client.create();
  const port = await relay(client, sandbox, to);
  const answer = await request(far.url, {
    ...{ method: 'PATCH', path: '/a%20b?c=d&c=e', body: 'ping' },
    headers: byHeaders(sandbox, port, { 'X-OwN-HeaDer': 'Value' }),
  });
  expect(seen).toMatchObject({ url: '/a%20b?c=d&c=e', method: 'PATCH' });
  expect(seen.raw).toEqual(expect.arrayContaining(['X-OwN-HeaDer', 'Value']));
  expect(answer).toMatchObject({ status: 418, error: null });
  expect(answer.headers['set-cookie']).toEqual(['1', '2']);
  expect(answer.body.toString()).toBe('ping');
});

test('a port is reached by host name too, and the name is what the program sees', async () => {
  const to = await listen((incoming, response) => response.end(incoming.headers.host));
  const sandbox = await client.create();
  const port = await relay(client, sandbox, to);
  const host = `${port}-${sandbox.id}.e2b.localhost:${new URL(far.url).port}`;
  const answer = await request(far.url, { path: '/', headers: { host } });
  expect(answer.body.toString()).toBe(host);
});

test('maskRequestHost takes the place of the host', async () => {
  const to = await listen((incoming, response) => response.end(incoming.headers.host));
  const sandbox = await client.create({ network: { maskRequestHost: 'localhost:${PORT}' } }); // eslint-disable-line no-template-curly-in-string
  const port = await relay(client, sandbox, to);
  const answer = await request(far.url, { path: '/', headers: byHeaders(sandbox, port) });
  expect(answer.body.toString()).toBe(`localhost:${port}`);
});

test('pieces of an answer come as they are made, and a large body goes up whole', async () => {
  let finish;
  const to = await listen((incoming, response) => {
    if (incoming.method === 'GET') {
      response.write('first');
      finish = () => response.end('last');
      return;
    }
    let bytes = 0;
    incoming.on('data', (chunk) => (bytes += chunk.length));
    incoming.on('end', () => response.end(String(bytes)));
  });
  const sandbox = await client.create();
  const port = await relay(client, sandbox, to);
  const heard = [];
  const answer = await request(far.url, {
    path: '/',
    headers: byHeaders(sandbox, port),
    onResponse: (response) =>
      response.on('data', (chunk) => {
        heard.push(chunk.toString());
        if (heard.length === 1) finish();
      }),
  });
  expect([heard, answer.body.toString()]).toEqual([['first', 'last'], 'firstlast']);
  const body = Buffer.alloc(5_000_000, 'x');
  const up = await request(far.url, {
    ...{ method: 'POST', path: '/', body, headers: byHeaders(sandbox, port) },
  });
  expect(up.body.toString()).toBe('5000000');
});

/** An upgrade by hand: what came back, as text, and the socket. */
async function upgrade(sandbox, port, extra = '') {
  const socket = net.connect(Number(new URL(far.url).port), '127.0.0.1');
  socket.write(
    'GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      `E2b-Sandbox-Id: ${sandbox.id}\r\nE2b-Sandbox-Port: ${port}\r\n${extra}\r\n`,
  );
  const [first] = await once(socket, 'data');
  return { socket, text: first.toString('latin1') };
}

test('an upgrade becomes a tunnel both ways, which the sandbox’s end cuts', async () => {
  const to = await listen();
  server.on('upgrade', (incoming, socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    );
    socket.on('data', (chunk) => socket.write(`echo ${chunk}`));
    socket.on('error', () => {});
  });
  const sandbox = await client.create();
  const port = await relay(client, sandbox, to);
  const { socket, text } = await upgrade(sandbox, port);
  expect(text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: websocket/);
  socket.write('hello');
  expect((await once(socket, 'data'))[0].toString()).toBe('echo hello');
  const closed = once(socket, 'close');
  await client.control('DELETE', `/sandboxes/${sandbox.id}`);
  await closed;
});

test('an upgrade that the program refuses is answered with its own words', async () => {
  const to = await listen((incoming, response) => {
    response.writeHead(403);
    response.end('no');
  });
  const sandbox = await client.create();
  const port = await relay(client, sandbox, to);
  const { socket, text } = await upgrade(sandbox, port);
  expect(text).toMatch(/^HTTP\/1\.1 403 Forbidden/);
  socket.destroy();
});

test('an upgrade of a sandbox that is not there is the 502 of every request', async () => {
  const { socket, text } = await upgrade({ id: 'iaaaaaaaaaaaaaaaaaaaa' }, 80);
  expect(text).toMatch(/^HTTP\/1\.1 502 [^]*The sandbox was not found/);
  socket.destroy();
});

test('a port on which nothing listens is a 502 that names it, after several attempts', async () => {
  const port = await listen();
  server.close();
  const sandbox = await client.create();
  const before = Date.now();
  const answer = await request(far.url, { path: '/', headers: byHeaders(sandbox, port) });
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.body)).toEqual({
    ...{ sandboxId: sandbox.id, message: 'The sandbox is running but port is not open' },
    ...{ port, code: 502 },
  });
  expect(Date.now() - before).toBeGreaterThanOrEqual(900);
});

test('a program that starts to listen meanwhile is reached', async () => {
  const to = await listen((incoming, response) => response.end('late'));
  const sandbox = await client.create();
  const port = await relay(client, sandbox, to);
  // By the pid that the API gives: a name would be the whole machine's where there are no walls.
  const { json } = await client.unary(sandbox, '/process.Process/List', {});
  const [{ pid }] = json.processes;
  const signal = { process: { pid }, signal: 'SIGNAL_SIGKILL' };
  await client.unary(sandbox, '/process.Process/SendSignal', signal);
  await waitFor(() => far.backend.sandboxes()[0].processes.length === 0);
  const answer = request(far.url, { path: '/', headers: byHeaders(sandbox, port) });
  await relay(client, sandbox, to, port);
  expect((await answer).body.toString()).toBe('late');
});

test('a program that closes without an answer is a 502', async () => {
  const to = await listen((incoming) => incoming.socket.destroy());
  const sandbox = await client.create();
  const port = await relay(client, sandbox, to);
  const answer = await request(far.url, { path: '/', headers: byHeaders(sandbox, port) });
  expect([answer.status, JSON.parse(answer.body).port]).toEqual([502, port]);
});

test('private traffic needs the token that the creation gave, envd does not', async () => {
  const to = await listen((incoming, response) => response.end('inside'));
  const { json } = await client.control('POST', '/v2/sandboxes', {
    ...{ templateID: 'base', network: { allowPublicTraffic: false } },
  });
  const sandbox = { id: json.sandboxID, token: json.envdAccessToken };
  const port = await relay(client, sandbox, to);
  const ask = (headers) =>
    request(far.url, { path: '/', headers: byHeaders(sandbox, port, headers) });
  const [missing, wrong, right] = [
    await ask({}),
    await ask({ 'e2b-traffic-access-token': 'x' }),
    await ask({ 'e2b-traffic-access-token': json.trafficAccessToken }),
  ];
  expect(JSON.parse(missing.body)).toEqual({
    sandboxId: sandbox.id,
    message:
      "Sandbox is secured with traffic access token. Token header 'e2b-traffic-access-token' is missing",
    code: 403,
  });
  expect(JSON.parse(wrong.body).message).toMatch(/is invalid$/);
  expect(right.body.toString()).toBe('inside');
  expect((await client.envd(sandbox, 'GET', '/health')).status).toBe(204);
  const { json: detail } = await client.control('GET', `/sandboxes/${sandbox.id}`);
  expect(detail).not.toHaveProperty('trafficAccessToken');
});

describe('with few connections to a sandbox', () => {
  const narrow = withBackend({ limits: { maxConnections: 2 } });

  test('one more is refused, whatever it is for, until one has ended', async () => {
    const crowd = new Client(narrow.backend);
    const waiting = [];
    const to = await listen((incoming, response) => waiting.push(response));
    const sandbox = await crowd.create();
    const open = await relay(crowd, sandbox, to); // its stream is one
    const ask = () => request(narrow.url, { path: '/', headers: byHeaders(sandbox, open) });
    const held = ask();
    await waitFor(() => waiting.length === 1);
    const full = {
      sandboxId: sandbox.id,
      message: 'The sandbox has too many concurrent incoming connections (limit: 2)',
      ...{ connectionLimit: 2, code: 429 },
    };
    const refused = [await ask(), await crowd.envd(sandbox, 'GET', '/health')];
    expect(refused.map(({ status, body }) => [status, JSON.parse(body)])).toEqual([
      ...[[429, full]],
      ...[[429, full]],
    ]);
    const upgrading = http.request(narrow.url, {
      headers: { ...byHeaders(sandbox, open), connection: 'Upgrade', upgrade: 'any' },
    });
    upgrading.end();
    const [answer] = await once(upgrading, 'response');
    expect(answer.statusCode).toBe(429);
    answer.destroy();
    expect((await crowd.control('GET', `/sandboxes/${sandbox.id}`)).status).toBe(200);
    waiting[0].end('done');
    expect((await held).body.toString()).toBe('done');
    await waitFor(async () => (await crowd.envd(sandbox, 'GET', '/health')).status === 204);
  });
});
