'use strict';

// HTTP/2 through the real addon: many calls on few connections where it is spoken, as many connections
// as it takes where it is not; and calls that share a connection leave one another alone.

const native = require('../../lib');
const { waitFor } = require('../helpers/backend');
const { startSilentPort } = require('../helpers/hostile/silent-port');
const { startHttp2FarEnd } = require('../helpers/http2-far-end');

const open = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((far) => far.close()));
});
async function farEnd(options) {
  const far = await startHttp2FarEnd(options);
  open.push(far);
  return far;
}

const H2 = ['h2'];
const OLD = ['http/1.1'];
const MOST = 10;
const list = ({ client }) => native.listE2bSandboxes('all', client);
const create = ({ client }, options = {}) =>
  native.createE2bSandbox('a', 'base', 60, undefined, undefined, { ...client, ...options });
const start = ({ client }, options = {}) =>
  native.executeE2bProcess('i1', 'true', null, 30, true, { ...client, ...options });
const times = (count, call, ...args) => Array.from({ length: count }, () => call(...args));

/** Starts that run at the same time, until `far.release()`; @returns what they will have come to */
async function running(far, count) {
  far.hold();
  const calls = times(count, start, far);
  const all = Promise.all(calls);
  all.catch(() => {}); // whoever waits for it is told
  await waitFor(() => far.held.length === count, { timeoutMs: 15_000 });
  return { all };
}

describe('how many connections', () => {
  test('eleven hundred streams at once, 128 to a connection, share at most ten', async () => {
    const far = await farEnd({ maxStreams: 128 });
    await create(far);
    const { all } = await running(far, 1100);
    expect(far.connections()).toBeLessThanOrEqual(MOST);
    far.release();
    const ends = await await all;
    expect(ends.every(({ stdout, exitCode }) => stdout === 'seen\n' && exitCode === 0)).toBe(true);
    expect(far.count('start')).toBe(1100);
  }, 40_000);

  test('a hundred calls at once share one', async () => {
    const far = await farEnd();
    await Promise.all(times(100, list, far));
    expect(far.connections()).toBe(1);
    await Promise.all(times(100, list, far));
    expect(far.connections()).toBe(1);
  });

  test('where a connection carries one stream at a time, more calls than ten wait their turn', async () => {
    const far = await farEnd({ maxStreams: 1 });
    await Promise.all(times(100, list, far));
    expect(far.connections()).toBeLessThanOrEqual(MOST);
    expect(far.count('list')).toBe(100);
  });

  test.each([
    ['over TLS', { protocols: OLD }],
    ['without TLS', { secure: false }],
  ])('a far end of HTTP/1.1 %s is never starved: each stream has its own', async (_, options) => {
    const far = await farEnd(options);
    await create(far);
    const { all } = await running(far, 60);
    far.release();
    await await all;
    expect(far.connections()).toBeGreaterThanOrEqual(60);
  });

  test('calls to an unknown far end of HTTP/1.1 do not wait for one another', async () => {
    const far = await farEnd({ protocols: OLD });
    await create(far); // the credentials
    const other = await farEnd({ protocols: OLD });
    const client = { ...far.client, sandboxUrl: other.url, ca: far.client.ca + other.client.ca };
    await create({ client });
    other.hold();
    const all = times(30, start, { client });
    await waitFor(() => other.held.length === 30);
    other.release();
    await Promise.all(all);
  });

  test('a far end of each kind in the same process: each has what it needs', async () => {
    const [young, old] = [await farEnd({ maxStreams: 20 }), await farEnd({ protocols: OLD })];
    await Promise.all([create(young), create(old)]);
    const both = await Promise.all([running(young, 150), running(old, 40)]);
    expect(young.connections()).toBeLessThanOrEqual(MOST);
    expect(old.connections()).toBeGreaterThanOrEqual(40);
    young.release();
    old.release();
    await Promise.all(both.map(({ all }) => all));
  });

  test('a far end that spoke HTTP/2 before its restart, and does no more, is not starved', async () => {
    const far = await farEnd();
    await create(far);
    await Promise.all(times(20, list, far));
    far.restart(OLD);
    await waitFor(() => far.open.size === 0);
    const { all } = await running(far, 40);
    far.release();
    await await all;
  });

  test('a far end that speaks HTTP/2 since its restart is spared from then on', async () => {
    const far = await farEnd({ protocols: OLD });
    await create(far);
    far.restart(H2);
    await waitFor(() => far.open.size === 0);
    const before = far.connections();
    await list(far);
    await Promise.all(times(100, list, far));
    expect(far.connections() - before).toBeLessThanOrEqual(2);
  });
});

describe('who shares a connection', () => {
  test('a stream that is cancelled is reset, and its neighbours go on', async () => {
    const far = await farEnd();
    await create(far);
    far.hold();
    const controller = new AbortController();
    const cancelled = start(far, { signal: controller.signal });
    const refused = expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
    await waitFor(() => far.held.length === 1);
    const [[peer, stream]] = far.held.splice(0);
    const neighbours = Promise.all(times(3, start, far));
    await waitFor(() => far.held.length === 3);
    controller.abort();
    await refused;
    await waitFor(() => peer.resets.includes(stream));
    far.release();
    for (const end of await neighbours) expect(end).toMatchObject({ stdout: 'seen\n' });
    expect(far.connections()).toBe(1);
  });

  test('a call that is late is reset, and its neighbours go on', async () => {
    const far = await farEnd();
    await create(far);
    far.hold();
    const neighbours = Promise.all(times(3, start, far));
    await waitFor(() => far.held.length === 3);
    far.play('says nothing', 'create');
    await expect(create(far, { requestTimeoutMs: 100 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      outcome: 'unknown',
    });
    const { stream } = far.requests.at(-1);
    await waitFor(() => far.peers[0].resets.includes(stream));
    far.release();
    for (const end of await neighbours) expect(end).toMatchObject({ stdout: 'seen\n' });
    expect(far.connections()).toBe(1);
  });
});

// While a connection is being made the engine looks at it now and then. libcurl, made to look at
// everything, loses the wake-up of a call for which another one has read when a third one begins.
test('calls that share connections are all answered while another one is being made', async () => {
  const far = await farEnd({ maxStreams: 20 });
  const silent = await startSilentPort('127.0.0.67');
  open.push(silent);
  const url = `https://127.0.0.67:${silent.port}`;
  const over = new AbortController();
  const late = list({ client: { ...far.client, apiUrl: url, requestTimeoutMs: 4_000 } })
    .catch(({ code }) => code)
    .finally(() => over.abort());
  while (!over.signal.aborted) await Promise.all(times(300, list, far));
  await expect(late).resolves.toBe('TIMEOUT');
}, 30_000);
