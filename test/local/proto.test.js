// The binary codec against the interface files, read by an independent implementation; and the RPCs
// in binary against the same in JSON.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const protobuf = require('protobufjs');
const { decodeEnvelopes, encodeEnvelope } = require('../../lib/local/envelope');
const { ENUMS, MESSAGES, decodeMessage, encodeMessage } = require('../../lib/local/proto');
const { Client } = require('../unit/local/client');
const { withBackend } = require('../helpers/backend');

const SPEC = process.env.E2B_SPEC_DIR ?? path.join(__dirname, '../../../shared/e2b-api');
const hasSpec = fs.existsSync(path.join(SPEC, 'process.proto'));
const withSpec = hasSpec ? describe : describe.skip;
/** Messages that lie inside others there, and beside them here. */
const NESTED = {
  'process.StartEvent': 'process.ProcessEvent.StartEvent',
  'process.DataEvent': 'process.ProcessEvent.DataEvent',
  'process.EndEvent': 'process.ProcessEvent.EndEvent',
  'process.InputStart': 'process.StreamInputRequest.StartEvent',
  'process.InputData': 'process.StreamInputRequest.DataEvent',
};
const ENTRY = {
  ...{ name: 'ä.txt', type: 'FILE_TYPE_FILE', path: '/home/user/ä.txt', size: '9007199254740993' },
  ...{ mode: 420, permissions: '-rw-r--r--', owner: 'user', group: 'user' },
  ...{ modifiedTime: '2026-01-01T00:00:00.123456789Z', symlinkTarget: '', metadata: { a: 'b' } },
};
const SAMPLES = [
  ['process.StartRequest', {}],
  [
    'process.StartRequest',
    {
      process: { cmd: '/bin/bash', args: ['-l', '', 'ü'], envs: { A: '1', B: '' }, cwd: '' },
      ...{ pty: { size: { cols: 80, rows: 4294967295 } }, tag: 't', stdin: false },
    },
  ],
  ['process.StartResponse', { event: { start: { pid: 102 } } }],
  ['process.StartResponse', { event: { data: { stdout: 'AP8=' } } }],
  ['process.StartResponse', { event: { data: { stderr: '' } } }],
  ['process.StartResponse', { event: { keepalive: {} } }],
  ['process.ConnectResponse', { event: { end: { exitCode: -1, status: 'x', error: '' } } }],
  ['process.ConnectResponse', { event: { end: { exitCode: 2147483647, exited: true } } }],
  ['process.SendSignalRequest', { process: { pid: 0 }, signal: 'SIGNAL_SIGKILL' }],
  ['process.SendInputRequest', { process: { tag: 'a' }, input: { pty: 'bHMK' } }],
  ['process.StreamInputRequest', { data: { input: { stdin: 'aGk=' } } }],
  [
    'process.ListResponse',
    {
      processes: [
        { config: { cmd: 'a' }, pid: 1 },
        { pid: 2, tag: '' },
      ],
    },
  ],
  ['filesystem.StatResponse', { entry: ENTRY }],
  ['filesystem.ListDirResponse', { entries: [ENTRY, {}] }],
  [
    'filesystem.WatchDirResponse',
    { filesystem: { name: 'a', type: 'EVENT_TYPE_CHMOD', entry: ENTRY } },
  ],
  ['filesystem.WatchDirRequest', { path: '/', recursive: true, includeEntry: true }],
];

withSpec(
  `the codec agrees with the interface files${hasSpec ? '' : ' (not here: E2B_SPEC_DIR)'}`,
  () => {
    let root;
    beforeAll(() => {
      root = new protobuf.Root();
      for (const name of ['process.proto', 'filesystem.proto']) {
        const text = fs.readFileSync(path.join(SPEC, name), 'utf8');
        protobuf.parse(text.replace(/^import .*$/m, ''), root);
      }
      root.addJSON(protobuf.common.get('google/protobuf/timestamp.proto').nested);
      root.resolveAll();
    });

    test('every message and field of theirs is in the table with its number and type, and no other', () => {
      const isScalar = { string: 1, bytes: 1, bool: 1, uint32: 1, sint32: 1, int64: 1 };
      for (const [name, fields] of Object.entries(MESSAGES)) {
        if (name === 'Empty') continue;
        const type = root.lookupType(NESTED[name] ?? name);
        expect(Object.keys(fields).sort()).toEqual(type.fieldsArray.map((one) => one.name).sort());
        for (const field of type.fieldsArray) {
          const [number, kind, rule = ''] = fields[field.name];
          expect([field.fullName, number]).toEqual([field.fullName, field.id]);
          expect([field.fullName, rule === '*']).toEqual([field.fullName, field.repeated]);
          if (isScalar[field.type] && !field.map) expect(kind).toBe(field.type);
          if (field.map) expect(kind).toBe('map');
          const isOneof = field.partOf && !field.partOf.isProto3Optional;
          expect([field.fullName, rule === '|']).toEqual([field.fullName, Boolean(isOneof)]);
        }
      }
      for (const service of ['process.Process', 'filesystem.Filesystem']) {
        for (const method of root.lookupService(service).methodsArray) {
          const [prefix] = service.split('.');
          expect(MESSAGES).toHaveProperty([`${prefix}.${method.requestType}`]);
          expect(MESSAGES).toHaveProperty([`${prefix}.${method.responseType}`]);
        }
      }
      for (const [name, values] of Object.entries(ENUMS)) {
        expect(values).toEqual(root.lookupEnum(name).values);
      }
    });

    test.each(SAMPLES)('%s %j is read by them, and theirs by us', (name, message) => {
      const type = root.lookupType(name);
      const options = { longs: String, bytes: String, enums: String };
      const plain = (value) => JSON.parse(JSON.stringify(value));
      const theirs = type.toObject(type.decode(encodeMessage(name, message)), options);
      const time = { seconds: '1767225600', nanos: 123456789 };
      const expected = JSON.parse(JSON.stringify(message), (key, value) =>
        key === 'modifiedTime' ? time : value,
      );
      expect(plain(theirs)).toEqual(expected);
      const bytes = Buffer.from(type.encode(type.fromObject(expected)).finish());
      expect(decodeMessage(name, bytes)).toEqual(message);
    });
  },
);

test.each([
  ['a number that is cut off', [0x08, 0x80]],
  ['a number that is too long', [0x08, ...Array(11).fill(0x80)]],
  ['a length beyond the end', [0x0a, 0x05, 0x61]],
  ['a text that is not UTF-8', [0x12, 0x01, 0xff]],
  ['a wrong wire type', [0x0d, 0, 0, 0, 0]],
  ['a group', [0x0b]],
])('%s is a RangeError', (what, bytes) => {
  const decode = () => decodeMessage('process.ProcessSelector', Buffer.from(bytes));
  expect(decode).toThrow(RangeError);
});

test('unknown fields are skipped, and of a oneof the last one is right', () => {
  const bytes = Buffer.from([0x78, 0x01, 0x08, 0x05, 0x12, 0x01, 0x74]);
  expect(decodeMessage('process.ProcessSelector', bytes)).toEqual({ tag: 't' });
});

describe('over the wire', () => {
  const far = withBackend();
  let client;
  let sandbox;

  beforeEach(async () => {
    client = new Client(far.backend);
    sandbox = await client.create();
  });

  const proto = (method, type, message, headers = {}) =>
    client.envd(sandbox, 'POST', method, {
      body: encodeMessage(type, message),
      headers: { 'content-type': 'application/proto', ...headers },
    });

  test('a unary call is answered in binary, and its error in JSON', async () => {
    const answer = await proto('/filesystem.Filesystem/Stat', 'filesystem.StatRequest', {
      path: '/tmp',
    });
    expect(answer.headers['content-type']).toBe('application/proto');
    const { entry } = decodeMessage('filesystem.StatResponse', answer.body);
    expect(entry).toMatchObject({ path: '/tmp', type: 'FILE_TYPE_DIRECTORY' });
    const error = await proto('/filesystem.Filesystem/Stat', 'filesystem.StatRequest', {
      path: '/nope',
    });
    expect([error.status, error.json.code]).toEqual([404, 'not_found']);
    const bad = await client.envd(sandbox, 'POST', '/filesystem.Filesystem/Stat', {
      ...{ body: Buffer.from([0x0a, 0x05]), headers: { 'content-type': 'application/proto' } },
    });
    expect([bad.status, bad.json.code]).toEqual([400, 'invalid_argument']);
  });

  test('a stream is answered in binary up to its last envelope, which is JSON', async () => {
    const message = {
      process: { cmd: '/bin/sh', args: ['-c', 'printf out; exit 3'] },
      stdin: false,
    };
    const answer = await client.envd(sandbox, 'POST', '/process.Process/Start', {
      body: encodeEnvelope(0, encodeMessage('process.StartRequest', message)),
      headers: { 'content-type': 'application/connect+proto' },
    });
    expect(answer.headers['content-type']).toBe('application/connect+proto');
    const envelopes = decodeEnvelopes(answer.body);
    expect(envelopes.pop().payload.toString()).toBe('{}');
    const events = envelopes.map(
      ({ payload }) => decodeMessage('process.StartResponse', payload).event,
    );
    expect(events).toEqual([
      { start: { pid: expect.any(Number) } },
      { data: { stdout: Buffer.from('out').toString('base64') } },
      { end: { exitCode: 3, exited: true, status: 'exit status 3', error: 'exit status 3' } },
    ]);
  });

  test('long unary answers are packed for those who take it, and packed requests are read', async () => {
    await client.run(sandbox, 'for i in $(seq 50); do echo > file-$i; done');
    const body = zlib.gzipSync(JSON.stringify({ path: '/home/user' }));
    const answer = await client.envd(sandbox, 'POST', '/filesystem.Filesystem/ListDir', {
      body,
      headers: {
        ...{ 'content-type': 'application/json', 'content-encoding': 'gzip' },
        'accept-encoding': 'br, gzip',
      },
    });
    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(zlib.gunzipSync(answer.body)).entries.length).toBeGreaterThanOrEqual(50);
    const unpackable = await client.envd(sandbox, 'POST', '/filesystem.Filesystem/ListDir', {
      ...{
        body: '{}',
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      },
    });
    expect([unpackable.status, unpackable.json.code]).toEqual([400, 'invalid_argument']);
  });
});
