'use strict';

// Large uploads over HTTP/2 to far ends that read slowly, or not at all, so that windows close and
// buffers fill: the upload waits, nobody else does, it can be given up, and nothing goes out twice.
// Node's own server keeps to the windows; a relay in front of it can stop taking bytes altogether.

const { createHash, randomBytes } = require('node:crypto');
const { once } = require('node:events');
const http2 = require('node:http2');
const net = require('node:net');
const native = require('../../lib');
const { createAuthority } = require('../../lib/local/certificate');
const { waitFor } = require('../helpers/backend');
const { END, OUTPUT, OVER, START, honestAnswer, opOf } = require('../helpers/hostile/honest');

const MIB = 1024 * 1024;
const BODY = randomBytes(24 * MIB); // more than the buffers of the two sockets on the way
const PIECE = 100_000;
const WINDOW = 65_535; // of a stream, as Node's server gives it
const MAY_AGAIN = { 'a buffer': true }; // a file that is written whole is the same twice
const REFUSED = http2.constants.NGHTTP2_REFUSED_STREAM;
const digest = (bytes) => createHash('sha1').update(bytes).digest('hex');

function* pieces() {
  for (let at = 0; at < BODY.length; at += PIECE) yield BODY.subarray(at, at + PIECE);
}
const SOURCES = [
  ['a buffer', () => [BODY, {}]],
  ['an iterable of known size', () => [pieces(), { size: BODY.length }]],
  ['an iterable of unknown size', () => [pieces(), {}]],
];

let server;
let relay;
let client;
let uploads; // { stream, hash, bytes } of those that have come
let starts; // streams of processes that run
let asked; // ops
let connections;
const sessions = new Set();
const sockets = new Set();

function onStream(stream, headers) {
  stream.on('error', () => {});
  const op = opOf(headers[':method'], headers[':path']);
  asked.push(op);
  if (op === 'write') {
    uploads.push(stream);
    return; // read by who tests it
  }
  stream.resume();
  stream.on('end', () => {
    const { status, headers: said, body } = honestAnswer({ op });
    stream.respond({ ':status': status, ...said });
    if (op !== 'start') {
      stream.end(body);
      return;
    }
    stream.write(START);
    starts.push(stream);
  });
}

/** Hands on what comes, until it is stopped: then the way there is closed, the way back is not. */
function startRelay(port) {
  const passing = net.createServer((inner) => {
    const outer = net.connect(port, '127.0.0.1');
    connections += 1;
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    inner.on('close', () => outer.destroy());
    outer.on('close', () => inner.destroy());
    inner.pipe(outer);
    outer.pipe(inner);
    passing.stop = () => inner.unpipe(outer).pause();
    passing.goOn = () => inner.pipe(outer);
    passing.handedOn = () => outer.bytesWritten;
  });
  return passing;
}

beforeAll(async () => {
  connections = 0;
  const authority = createAuthority();
  server = http2.createSecureServer(authority.certify(['127.0.0.1']));
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
  });
  server.on('connection', (socket) => socket.setNoDelay(true));
  server.on('stream', onStream);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  relay = startRelay(server.address().port);
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const url = `https://127.0.0.1:${relay.address().port}`;
  client = { apiKey: 'e2b_flow_key', apiUrl: url, sandboxUrl: url, ca: authority.cert };
});
beforeEach(async () => {
  [uploads, starts, asked, connections] = [[], [], [], 0];
  await native.createE2bSandbox('a', 'base', 60, undefined, undefined, client);
});
afterEach(async () => {
  for (const session of sessions) session.destroy();
  sessions.clear();
  await waitFor(() => {
    for (const socket of sockets) socket.destroy();
    return sockets.size === 0;
  });
});
afterAll(() => {
  relay.close();
  server.close();
});

const list = () => native.listE2bSandboxes('all', client);
const count = (op) => asked.filter((one) => one === op).length;

/** Begins an upload; @returns its promise, which never goes unheard, once its stream is there */
async function begin(source, options = {}) {
  const [data, given] = source();
  const written = native.writeE2bFile('i1', '/f', data, { ...client, ...given, ...options });
  written.catch(() => {});
  await waitFor(() => uploads.length === 1);
  return { written, stream: uploads[0] };
}

/** A process that runs, on the same connection. */
async function neighbour() {
  const lines = [];
  const run = native.executeE2bProcess('i1', 'true', null, 60, true, {
    ...client,
    onStdout: (text) => lines.push(text),
  });
  await waitFor(() => starts.length === 1);
  const [stream] = starts;
  return {
    async speaks() {
      const before = lines.join('').length;
      stream.write(OUTPUT);
      await waitFor(() => lines.join('').length > before);
    },
    async ends() {
      stream.end(Buffer.concat([END, OVER]));
      await expect(run).resolves.toMatchObject({ exitCode: 0 });
    },
  };
}

/** Until no byte moves any more. */
async function still() {
  const looks = [];
  const moved = () => [...sockets].reduce((sum, socket) => sum + socket.bytesRead, 0);
  await waitFor(() => looks.push(moved()) > 3 && looks.slice(-4).every((n) => n === looks.at(-1)), {
    intervalMs: 10,
    timeoutMs: 15_000,
  });
}

/** Until the window of the stream, which nobody reads, is closed. */
async function closed(stream) {
  await waitFor(() => stream.readableLength >= stream.readableHighWaterMark);
  await still();
}

/** Until the way there is full, of which nothing is taken. */
async function stuck() {
  await waitFor(() => relay.handedOn() > MIB);
  relay.stop();
  await still();
}

async function takeAll(stream) {
  const hash = createHash('sha1');
  let bytes = 0;
  for await (const piece of stream) {
    hash.update(piece);
    bytes += piece.length;
  }
  const { status, headers, body } = honestAnswer({ op: 'write' });
  stream.respond({ ':status': status, ...headers });
  stream.end(body);
  return { bytes, digest: hash.digest('hex') };
}
const WHOLE = { bytes: BODY.length, digest: digest(BODY) };

describe.each(SOURCES)('%s', (kind, source) => {
  const retryable = MAY_AGAIN[kind] ?? false;

  test('waits where the far end does not read, its neighbours go on, and all of it comes once', async () => {
    const other = await neighbour();
    const { written, stream } = await begin(source);
    await closed(stream);
    expect(stream.readableLength).toBeLessThanOrEqual(WINDOW);
    await other.speaks();
    await expect(Promise.all([list(), list(), list()])).resolves.toEqual([[], [], []]);
    await other.ends();
    expect(await takeAll(stream)).toEqual(WHOLE);
    await expect(written).resolves.toMatchObject({ path: '/home/user/a' });
    expect([count('write'), connections]).toEqual([1, 1]);
  });

  test('that is given up while the window is closed is reset, and its neighbours go on', async () => {
    const other = await neighbour();
    const controller = new AbortController();
    const { written, stream } = await begin(source, { signal: controller.signal });
    await closed(stream);
    controller.abort();
    await expect(written).rejects.toMatchObject({ code: 'CANCELLED', outcome: 'unknown' });
    await waitFor(() => stream.closed);
    await other.speaks();
    await expect(list()).resolves.toEqual([]);
    await other.ends();
    expect([count('write'), connections]).toEqual([1, 1]);
  });

  test('whose window stays closed is late, reset, and its neighbours go on', async () => {
    const other = await neighbour();
    const { written, stream } = await begin(source, { requestTimeoutMs: 300 });
    const late = { code: 'TIMEOUT', outcome: 'unknown', retryable };
    await expect(written).rejects.toMatchObject(late);
    await waitFor(() => stream.closed);
    await other.speaks();
    await expect(list()).resolves.toEqual([]);
    await other.ends();
    expect([count('write'), connections]).toEqual([1, 1]);
  });

  test('waits where nothing at all is taken, streams of others are still heard, and it comes once', async () => {
    const other = await neighbour();
    const { written, stream } = await begin(source);
    const taken = takeAll(stream);
    await stuck();
    await other.speaks();
    relay.goOn();
    expect(await taken).toEqual(WHOLE);
    await expect(written).resolves.toMatchObject({ path: '/home/user/a' });
    await other.ends();
    expect([count('write'), connections]).toEqual([1, 1]);
  });

  test.each([
    ['given up', { code: 'CANCELLED', outcome: 'unknown' }],
    ['late', { code: 'TIMEOUT', outcome: 'unknown', retryable }],
  ])('that is %s where nothing is taken ends, and is not sent again', async (why, wanted) => {
    const controller = new AbortController();
    const late = why === 'late' ? { requestTimeoutMs: 500 } : {};
    const { written, stream } = await begin(source, { signal: controller.signal, ...late });
    stream.resume();
    await stuck();
    if (why === 'given up') controller.abort();
    await expect(written).rejects.toMatchObject(wanted);
    relay.goOn();
    await waitFor(() => stream.closed);
    await expect(list()).resolves.toEqual([]);
    expect(count('write')).toBe(1);
  });

  test('whose connection breaks in the middle is unknown, and not sent again', async () => {
    const { written, stream } = await begin(source);
    await closed(stream);
    stream.session.destroy();
    await expect(written).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      outcome: 'unknown',
      retryable,
    });
    await expect(list()).resolves.toEqual([]);
    expect(count('write')).toBe(1);
  });
});

describe('refused in the middle', () => {
  test('a buffer is sent again from its beginning, and comes whole', async () => {
    const { written, stream } = await begin(SOURCES[0][1]);
    await closed(stream);
    stream.close(REFUSED);
    await waitFor(() => uploads.length === 2);
    expect(await takeAll(uploads[1])).toEqual(WHOLE);
    await expect(written).resolves.toMatchObject({ path: '/home/user/a' });
    expect(count('write')).toBe(2);
  });

  test.each(SOURCES.slice(1))(
    '%s, which cannot be had again, is not sent again',
    async (_, source) => {
      const { written, stream } = await begin(source);
      await closed(stream);
      stream.close(REFUSED);
      await expect(written).rejects.toMatchObject({ code: 'CONNECTION_LOST', outcome: 'not-sent' });
      await expect(list()).resolves.toEqual([]);
      expect(count('write')).toBe(1);
    },
  );
});
