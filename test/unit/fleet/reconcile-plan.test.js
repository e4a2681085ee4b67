'use strict';

// lib/fleet/reconcile-plan.js as a table: every state of a row, in the list or not, in somebody's hand or
// not, the list whole or not, the row settled or not. What is not named here is left alone.

const { plan } = require('../../../lib/fleet/reconcile-plan');

const WINDOWS = { verifyMs: 5_000, watchMs: 120_000 };
const STATES = ['creating', 'idle', 'leased', 'ending', 'watched', 'ended'];

/** @returns {string} what is done: 'kill', 'kill end', '' ... */
function done({ row, listed, inHand, complete = true, age = Infinity }) {
  const rows = row === null ? [] : [{ token: 't', sandboxId: 's', data: {}, ...row }];
  const sandboxes = listed ? [{ sandboxId: listed === true ? 's' : listed, token: 't' }] : [];
  const seen = {
    ...{ sandboxes, rows, complete },
    inHand: () => inHand,
    settled: (_row, windowMs) => age >= windowMs,
  };
  return plan(seen, WINDOWS)
    .map((action) => action.do)
    .join(' ');
}

// state: [listed in hand, listed of the dead, absent in hand, absent of the dead]; settled for ever
const TABLE = {
  creating: ['', 'kill watch', '', 'watch'],
  idle: ['', 'adopt', 'doubt', 'end'],
  leased: ['', 'end', 'doubt', 'end'],
  ending: ['', 'end', 'doubt', 'end'],
  watched: ['kill', 'kill', 'forget', 'forget'],
  ended: ['kill', 'kill', '', 'forget'],
};

describe.each(STATES)('a row that is %s', (state) => {
  const row = { state };
  test.each([
    ['listed, in hand', true, true],
    ['listed, its manager dead', true, false],
    ['absent, in hand', false, true],
    ['absent, its manager dead', false, false],
  ])('%s', (_name, listed, inHand) => {
    const at = (listed ? 0 : 2) + (inHand ? 0 : 1);
    expect(done({ row, listed, inHand })).toBe(TABLE[state][at]);
  });

  test('is not judged by its absence from a list that was cut', () => {
    for (const inHand of [true, false]) {
      const acts = done({ row, listed: false, inHand, complete: false });
      expect(acts).toBe(state === 'creating' && !inHand ? 'watch' : '');
    }
  });

  test('is not judged by its absence before it has settled', () => {
    for (const inHand of [true, false]) {
      const acts = done({ row, listed: false, inHand, age: 0 });
      expect(acts).toBe(state === 'creating' && !inHand ? 'watch' : '');
    }
  });

  test('is treated the same by a cut list when it is in it', () => {
    for (const inHand of [true, false]) {
      const whole = done({ row, listed: true, inHand });
      expect(done({ row, listed: true, inHand, complete: false })).toBe(whole);
    }
  });
});

test('a sandbox of ours without a row is killed', () => {
  expect(done({ row: null, listed: true, inHand: false })).toBe('kill');
});

test.each(['idle', 'leased', 'ending'])(
  'a second sandbox of a row that is %s is killed',
  (state) => {
    for (const inHand of [true, false]) {
      // The first one is not in this list: it is judged as absent.
      const acts = done({ row: { state }, listed: 'other', inHand, age: 0 });
      expect(acts).toBe('kill');
    }
  },
);

test('both of one request are seen: the row’s own stays', () => {
  const row = { token: 't', state: 'idle', sandboxId: 'b', data: {} };
  const sandboxes = ['a', 'b', 'c'].map((sandboxId) => ({ sandboxId, token: 't' }));
  const seen = { sandboxes, rows: [row], complete: true, inHand: () => true, settled: () => true };
  expect(plan(seen, WINDOWS).map(({ do: what, sandboxId }) => `${what} ${sandboxId}`)).toEqual([
    ...['kill a', 'kill c'],
  ]);
});

test('a creation under way is not killed, nor its duplicate: its manager settles both', () => {
  const row = { state: 'creating', sandboxId: null };
  expect(done({ row, listed: 'anything', inHand: true })).toBe('');
});

test('one that was ended after the list was asked for is in it rightly', () => {
  expect(done({ row: { state: 'ended' }, listed: true, inHand: false, age: -1 })).toBe('');
  expect(done({ row: { state: 'ended' }, listed: true, inHand: false, age: 0 })).toBe('kill');
});

test('an ended row is forgotten after verifyMs; after watchMs when nobody saw it end', () => {
  const forgets = (foundGone, age) => {
    const row = { state: 'ended', data: { foundGone } };
    return done({ row, listed: false, inHand: false, age });
  };
  expect([forgets(false, 4_999), forgets(false, 5_000)]).toEqual(['', 'forget']);
  expect([forgets(true, 119_999), forgets(true, 120_000)]).toEqual(['', 'forget']);
});

test('a watched row keeps its place for watchMs', () => {
  const row = { state: 'watched', sandboxId: null };
  expect(done({ row, listed: false, inHand: false, age: 119_999 })).toBe('');
  expect(done({ row, listed: false, inHand: false, age: 120_000 })).toBe('forget');
});
