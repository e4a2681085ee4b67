// Domain mode: TLS and HTTP/2 beside plain HTTP on one port, sandboxes found by host name, with the
// official client, our own, and Node's HTTP/2.
'use strict';

const { execFile } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const path = require('node:path');
const tls = require('node:tls');
const { promisify } = require('node:util');
const native = require('../..');
const { encodeEnvelope } = require('../../lib/local/envelope');
const { Client } = require('../unit/local/client');
const { waitFor, withBackend } = require('../helpers/backend');
const { relay } = require('./helpers/relay');

const DOMAIN = 'e2b.localhost';
const far = withBackend({ domain: DOMAIN });
const exec = promisify(execFile);
const port = () => Number(new URL(far.url).port);

/** A connection of HTTP/2; closed by the test that opened it. */
async function connect() {
  const session = http2.connect(`https://api.${DOMAIN}:${port()}`, {
    ca: far.backend.ca.pem,
    lookup: (name, options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
  });
  await once(session, 'connect');
  session.setLocalWindowSize(8 * 1024 * 1024); // one unread stream is not to use up the connection
  return session;
}

/** One exchange; never rejects. */
async function exchange(session, headers, body) {
  const stream = session.request(headers);
  const chunks = [];
  const outcome = { status: null, error: null };
  stream.on('response', (head) => Object.assign(outcome, { status: head[':status'], head }));
  stream.on('data', (chunk) => chunks.push(chunk));
  stream.on('error', (error) => Object.assign(outcome, { error: error.code }));
  stream.end(body);
  await new Promise((resolve) => stream.on('close', resolve));
  return { ...outcome, rstCode: stream.rstCode, body: Buffer.concat(chunks) };
}

const startHeaders = ({ id, token }) => ({
  ':method': 'POST',
  ':path': '/process.Process/Start',
  ':authority': `49983-${id}.${DOMAIN}:${port()}`,
  'content-type': 'application/connect+json',
  'x-access-token': token,
});
const startBody = (cmd) =>
  encodeEnvelope(0, JSON.stringify({ process: { cmd: '/bin/bash', args: ['-c', cmd] } }));

test('the environment names the domain with its port and the authority to trust', () => {
  const { env, ca, domain } = far.backend;
  expect(domain).toBe(`${DOMAIN}:${port()}`);
  expect(env).toEqual({
    E2B_DOMAIN: domain,
    E2B_API_KEY: expect.any(String),
    NODE_EXTRA_CA_CERTS: ca.file,
  });
  expect(ca.pem).toMatch(/^-----BEGIN CERTIFICATE-----/);
});

test.each([`api.${DOMAIN}`, `sandbox.${DOMAIN}`, `3000-i1.${DOMAIN}`, 'localhost', '127.0.0.1'])(
  'the certificate is good for %s',
  async (name) => {
    const socket = tls.connect({
      ...{ port: port(), host: '127.0.0.1', ca: far.backend.ca.pem },
      ...{ servername: name === '127.0.0.1' ? undefined : name, ALPNProtocols: ['http/1.1'] },
      checkServerIdentity: (host, certificate) => tls.checkServerIdentity(name, certificate),
    });
    await once(socket, 'secureConnect');
    expect([socket.authorized, socket.alpnProtocol]).toEqual([true, 'http/1.1']);
    socket.destroy();
  },
);

test('the official client works by the domain alone, and a kill cuts only its own streams', async () => {
  const preload = path.join(__dirname, 'children/loopback-names.js');
  const { stdout } = await exec(
    process.execPath,
    [path.join(__dirname, 'children/e2b-domain.mjs')],
    {
      env: { PATH: process.env.PATH, ...far.backend.env, NODE_OPTIONS: `--require ${preload}` },
      timeout: 15_000,
    },
  );
  const found = JSON.parse(stdout);
  expect(found).toMatchObject({
    ...{ stdout: 'hallo\n', text: 'text', signed: 'text', neighbour: 'alive\n', running: false },
    answered: found.host,
    killed: expect.stringMatching(/killed|end of life/),
  });
  expect(found.host).toMatch(new RegExp(`^\\d+-${found.id}\\.${DOMAIN}:${port()}$`));
  expect(far.backend.requests.filter(({ op }) => op === 'unknown')).toEqual([]);
}, 30_000);

test('our own client works by the domain alone', async () => {
  const options = { apiKey: far.backend.env.E2B_API_KEY, domain: far.backend.domain };
  const provider = { ...options, ca: far.backend.ca.pem };
  const args = ['own', 'base', 60, undefined, undefined, provider];
  const { sandboxId } = await native.createE2bSandbox(...args);
  const run = await native.executeE2bProcess(sandboxId, 'echo hi', undefined, 10, true, provider);
  expect(run).toMatchObject({ stdout: 'hi\n', exitCode: 0 });
  await native.terminateE2bSandbox(sandboxId, false, provider);
  expect(far.backend.sandboxes()).toEqual([]);
});

test('plain HTTP and TLS are answered on the same port', async () => {
  const client = new Client(far.backend);
  expect((await client.control('GET', '/v2/sandboxes')).status).toBe(200);
  const request = https.get(`${far.url.replace('http:', 'https:')}/health`, {
    ...{ ca: far.backend.ca.pem, agent: false },
  });
  const [response] = await once(request, 'response');
  expect(response.statusCode).toBe(200);
  response.resume();
});

test('many streams share a connection; of a killed sandbox only its own are reset', async () => {
  const client = new Client(far.backend);
  const [one, two] = [await client.create(), await client.create()];
  const session = await connect();
  const doomed = exchange(session, startHeaders(one), startBody('sleep 100'));
  const living = exchange(session, startHeaders(two), startBody('read line; echo $line'));
  const processes = () => far.backend.sandboxes().flatMap((sandbox) => sandbox.processes);
  await waitFor(() => processes().length === 2);
  await client.control('DELETE', `/sandboxes/${one.id}`);
  expect(await doomed).toMatchObject({ status: 200, error: 'ERR_HTTP2_STREAM_ERROR' });
  const [{ pid }] = processes();
  const input = { stdin: Buffer.from('still here\n').toString('base64') };
  await client.unary(two, '/process.Process/SendInput', { process: { pid }, input });
  const { body, error } = await living;
  expect(error).toBeNull();
  expect(body.toString()).toContain(Buffer.from('still here\n').toString('base64'));
  session.close();
});

test('a port of a sandbox is reached over HTTP/2, bodies both ways', async () => {
  const server = http.createServer((incoming, response) => {
    response.writeHead(200, ['X-Seen-Host', incoming.headers.host, 'Connection', 'keep-alive']);
    incoming.pipe(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new Client(far.backend);
  const sandbox = await client.create();
  const inside = await relay(client, sandbox, server.address().port);
  const authority = `${inside}-${sandbox.id}.${DOMAIN}:${port()}`;
  const session = await connect();
  const headers = { ':method': 'POST', ':path': '/x', ':authority': authority };
  const answer = await exchange(session, headers, Buffer.alloc(1_000_000, 'x'));
  expect([answer.status, answer.body.length]).toEqual([200, 1_000_000]);
  expect(answer.head['x-seen-host']).toBe(authority);
  const empty = await exchange(session, { ':path': '/', ':authority': authority });
  expect([empty.status, empty.body.length]).toEqual([200, 0]);
  session.close();
  server.close();
});

test.each([
  ['reset', { op: 'health', action: 'reset' }],
  ['reset-after', { op: 'health', action: 'reset-after' }],
])('the fault %s resets one stream of HTTP/2', async (name, rule) => {
  const client = new Client(far.backend);
  const sandbox = await client.create();
  const session = await connect();
  const headers = { ':path': '/health', ':authority': `49983-${sandbox.id}.${DOMAIN}` };
  far.backend.faults.add({ ...rule, n: 1 });
  expect((await exchange(session, headers)).error).toBe('ERR_HTTP2_STREAM_ERROR');
  expect((await exchange(session, headers)).status).toBe(204);
  session.close();
});

test('a stream can be cut in the middle of a message over HTTP/2 too', async () => {
  const client = new Client(far.backend);
  const sandbox = await client.create();
  const session = await connect();
  far.backend.faults.add({ op: 'stream', action: { type: 'cut' } });
  const cut = await exchange(session, startHeaders(sandbox), startBody('echo a'));
  expect(cut).toMatchObject({ status: 200, error: 'ERR_HTTP2_STREAM_ERROR' });
  expect(far.backend.requests.at(-1).status).toBeNull();
  session.close();
});

test('a client of HTTP/2 that does not read holds up nobody but itself', async () => {
  const client = new Client(far.backend);
  const sandbox = await client.create();
  const session = await connect();
  const slow = session.request(startHeaders(sandbox));
  slow.on('error', () => {});
  slow.end(startBody('yes'));
  await once(slow, 'response');
  const quick = await exchange(session, startHeaders(sandbox), startBody('echo quick'));
  expect(quick.body.toString()).toContain(Buffer.from('quick\n').toString('base64'));
  slow.close();
  session.close();
});

test('what is not TLS and not HTTP is shut', async () => {
  const socket = require('node:net').connect(port(), '127.0.0.1');
  socket.resume();
  socket.end('\u0000\u0001\u0002\u0003');
  await once(socket, 'close');
  expect((await new Client(far.backend).control('GET', '/health')).status).toBe(200);
});
