// Faults of messages, lengths, clocks and versions: what arrives is what the rule says, and only once.
'use strict';

const { decodeEnvelopes, encodeEnvelope } = require('../../lib/local/envelope');
const { Client } = require('../unit/local/client');
const { waitFor, withBackend } = require('../helpers/backend');

const far = withBackend();
const START = '/process.Process/Start';
const shell = (line) => ({ process: { cmd: '/bin/bash', args: ['-c', line] }, stdin: false });
let client;
let sandbox;

beforeEach(async () => {
  client = new Client(far.backend);
  sandbox = await client.create();
});

const fault = (op, action, more = {}) => far.backend.faults.add({ op, action, n: 1, ...more });

/** The envelopes of a command's stream, their payloads as text. */
async function payloads(line = 'echo out') {
  const { body } = await client.envd(sandbox, 'POST', START, {
    body: encodeEnvelope(0, JSON.stringify(shell(line))),
    headers: { 'content-type': 'application/connect+json' },
  });
  return decodeEnvelopes(body).map(({ flags, payload }) => [flags, payload.toString()]);
}

const kinds = (envelopes) =>
  envelopes.map(([flags, text]) => (flags === 2 ? 'last' : Object.keys(JSON.parse(text).event)[0]));

test.each([
  ['nothing', null, ['start', 'data', 'end', 'last']],
  ['drop', 'drop', ['start', 'end', 'last']],
  ['duplicate', 'duplicate', ['start', 'data', 'data', 'end', 'last']],
  ['no-end', 'no-end', ['start', 'data', 'last']],
  ['late-data', 'late-data', ['start', 'end', 'data', 'last']],
  [
    'duplicate from the first',
    { type: 'duplicate', afterEvents: 0 },
    [...['start', 'start', 'data', 'end', 'last']],
  ],
])('%s', async (name, action, expected) => {
  if (action) fault('stream', action);
  expect(kinds(await payloads())).toEqual(expected);
  expect(far.backend.faults.hits).toHaveLength(action ? 1 : 0);
  expect(kinds(await payloads())).toEqual(['start', 'data', 'end', 'last']);
});

test('garbage is an envelope whose JSON breaks off, and the stream goes on', async () => {
  fault('stream', 'garbage');
  const envelopes = await payloads();
  expect(() => JSON.parse(envelopes[1][1])).toThrow(SyntaxError);
  expect(kinds(envelopes.slice(2))).toEqual(['end', 'last']);
});

test('corrupt is an envelope of the right length with flags that mean nothing', async () => {
  fault('stream', 'corrupt');
  const envelopes = await payloads();
  expect(envelopes[1][0]).toBe(0x40);
  expect(kinds(envelopes.slice(2))).toEqual(['end', 'last']);
});

test('wrong-length reaches into the next envelope', async () => {
  fault('stream', 'wrong-length');
  const { body } = await client.envd(sandbox, 'POST', START, {
    body: encodeEnvelope(0, JSON.stringify(shell('echo out'))),
    headers: { 'content-type': 'application/connect+json' },
  });
  expect(() => decodeEnvelopes(body)).toThrow(RangeError);
});

test('huge is a data event of so many bytes', async () => {
  fault('stream', { type: 'huge', bytes: 1_000_000 });
  const envelopes = await payloads();
  expect(JSON.parse(envelopes[1][1]).event.data.stdout).toHaveLength(1_000_000);
});

test.each([
  ['end', null],
  ['reset', 'ECONNRESET'],
])('a cut between two envelopes by %s leaves whole envelopes', async (how, error) => {
  fault('stream', { type: 'cut', how, where: 'between', afterEvents: 2 });
  const answer = await client.stream(sandbox, START, shell('echo out; sleep 100'));
  expect(answer.error).toBe(error);
  expect(decodeEnvelopes(answer.body)).toHaveLength(2);
});

test('disk-full is envd’s 507', async () => {
  fault('files.post', 'disk-full');
  const answer = await client.envd(sandbox, 'POST', '/files?path=a', {
    ...{ body: 'x', headers: { 'content-type': 'application/octet-stream' } },
  });
  expect([answer.status, answer.json]).toEqual([
    507,
    { code: 507, message: 'not enough disk space available' },
  ]);
});

test('a status may have words of its own', async () => {
  fault('create', { status: 503, message: 'no room', errorCode: 'sandbox_capacity_unavailable' });
  const { json } = await client.control('POST', '/v2/sandboxes', { templateID: 'base' });
  expect(json).toEqual({
    ...{ code: 503, message: 'no room', error_code: 'sandbox_capacity_unavailable' },
  });
});

test('version names another envd, and nothing else changes', async () => {
  fault('create', { type: 'version', envdVersion: '0.0.9' });
  const first = await client.control('POST', '/v2/sandboxes', { templateID: 'base' });
  const second = await client.control('POST', '/v2/sandboxes', { templateID: 'base' });
  expect([first.json.envdVersion, second.json.envdVersion]).toEqual(['0.0.9', '0.6.13']);
});

test('clock moves the end of the sandbox, and a jump past it ends it', async () => {
  const endAt = async () => (await client.control('GET', `/sandboxes/${sandbox.id}`)).json.endAt;
  const before = Date.parse(await endAt());
  fault('get', { type: 'clock', byMs: 60_000 });
  expect(Date.parse(await endAt())).toBe(before + 60_000);
  fault('health', { type: 'clock', byMs: -10_000_000 });
  await client.envd(sandbox, 'GET', '/health');
  await waitFor(() => far.backend.sandboxes().length === 0);
});

test('crash leaves a sandbox of which only the control plane still tells', async () => {
  const stream = client.stream(sandbox, START, shell('sleep 100'));
  await waitFor(() => far.backend.sandboxes()[0].processes.length === 1);
  fault('health', 'crash');
  expect((await client.envd(sandbox, 'GET', '/health')).status).toBe(502);
  expect((await stream).error).toBe('ECONNRESET');
  const { json } = await client.control('GET', `/sandboxes/${sandbox.id}`);
  expect(json.state).toBe('running');
  expect((await client.envd(sandbox, 'GET', '/health')).status).toBe(502);
  expect((await client.control('DELETE', `/sandboxes/${sandbox.id}`)).status).toBe(204);
});

test('slow-body sends the head at once and the body in pieces', async () => {
  fault('list', { type: 'slow-body', delayMs: 1, chunkBytes: 50 });
  const pieces = [];
  const answer = await client.control('GET', '/v2/sandboxes', undefined, {
    onResponse: (response) => response.on('data', (chunk) => pieces.push(chunk.length)),
  });
  expect(JSON.parse(answer.body)).toHaveLength(1);
  expect(pieces.length).toBeGreaterThan(3);
});

test('wrong-length of an answer announces more than comes', async () => {
  fault('list', 'wrong-length');
  const answer = await client.control('GET', '/v2/sandboxes');
  expect(answer.error).toBe('ECONNRESET');
  expect(Number(answer.headers['content-length'])).toBe(answer.body.length + 7);
});

test('garbage of an answer is JSON that breaks off, with its proper length', async () => {
  fault('get', 'garbage');
  const answer = await client.control('GET', `/sandboxes/${sandbox.id}`);
  expect([answer.status, answer.error, answer.json]).toEqual([200, null, null]);
  expect(answer.body.length).toBeGreaterThan(0);
});

test('with p the same seed strikes the same requests, and another seed others', async () => {
  const strikes = async (seed) => {
    const rule = far.backend.faults.add({ op: 'get', p: 0.5, seed, action: { status: 500 } });
    const statuses = [];
    for (let i = 0; i < 30; i += 1) {
      statuses.push((await client.control('GET', `/sandboxes/${sandbox.id}`)).status);
    }
    rule.remove();
    return statuses.join();
  };
  const [one, again, other] = [await strikes(7), await strikes(7), await strikes(8)];
  expect(one).toBe(again);
  expect(one).not.toBe(other);
  expect(one).toMatch(/200/);
  expect(one).toMatch(/500/);
});

test.each([
  { type: 'clock' },
  { type: 'version' },
  { type: 'slow-body' },
  { type: 'huge', bytes: 0 },
  { type: 'cut', where: 'above' },
  { type: 'drop', how: 'end' },
])('%j is refused', (action) => {
  expect(() => far.backend.faults.add({ op: '*', action })).toThrow(TypeError);
});
