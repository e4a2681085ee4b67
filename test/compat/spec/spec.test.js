// The checker itself: what is as the interface files say passes, what is not is found, by name.
'use strict';

const { encodeEnvelope } = require('../../../lib/local/envelope');
const { exchangeProblems, specAvailable } = require('.');
const { parseProto } = require('./proto-files');
const { messageProblems } = require('./proto-json');

const PROTO = `
syntax = "proto3";
package p;
// A comment with { braces }.
service S { rpc One(Ask) returns (stream Answer); }
message Ask { optional string cwd = 1; map<string, string> envs = 2; repeated uint32 pids = 3; }
message Answer {
  oneof event { Start start = 1; bytes data = 2; }
  message Start { sint32 exit_code = 1; Kind kind = 2; }
  google.protobuf.Timestamp made_at = 3;
  int64 size = 4;
}
enum Kind { KIND_UNSPECIFIED = 0; KIND_NEW = 1; }
`;
const definitions = parseProto(PROTO);
const found = (type, value) => messageProblems(definitions, type, value);

test('the methods of a service are known by their paths', () => {
  expect([...definitions.methods]).toEqual([
    ['/p.S/One', { input: 'Ask', output: 'Answer', inputStream: false, outputStream: true }],
  ]);
});

test.each([
  ['Ask', {}],
  ['Ask', { cwd: '/', envs: { A: '1' }, pids: [1, 2] }],
  ['Answer', { start: { exitCode: -1, kind: 'KIND_NEW' } }],
  ['Answer', { data: 'aGk=', size: '123', madeAt: '2026-01-01T00:00:00.123Z' }],
])('a good message has no problems: %s %j', (type, value) => {
  expect(found(type, value)).toEqual([]);
});

test.each([
  ['Ask', { cwd: 1 }, 'Ask.cwd is not of the type string'],
  ['Ask', { envs: { A: 1 } }, 'Ask.envs.A is not of the type string'],
  ['Ask', { pids: 1 }, 'Ask.pids is not a list'],
  ['Ask', { pids: [-1] }, 'Ask.pids[0] is not of the type uint32'],
  ['Ask', { other: 1 }, "Ask has no field 'other'"],
  ['Answer', { start: { exit_code: 1 } }, "Answer.start has no field 'exit_code'"],
  ['Answer', { start: { kind: 'KIND_OLD' } }, 'Answer.start.kind is no Kind'],
  ['Answer', { start: {}, data: '' }, 'Answer has start and data of the oneof event'],
  ['Answer', { data: 'a' }, 'Answer.data is not of the type bytes'],
  ['Answer', { size: 1 }, 'Answer.size is not of the type int64'],
  ['Answer', { madeAt: 'now' }, 'Answer.madeAt is not of the type google.protobuf.Timestamp'],
])('a bad message is found: %s %j', (type, value, problem) => {
  expect(found(type, value)).toEqual([problem]);
});

test('what the parser does not know it does not pass over', () => {
  expect(() => parseProto('syntax = "proto3"; extend Foo {}')).toThrow("'extend'");
});

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
const control = (changes) => ({
  ...{ op: 'create', method: 'POST', path: '/v2/sandboxes', query: {}, sandboxId: null },
  ...{ headers: { ...JSON_TYPE, host: '127.0.0.1:1' }, truncated: false, status: 201 },
  ...{ answerHeaders: JSON_TYPE, answerTruncated: false },
  body: Buffer.from(JSON.stringify(changes.asked ?? { templateID: 'base' })),
  answer: Buffer.from(
    JSON.stringify(
      changes.answered ?? {
        ...{ templateID: 't', sandboxID: 'i', clientID: 'c', envdVersion: '0.6.13' },
      },
    ),
  ),
  ...changes,
});
const ERROR = { code: 400, message: 'no' };
const START = [
  encodeEnvelope(0, '{"event":{"start":{"pid":1}}}'),
  encodeEnvelope(0, '{"event":{"end":{"exited":true,"status":"exit status 0"}}}'),
  encodeEnvelope(2, '{}'),
];
const stream = (answer, changes = {}) => ({
  ...{ op: 'start', method: 'POST', path: '/process.Process/Start', query: {}, sandboxId: 'i' },
  headers: {
    ...{ 'content-type': 'application/connect+json', host: '127.0.0.1:1' },
    ...{ 'e2b-sandbox-id': 'i', 'e2b-sandbox-port': '49983' },
  },
  ...{ truncated: false, status: 200, answerTruncated: false },
  answerHeaders: { 'content-type': 'application/connect+json' },
  body: encodeEnvelope(0, '{"process":{"cmd":"true"},"stdin":false}'),
  answer: Buffer.concat(answer),
  ...changes,
});

(specAvailable ? describe : describe.skip)('with the interface files', () => {
  test.each([
    ['a create', control({})],
    ['a bad request that was refused', control({ asked: {}, status: 400, answered: ERROR })],
    ['a stream', stream(START)],
    ['a stream that failed', stream([encodeEnvelope(2, '{"error":{"code":"not_found"}}')])],
    ['a stream that broke off', stream(START.slice(0, 1), { status: null })],
  ])('%s that is as they say has no problems', (_, record) => {
    expect(exchangeProblems(record)).toEqual([]);
  });

  test.each([
    ['an unknown route', control({ path: '/v2/boxes' }), /not in the interface files/],
    ['a body without what is required', control({ asked: {} }), /request: .*templateID/],
    [
      'a field of the older version',
      control({ asked: { templateID: 'b', secure: true } }),
      /secure/,
    ],
    [
      'an answer without its id',
      control({ answered: { templateID: 't' } }),
      /answer 201: .*sandboxID/,
    ],
    ['a status that is not listed', control({ status: 418 }), /status 418/],
    ['a query that is not known', control({ query: { a: '1' } }), /query: a is not/],
    ['an answer of another type', control({ answerHeaders: {} }), /content type/],
    ['a stream without an end', stream(START.slice(0, 2)), /is no end/],
    ['a stream without a start', stream(START.slice(1)), /no start/],
    [
      'an event that there is not',
      stream([encodeEnvelope(0, '{"event":{"begin":{}}}')]),
      /'begin'/,
    ],
    ['a code that there is not', stream([encodeEnvelope(2, '{"error":{"code":"bad"}}')]), /'bad'/],
  ])('%s is found', (_, record, problem) => {
    expect(exchangeProblems(record).join('\n')).toMatch(problem);
  });
});
