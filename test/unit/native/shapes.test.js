'use strict';

// From answers to public shapes.

const shapes = require('../../../lib/native/shapes');

const START = Date.parse('2026-01-01T00:00:00Z');
const detail = (over) => ({
  sandboxID: 'i1',
  templateID: 'tpl',
  alias: 'base',
  startedAt: new Date(START).toISOString(),
  endAt: new Date(START + 100_000).toISOString(),
  cpuCount: 2,
  memoryMB: 512,
  state: 'running',
  metadata: { 'e2b-swarm.name': 'mine', user: 'abc' },
  ...over,
});
const describeAt = (ms, over) => {
  jest.spyOn(Date, 'now').mockReturnValue(START + ms);
  return shapes.describeSandbox(detail(over), 'a test', {});
};

afterEach(() => jest.restoreAllMocks());

test('a detail becomes a status, with the name out of the metadata', () => {
  expect(describeAt(30_400)).toEqual({
    sandboxId: 'i1',
    name: 'mine',
    template: 'base',
    status: 'running',
    health: 'healthy',
    uptime: 30,
    memoryUsage: null,
    cpuUsage: null,
    cpuCount: 2,
    memoryMb: 512,
    executionCount: 0,
    lastActivity: null,
    startedAt: '2026-01-01T00:00:00.000Z',
    endsAt: '2026-01-01T00:01:40.000Z',
    metadata: { 'e2b-swarm.name': 'mine', user: 'abc' },
  });
});

test.each([
  [90_000, 'healthy'],
  [90_001, 'degraded'],
  [100_000, 'degraded'],
  [100_001, 'unhealthy'],
])('after %i of 100,000 ms it is %s', (ms, health) => {
  expect(describeAt(ms).health).toBe(health);
});

test('a paused one is stopped and degraded, and its time stands still', () => {
  const status = describeAt(500_000, { state: 'paused' });
  expect(status).toMatchObject({ status: 'stopped', health: 'degraded', uptime: 100 });
});

test('a clock that is behind gives no negative uptime', () => {
  expect(describeAt(-5_000).uptime).toBe(0);
});

test('what a foreign sandbox does not have is null', () => {
  const bare = { sandboxID: 'i2', state: 'running' };
  expect(shapes.describeSandbox(bare, 'a test', {})).toMatchObject({
    name: null,
    template: null,
    uptime: 0,
    startedAt: null,
    endsAt: null,
    cpuCount: null,
    metadata: {},
    health: 'healthy',
  });
});

test('metrics become MB and percent', () => {
  const metrics = JSON.stringify({ mem_used: 157_286_400, cpu_used_pct: 12.5 });
  const status = shapes.sandboxStatus(JSON.stringify(detail()), metrics, undefined, 'i1', 200);
  expect(status).toMatchObject({ memoryUsage: 150, cpuUsage: 12.5, logs: [] });
});

test('a daemon that does not answer makes a running one an error', () => {
  const status = shapes.sandboxStatus(JSON.stringify(detail()), undefined, 'TIMEOUT', 'i1', 200);
  expect(status).toMatchObject({ status: 'error', health: 'unhealthy', memoryUsage: null });
});

test.each([
  ['nothing', undefined],
  ['HTML', '<html>'],
  ['a list', '[]'],
  ['null', 'null'],
  ['no id', '{"state":"running"}'],
  ['a state that is none', '{"sandboxID":"i","state":"pausing"}'],
])('%s as a status is a BAD_RESPONSE of unknown outcome', (_, body) => {
  expect(() => shapes.sandboxStatus(body, undefined, undefined, 'i1', 200)).toThrow(
    expect.objectContaining({
      name: 'ProtocolError',
      code: 'BAD_RESPONSE',
      outcome: 'unknown',
      retryable: true,
      status: 200,
      sandboxId: 'i1',
    }),
  );
});

test('a create that names no sandbox is not to be repeated', () => {
  expect(() => shapes.createdSandbox('{}', {}, null, 201)).toThrow(
    expect.objectContaining({ code: 'BAD_RESPONSE', retryable: false, status: 201 }),
  );
});

test('lists may be below a key, and absent means empty', () => {
  expect(shapes.listOf('{}', 'entries', 'a test', {})).toEqual([]);
  expect(shapes.listOf('{"entries":[{"a":1}]}', 'entries', 'a test', {})).toEqual([{ a: 1 }]);
  expect(() => shapes.listOf('{"entries":[1]}', 'entries', 'a test', {})).toThrow('not a list');
  expect(() => shapes.listOf('{}', null, 'a test', {})).toThrow('not a list');
});

test('an entry of a folder keeps what it says, and has a size', () => {
  const entry = { name: 'a', path: '/h/a', type: 'FILE_TYPE_FILE', size: '12', mode: 420 };
  expect(shapes.fileInfo(entry)).toMatchObject({ type: 'file', size: 12, mode: 420, owner: null });
  expect(shapes.fileInfo({ name: 'x' })).toMatchObject({ type: null, size: 0 });
});
