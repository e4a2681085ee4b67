'use strict';

// Far ends that end streams and connections of HTTP/2 in every way there is (test/helpers/
// http2-far-end): what was provably not looked at is sent again, nothing else ever is; and one bad
// connection never harms the calls that come later.

const native = require('../../lib');
const { E2bError } = require('../../lib/errors');
const { waitFor } = require('../helpers/backend');
const { CONNECTION_TRICKS, REQUEST_TRICKS, startHttp2FarEnd } = require('../helpers/http2-far-end');

const open = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((far) => far.close()));
});
async function farEnd(options) {
  const far = await startHttp2FarEnd(options);
  open.push(far);
  return far;
}

const CALLS = {
  list: (client) => native.listE2bSandboxes('all', client),
  create: (client) => native.createE2bSandbox('a', 'base', 60, undefined, undefined, client),
  start: (client) => native.executeE2bProcess('i1', 'true', null, 30, true, client),
};
const OPS = Object.keys(CALLS);
const GOOD = {
  list: [],
  create: expect.objectContaining({ sandboxId: 'i1' }),
  start: expect.objectContaining({ stdout: 'seen\n', exitCode: 0 }),
};
const STATES = ['new', 'warmed'];
const each = (tricks) => tricks.flatMap((trick) => STATES.map((state) => [trick, state]));

const ANSWERED = [
  'goes away after the answer',
  'says that it will go away, and answers',
  'adds trailers like a head',
];
const ENDLESS = ['adds trailers without end'];
const PROVEN = [
  'refuses the stream',
  'goes away before the stream',
  'goes away before the stream, and closes',
  'is not calm, before the stream',
];
const LATE = ['says nothing'];
const LOST = Object.keys(REQUEST_TRICKS).filter(
  (trick) => ![...ANSWERED, ...ENDLESS, ...PROVEN, ...LATE].includes(trick),
);

/** A far end whose credentials the client has, and whose connection is used or gone. */
async function prepared(state, options) {
  const far = await farEnd(options);
  await CALLS.create(far.client);
  if (state === 'new') {
    far.restart(['h2']);
    await waitFor(() => far.open.size === 0);
  }
  far.requests.splice(0);
  return far;
}

async function settle(promise) {
  return promise.then(
    (value) => ({ value, error: null }),
    (error) => ({ value: null, error }),
  );
}

describe.each(OPS)('%s', (op) => {
  test.each(each(PROVEN))(
    '%s, %s: it was not looked at, and is sent again',
    async (trick, state) => {
      const far = await prepared(state);
      far.play(trick, op);
      await expect(CALLS[op](far.client)).resolves.toEqual(GOOD[op]);
      expect(far.count(op)).toBe(2);
      await expect(CALLS[op](far.client)).resolves.toEqual(GOOD[op]);
      expect(far.count(op)).toBe(3);
    },
  );

  test.each(each(ANSWERED))('%s, %s: no harm', async (trick, state) => {
    const far = await prepared(state);
    far.play(trick, op);
    await expect(CALLS[op](far.client)).resolves.toEqual(GOOD[op]);
    await expect(CALLS[op](far.client)).resolves.toEqual(GOOD[op]);
    expect(far.count(op)).toBe(2);
  });

  test.each(each(LOST))(
    '%s, %s: unknown, never sent again, and the next call succeeds',
    async (trick, state) => {
      const far = await prepared(state);
      far.play(trick, op);
      const { error } = await settle(CALLS[op](far.client));
      expect(error).toBeInstanceOf(E2bError);
      expect(error).toMatchObject({ outcome: 'unknown', retryable: op === 'list' });
      expect(['CONNECTION_LOST', 'BAD_RESPONSE', 'TLS_FAILED']).toContain(error.code);
      expect(far.count(op)).toBe(1);
      await expect(CALLS[op](far.client)).resolves.toEqual(GOOD[op]);
    },
  );
});

describe.each(['list', 'create'])('%s', (op) => {
  test.each(each(ENDLESS))(
    '%s, %s: given up before the deadline, and once',
    async (trick, state) => {
      const far = await prepared(state);
      far.play(trick, op);
      const { error } = await settle(CALLS[op](far.client));
      expect(error).toMatchObject({ outcome: 'unknown', retryable: op === 'list' });
      expect(['CONNECTION_LOST', 'BAD_RESPONSE', 'RESPONSE_TOO_LARGE']).toContain(error.code);
      await expect(CALLS[op](far.client)).resolves.toEqual(GOOD[op]);
      expect(far.count(op)).toBe(2);
    },
  );

  test('is refused again and again: given up after a few times, as not sent', async () => {
    const far = await prepared('warmed');
    for (let i = 0; i < 4; i++) far.play('refuses the stream', op);
    await expect(CALLS[op](far.client)).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      outcome: 'not-sent',
      retryable: true,
      message: expect.stringContaining('the far end refused to look at the request'),
    });
    expect(far.count(op)).toBe(4);
    await expect(CALLS[op](far.client)).resolves.toEqual(GOOD[op]);
  });

  test('is not answered: late, and the next call goes another way', async () => {
    const far = await prepared('warmed');
    far.play('says nothing', op);
    const late = CALLS[op]({ ...far.client, requestTimeoutMs: 100 });
    await expect(late).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' });
    await expect(CALLS[op](far.client)).resolves.toEqual(GOOD[op]);
    expect(far.count(op)).toBe(2);
  });
});

test('a body is never sent twice by libcurl itself, over HTTP/2 on a warmed connection', async () => {
  const far = await prepared('warmed');
  far.play('drops the connection', 'create');
  const created = CALLS.create(far.client);
  await expect(created).rejects.toMatchObject({ code: 'CONNECTION_LOST', outcome: 'unknown' });
  expect(far.count('create')).toBe(1);
});

test('a request without a body is not sent twice by libcurl itself either', async () => {
  const far = await prepared('warmed');
  far.play('drops the connection', 'list');
  await expect(CALLS.list(far.client)).rejects.toMatchObject({ outcome: 'unknown' });
  expect(far.count('list')).toBe(1);
});

test('a goodbye in the middle of many: those before it are answered, those after it sent again', async () => {
  const far = await prepared('warmed');
  far.hold();
  const early = Array.from({ length: 20 }, () => CALLS.start(far.client));
  await waitFor(() => far.held.length === 20);
  const [[first, last]] = far.held.slice(-1);
  const late = Array.from({ length: 20 }, () => CALLS.create(far.client));
  for (let i = 0; i < 20; i++) far.play('says nothing', 'create');
  await waitFor(() => far.count('create') === 20);
  first.goaway(Math.max(last, ...far.held.map(([, stream]) => stream)), 0);
  for (const created of await Promise.all(late)) expect(created).toEqual(GOOD.create);
  expect(far.count('create')).toBe(40);
  far.release();
  for (const end of await Promise.all(early)) expect(end).toEqual(GOOD.start);
  expect(far.count('start')).toBe(20);
});

test.each([
  ['reset', (peer, stream) => peer.reset(stream, 2)],
  ['cut', (peer) => peer.socket.destroy()],
])('a stream that is %s after its process has begun is interrupted', async (_, end) => {
  const far = await prepared('warmed');
  far.hold();
  let begun;
  const seen = new Promise((resolve) => (begun = resolve));
  const run = native.executeE2bProcess('i1', 'true', null, 30, true, {
    ...far.client,
    onStdout: begun,
  });
  const failed = expect(run).rejects.toMatchObject({ outcome: 'interrupted', retryable: false });
  await waitFor(() => far.held.length === 1);
  const [[peer, stream]] = far.held.splice(0);
  far.print(peer, stream, 'a line\n');
  await seen;
  end(peer, stream);
  await failed;
  expect(far.count('start')).toBe(1);
  await expect(CALLS.create(far.client)).resolves.toEqual(GOOD.create);
});

test('a connection that dies with fifty streams interrupts each of them, and no later call', async () => {
  const far = await prepared('warmed');
  far.hold();
  const runs = Array.from({ length: 50 }, () => settle(CALLS.start(far.client)));
  await waitFor(() => far.held.length === 50);
  far.restart(['h2']);
  far.held.splice(0);
  for (const { error } of await Promise.all(runs)) {
    expect(error).toMatchObject({ code: 'CONNECTION_LOST', retryable: false });
    expect(['interrupted', 'unknown']).toContain(error.outcome);
  }
  expect(far.count('start')).toBe(50);
  await expect(CALLS.list(far.client)).resolves.toEqual([]);
});

describe('from the beginning of a connection', () => {
  const HARMLESS = ['allows no stream', 'allows one stream'];
  test.each(HARMLESS)('%s: the calls are answered', async (trick) => {
    const far = await farEnd();
    far.playOnConnection(trick);
    await expect(CALLS.create(far.client)).resolves.toEqual(GOOD.create);
    await expect(
      CALLS.list({ ...far.client, requestTimeoutMs: 500 }).catch((e) => e.code),
    ).resolves.toEqual(trick === 'allows no stream' ? 'TIMEOUT' : []);
    await expect(CALLS.list(far.client)).resolves.toEqual([]);
  });

  const HASTY = 'answers large bodies before their end';
  const HASTIEST = 'answers bodies before they come';
  const BODY = Buffer.alloc(500_000, 'x');
  const SOURCES = [
    ['a buffer', () => BODY, {}],
    ['an iterable', () => [BODY], { size: BODY.length }],
    ['an iterable of unknown size', () => [BODY], {}],
  ];
  test.each(SOURCES)(`${HASTY}: %s is written all the same`, async (_, source, options) => {
    const far = await farEnd();
    far.playOnConnection(HASTY);
    await CALLS.create(far.client);
    const given = { ...far.client, ...options, requestTimeoutMs: 3_000 };
    for (let i = 0; i < 20; i++) {
      const written = native.writeE2bFile('i1', '/f', source(), given);
      await expect(written).resolves.toMatchObject({ path: '/home/user/a' });
    }
    await expect(CALLS.list(far.client)).resolves.toEqual([]);
    expect(far.connections()).toBe(1);
  });

  // In each a neighbour runs on the same connection, and goes on.
  const REFUSING = {
    'refuses large bodies': { code: 'DISK_FULL', outcome: 'rejected', status: 507 },
    // libcurl 7.88 throws away an answer that it reads together with such a reset.
    'refuses large bodies, and resets them': {
      code: 'CONNECTION_LOST',
      outcome: 'unknown',
      status: null,
      message: expect.stringContaining("the far end answered before the request's end"),
    },
  };
  const refusals = Object.keys(REFUSING).flatMap((trick) => SOURCES.map((one) => [trick, ...one]));
  test.each(refusals)('%s: %s, and its neighbours go on', async (trick, _, source, options) => {
    const far = await farEnd();
    far.playOnConnection(trick);
    await CALLS.create(far.client);
    far.hold();
    const run = CALLS.start(far.client);
    await waitFor(() => far.held.length === 1);
    for (let i = 0; i < 3; i++) {
      const written = native.writeE2bFile('i1', '/f', source(), { ...far.client, ...options });
      await expect(written).rejects.toMatchObject(REFUSING[trick]);
      await expect(CALLS.list(far.client)).resolves.toEqual([]);
    }
    far.release();
    await expect(run).resolves.toEqual(GOOD.start);
    expect(far.connections()).toBe(1);
  });

  // The answer must be there between the head of the request and its body: it is, now and then.
  test(`${HASTIEST}: every create is answered`, async () => {
    const far = await farEnd();
    const client = { ...far.client, requestTimeoutMs: 3_000 };
    for (let i = 0; i < 150; i++) {
      far.playOnConnection(HASTIEST);
      await CALLS.create(client);
      far.restart(['h2']);
      await waitFor(() => far.open.size === 0, { intervalMs: 1 });
    }
  });

  const BROKEN = ['goes away at once', 'never sends settings', 'speaks no HTTP/2', 'stops reading'];
  test.each(BROKEN)('%s: the call fails, the next one succeeds', async (trick) => {
    const far = await farEnd();
    far.playOnConnection(trick);
    // Time enough for the trick to be played, also on a machine that is busy.
    const { error } = await settle(CALLS.create({ ...far.client, requestTimeoutMs: 2_000 }));
    if (error) expect(error).toBeInstanceOf(E2bError);
    const sent = far.count('create');
    expect(sent).toBeLessThanOrEqual(error ? 1 : 2);
    await expect(CALLS.create(far.client)).resolves.toEqual(GOOD.create);
  });

  test('every trick is played here', () => {
    const played = [...HARMLESS, HASTY, HASTIEST, ...Object.keys(REFUSING), ...BROKEN];
    expect(played.sort()).toEqual(Object.keys(CONNECTION_TRICKS).sort());
  });
});
