// Filters, order and pages of the list; the encoding of metadata in its query.
'use strict';

const {
  decodeMetadataFilter,
  listPage,
  parseListQuery,
} = require('../../../lib/local/sandbox-list');

const noTemplate = () => undefined;
const sandbox = (id, startedAt, metadata = {}, templateId = 't1', state = 'running') => ({
  ...{ id, startedAt, metadata, templateId, state },
});

function list(sandboxes, query) {
  return listPage(sandboxes, parseListQuery(new URLSearchParams(query), noTemplate));
}

test('the SDK encodes keys and values twice, and the filter reads that', () => {
  const query = new URLSearchParams('metadata=user%3Dabc%26app%252520name%3Da%252526b%25253Dc');
  expect(decodeMetadataFilter(query.get('metadata'))).toEqual([
    ['user', 'abc'],
    ['app name', 'a&b=c'],
  ]);
});

test('plain values may be encoded once', () => {
  const query = new URLSearchParams('metadata=e2b-swarm.token%3D0f3a-77');
  expect(decodeMetadataFilter(query.get('metadata'))).toEqual([['e2b-swarm.token', '0f3a-77']]);
});

test('a malformed filter is a 400', () => {
  expect(() => decodeMetadataFilter('a=%E0%A4%A')).toThrow(
    expect.objectContaining({ status: 400, message: expect.stringContaining('metadata') }),
  );
});

test('all pairs of a filter must match exactly', () => {
  const all = [
    sandbox('a', 1, { x: '1', y: '2' }),
    sandbox('b', 2, { x: '1' }),
    sandbox('c', 3, { x: '11', y: '2' }),
  ];
  const ids = (query) => list(all, query).page.map(({ id }) => id);
  expect(ids({ metadata: 'x=1&y=2' })).toEqual(['a']);
  expect(ids({ metadata: 'x=1' })).toEqual(['b', 'a']);
  expect(ids({ metadata: 'constructor=' })).toEqual([]);
});

test('newest come first unless asked otherwise', () => {
  const all = [sandbox('a', 1), sandbox('b', 3), sandbox('c', 2)];
  expect(list(all, {}).page.map(({ id }) => id)).toEqual(['b', 'c', 'a']);
  expect(list(all, { order: 'asc' }).page.map(({ id }) => id)).toEqual(['a', 'c', 'b']);
});

test.each(['asc', 'desc'])(
  'pages in %s order visit every sandbox once, also of equal times',
  (order) => {
    const all = Array.from({ length: 25 }, (_, i) => sandbox(`s${i}`, Math.floor(i / 10)));
    const seen = [];
    let nextToken = null;
    do {
      const query = { order, limit: '7', ...(nextToken ? { nextToken } : {}) };
      const answer = list(all, query);
      expect(answer.totalRunning).toBe(25);
      seen.push(...answer.page.map(({ id }) => id));
      nextToken = answer.nextToken;
    } while (nextToken);
    expect(seen).toHaveLength(25);
    expect(new Set(seen).size).toBe(25);
  },
);

test('a page that ends exactly at the last sandbox has no token', () => {
  const all = [sandbox('a', 1), sandbox('b', 2)];
  expect(list(all, { limit: '2' }).nextToken).toBeNull();
  expect(list(all, { limit: '1' }).nextToken).not.toBeNull();
});

test('a token goes with the order it was made for', () => {
  const { nextToken } = list([sandbox('a', 1), sandbox('b', 2)], { limit: '1' });
  expect(() => list([], { nextToken, order: 'asc' })).toThrow('Invalid next token');
  expect(() => list([], { nextToken: 'garbage' })).toThrow('Invalid next token');
});

test('startedAfter includes the very time', () => {
  const all = [sandbox('a', 1000), sandbox('b', 2000)];
  const query = { startedAfter: new Date(2000).toISOString() };
  expect(list(all, query).page.map(({ id }) => id)).toEqual(['b']);
});

test('states are asked for one by one, and only running ones are counted', () => {
  const all = [sandbox('a', 1), sandbox('b', 2, {}, 't1', 'paused')];
  const ids = ({ page }) => page.map(({ id }) => id);
  const paused = list(all, { state: 'paused' });
  expect([ids(paused), paused.totalRunning]).toEqual([['b'], null]);
  const both = list(all, { state: 'paused,running' });
  expect([ids(both), both.totalRunning]).toEqual([['b', 'a'], 1]);
});

test.each([
  { limit: '0' },
  { limit: '101' },
  { limit: 'x' },
  { order: 'up' },
  { state: 'starting' },
  { startedAfter: 'yesterday' },
  { template: 'base:v1' },
])('%j is a 400', (query) => {
  expect(() => list([], query)).toThrow(expect.objectContaining({ status: 400 }));
});
