'use strict';

// A far end that behaves badly, trick by trick (test/helpers/hostile), on a fresh connection and on
// one that was used before: each comes to an error with its own code, or to no harm; nothing is sent
// twice, and the client works afterwards.

const native = require('../../lib');
const { E2bError } = require('../../lib/errors');
const { createAuthority } = require('../../lib/local/certificate');
const { STREAM_TRICKS, TRICKS, startHostile } = require('../helpers/hostile');

const open = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((far) => far.close()));
});
async function hostile(options) {
  const far = await startHostile(options);
  open.push(far);
  return far;
}

const CALLS = {
  list: (client) => native.listE2bSandboxes('all', client),
  create: (client) => native.createE2bSandbox('a', 'base', 60, undefined, undefined, client),
  read: (client) => native.readE2bFile('i1', '/a', client),
  start: (client) => native.executeE2bProcess('i1', 'true', null, 5, true, client),
};
const GOOD = {
  list: [],
  create: { sandboxId: 'i1' },
  read: 'the bytes of a file',
  start: { stdout: 'seen\n', exitCode: 0, pid: 7 },
};
const good = (op) =>
  Object.getPrototypeOf(GOOD[op]) === Object.prototype
    ? expect.objectContaining(GOOD[op])
    : GOOD[op];
const REPEATABLE = { list: true, create: false, read: true, start: false };
const TIMEOUT_MS = 300;

// What the answer's bytes can tell comes as [code of the unary calls, code of a stream]; null: no harm.
// Nothing is known of what was done; where that is not so, the outcome stands behind.
const LOST = ['CONNECTION_LOST', 'CONNECTION_LOST'];
const LATE = ['TIMEOUT', 'TIMEOUT'];
const BAD = ['BAD_RESPONSE', 'BAD_RESPONSE'];
const LARGE = ['RESPONSE_TOO_LARGE', 'RESPONSE_TOO_LARGE'];
const HARMLESS = [null, null];
const OF_ANY = {
  'closes unanswered': LOST,
  'resets unanswered': LOST,
  'says nothing': LATE,
  'closes when idle': HARMLESS,
  'resets when idle': HARMLESS,
  'closes in the head': LOST,
  'trickles its headers': LATE,
  'trickles its body': LATE,
  // The process's end is in the stream, and in it before the trailers.
  'trickles its trailers': ['TIMEOUT', null],
  'trickles a good answer': HARMLESS,
  'a header without end': LARGE,
  'headers without end': LARGE,
  'informs for ever': LARGE,
  'trailers without end': ['RESPONSE_TOO_LARGE', null],
  'a trailer without end': ['BAD_RESPONSE', null],
  'trailers like a head': HARMLESS,
  'a trailer that is none': ['BAD_RESPONSE', null],
  'a body without end': ['RESPONSE_TOO_LARGE', 'BAD_RESPONSE'],
  'informs first': HARMLESS,
  'switches protocols': BAD,
  'speaks no HTTP': BAD,
  'a status that is none': BAD,
  'a version that is none': BAD,
  'answers twice': HARMLESS,
  'speaks unasked': HARMLESS,
  'gzip that nobody asked for': BAD,
  'gzip that is not announced': BAD,
  // The process's end is in the stream, and in it before the connection's.
  'a length that is too long': ['CONNECTION_LOST', null],
  'a length that is too short': ['BAD_RESPONSE', null],
  'a negative length': BAD,
  'a length in words': BAD,
  'a length past all numbers': BAD,
  'two lengths': BAD,
  'a chunk in words': BAD,
  'a chunk past all numbers': BAD,
  'a chunk that is cut': ['CONNECTION_LOST', null],
  'chunks without the last': ['CONNECTION_LOST', null],
};
// The bytes of a file can be any: nothing in them tells that they are not the right ones.
const FILE_IS_TAKEN = {
  'gzip that is not announced': 'bytes',
  'a length that is too short': 'cut',
};

/** A promise and what resolves it. */
function signal() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

async function settle(promise) {
  return promise.then(
    (value) => ({ value, error: null }),
    (error) => ({ error }),
  );
}

/** Plays the trick on one call; @returns what that came to, and the far end */
async function meet(trick, op, state, given = {}) {
  const far = await hostile();
  const slow = OF_ANY[trick]?.[0] === 'TIMEOUT';
  const client = { ...far.client, requestTimeoutMs: slow ? TIMEOUT_MS : 10_000 };
  if (state === 'warmed') await CALLS.list(client);
  far.requests.splice(0);
  const { promise: read, resolve } = signal();
  far.play(trick, op, { read, ...given });
  const outcome = await settle(CALLS[op](client));
  resolve();
  await far.played;
  return { ...outcome, far, client };
}

async function goesOn(far, client, op) {
  const sent = far.requests.filter((request) => request.op === op).length;
  await expect(CALLS.list({ ...client, requestTimeoutMs: 10_000 })).resolves.toEqual([]);
  await expect(CALLS[op]({ ...client, requestTimeoutMs: 10_000 })).resolves.toEqual(good(op));
  return sent;
}

function check(error, op, code) {
  expect(error).toBeInstanceOf(E2bError);
  const passing = code === 'TIMEOUT' || code === 'CONNECTION_LOST';
  expect(error).toMatchObject({ code, outcome: 'unknown' });
  if (passing) expect(error.retryable).toBe(REPEATABLE[op]);
  else if (!REPEATABLE[op]) expect(error.retryable).toBe(false);
  expect(error.message).not.toContain(open[0].client.apiKey);
}

test('every trick is asserted here, and none that does not exist', () => {
  const asserted = [...Object.keys(OF_ANY), ...Object.keys(OF_STREAM), 'redirects'];
  expect(asserted.sort()).toEqual(Object.keys(TRICKS).sort());
  expect(Object.keys(OF_STREAM).sort()).toEqual([...STREAM_TRICKS].sort());
});

describe.each(Object.keys(CALLS))('%s', (op) => {
  const stream = op === 'start' ? 1 : 0;
  describe.each(['fresh', 'warmed'])('on a %s connection', (state) => {
    test.each(Object.entries(OF_ANY).map(([trick, codes]) => [trick, codes[stream]]))(
      'a far end that plays "%s": %s',
      async (trick, code) => {
        const { error, value, far, client } = await meet(trick, op, state);
        if (op === 'read' && trick in FILE_IS_TAKEN) {
          expect(error).toBeNull();
        } else if (code === null) {
          expect(error).toBeNull();
          expect(value).toEqual(good(op));
        } else {
          check(error, op, code);
        }
        expect(await goesOn(far, client, op)).toBe(1);
      },
    );
  });
});

const OF_STREAM = {
  'a frame past all bounds': ['RESPONSE_TOO_LARGE', 'interrupted'],
  'a frame that is cut': ['CONNECTION_LOST', 'interrupted'],
  'a frame of unknown kind': ['BAD_RESPONSE', 'interrupted'],
  'a compressed frame': ['BAD_RESPONSE', 'interrupted'],
  'a frame that is not JSON': ['BAD_RESPONSE', 'interrupted'],
  'output that is not base64': ['BAD_RESPONSE', 'interrupted'],
  'no end': ['BAD_RESPONSE', 'interrupted'],
  'no start': ['BAD_RESPONSE', 'unknown'],
  'no last frame': [null, null],
  'frames behind the last': [null, null],
  'a page in HTML': ['BAD_RESPONSE', 'unknown'],
  'a stream that is reset': ['CONNECTION_LOST', 'interrupted'],
};

describe('the stream of a process', () => {
  test.each(Object.entries(OF_STREAM).map(([trick, wanted]) => [trick, ...wanted]))(
    'that plays "%s": %s, %s',
    async (trick, code, outcome) => {
      const far = await hostile();
      const { promise: read, resolve } = signal();
      far.play(trick, 'start', { read });
      const { error, value } = await settle(
        CALLS.start({ ...far.client, onStdout: () => resolve() }),
      );
      if (code === null) expect(value).toEqual(good('start'));
      else expect(error).toMatchObject({ code, outcome, retryable: false, sandboxId: 'i1' });
      expect(await goesOn(far, far.client, 'start')).toBe(1);
    },
  );

  test('that is reset keeps what was read', async () => {
    const far = await hostile();
    const { promise: read, resolve } = signal();
    far.play('a stream that is reset', 'start', { read });
    const { error } = await settle(CALLS.start({ ...far.client, onStdout: () => resolve() }));
    expect(error.result).toMatchObject({ pid: 7, stdout: 'seen\n' });
  });
});

describe('a redirect', () => {
  test.each(
    [301, 302, 303, 307, 308].flatMap((status) => Object.keys(CALLS).map((op) => [status, op])),
  )('%i of %s is refused, and nobody follows it', async (status, op) => {
    const elsewhere = await hostile();
    const to = `${elsewhere.url}/v2/sandboxes`;
    const { error, far, client } = await meet('redirects', op, 'fresh', { status, to });
    expect(error).toMatchObject({
      name: 'ProtocolError',
      code: 'REDIRECT_REFUSED',
      outcome: 'rejected',
      retryable: false,
      status,
    });
    expect(error.message).toContain('redirects are not followed');
    expect(elsewhere.connections()).toBe(0);
    expect(await goesOn(far, client, op)).toBe(1);
  });
});

describe('what comes after the answer', () => {
  test('is not taken for the next one, on TLS as well', async () => {
    const authority = createAuthority();
    const far = await hostile({ tls: authority.certify(['127.0.0.1']) });
    const client = { ...far.client, ca: authority.cert };
    const { promise: read, resolve } = signal();
    far.play('speaks unasked', 'create', { read });
    await CALLS.create(client);
    resolve();
    await far.played;
    await expect(CALLS.create(client)).resolves.toMatchObject({ sandboxId: 'i1' });
    expect(far.requests.map(({ op }) => op)).toEqual(['create', 'create']);
    expect(far.connections()).toBe(2);
  });

  test('a request that was not sent on a spoiled connection is sent on a new one, once', async () => {
    const far = await hostile();
    const { promise: read, resolve } = signal();
    far.play('speaks unasked', 'create', { read });
    await CALLS.create(far.client);
    resolve();
    await far.played;
    await CALLS.create(far.client);
    await CALLS.create(far.client);
    const connections = far.requests.map(({ connection }) => connection);
    expect(connections).toEqual([0, 1, 1]);
  });
});

describe('a far end that is started anew', () => {
  test.each(['closes when idle', 'resets when idle'])('and %s: no call is lost', async (trick) => {
    const before = await startHostile();
    const { promise: read, resolve } = signal();
    before.play(trick, 'list', { read });
    await CALLS.list(before.client);
    resolve();
    await before.close();
    const after = await hostile({ port: before.port });
    await expect(CALLS.create(before.client)).resolves.toMatchObject({ sandboxId: 'i1' });
    expect(after.requests.map(({ op }) => op)).toEqual(['create']);
  });

  test('without a goodbye: the call that meets the silence ends in time, the next one works', async () => {
    const far = await hostile();
    await CALLS.list(far.client);
    const [half] = far.open;
    half.pause(); // as a machine that has lost its power: nothing is read, nothing is said
    const client = { ...far.client, requestTimeoutMs: TIMEOUT_MS };
    const { error } = await settle(CALLS.create(client));
    expect(error).toMatchObject({ code: 'TIMEOUT', outcome: 'unknown', retryable: false });
    await expect(CALLS.create(far.client)).resolves.toMatchObject({ sandboxId: 'i1' });
    expect(far.requests.map(({ op }) => op)).toEqual(['list', 'create']);
  });

  test('while nobody listens: refused, not sent, and well when it is back', async () => {
    const before = await startHostile();
    await CALLS.list(before.client);
    await before.close();
    const { error } = await settle(CALLS.create(before.client));
    expect(error).toMatchObject({ code: 'CONNECT_FAILED', outcome: 'not-sent', retryable: true });
    await hostile({ port: before.port });
    await expect(CALLS.create(before.client)).resolves.toMatchObject({ sandboxId: 'i1' });
  });
});
