'use strict';

// lib/fleet/pool.js: places and who gets which sandbox. Real members, a clock by hand.

const { createClock } = require('../../../lib/clock');
const { createSpec } = require('../../../lib/fleet/create-spec');
const { Member } = require('../../../lib/fleet/member');
const { Pool } = require('../../../lib/fleet/pool');

const time = 0;
const clock = createClock({ now: () => time, steady: () => time });
const made = (id, given) =>
  new Member({ sandboxId: id }, createSpec({ name: id, ...given }), clock, 0);

function poolOf(...members) {
  const pool = new Pool();
  for (const member of members) pool.place({}).fill(member);
  return pool;
}

test('a place counts before anything is live', () => {
  const pool = poolOf();
  pool.place({});
  pool.place({});
  expect([pool.size, pool.taken]).toEqual([0, 2]);
});

test('the message says who holds the places', () => {
  const pool = poolOf(made('a'));
  pool.place({});
  pool.lose('b', {});
  expect(pool.full(3)).toMatchObject({ code: 'CAPACITY', outcome: 'not-sent' });
  expect(pool.full(3).message).toMatch(
    '1 live, 1 being created and 1 awaiting replacement, of maxPoolSize 3',
  );
  expect(pool.full(7, 7).message).toMatch('1 awaiting replacement, 4 with other managers, of');
});

test('a place is filled or freed once, whatever is called after', () => {
  const pool = poolOf();
  const place = pool.place({});
  place.fill(made('a'));
  place.free();
  place.fill(made('b'));
  expect([pool.size, pool.taken]).toEqual([1, 1]);
  const other = pool.place({});
  other.free();
  other.free();
  other.fill(made('c'));
  expect([pool.size, pool.taken]).toEqual([1, 1]);
});

test('one with work in flight is not idle until the work ends, and says so', async () => {
  const member = made('a');
  const pool = poolOf(member);
  const told = [];
  member.onVacant = (vacant) => told.push(vacant);
  let end;
  const working = member.during(
    () =>
      new Promise((resolve) => {
        end = resolve;
      }),
  );
  expect([pool.idle(), member.busy, told]).toEqual([[], true, []]);
  end();
  await working;
  expect([pool.idle(), member.busy, told]).toEqual([[member], false, [member]]);
});

test('an unknown id is not found, a replaced one says by what', () => {
  const pool = poolOf(made('new'));
  pool.replaced('old', 'new');
  expect(() => pool.get('none')).toThrow("sandbox 'none' not found");
  expect(() => pool.get('old')).toThrow("sandbox 'old' not found: it was replaced by new");
  expect([pool.newest('old'), pool.newest('new'), pool.newest('none')]).toEqual([
    'new',
    'new',
    'none',
  ]);
  expect(() => pool.get(undefined)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
});

test('a replacement of a replacement is found by the first id', () => {
  const pool = poolOf(made('c'));
  pool.replaced('a', 'b');
  pool.replaced('b', 'c');
  expect(pool.newest('a')).toBe('c');
});

test('what was lost counts until it is reclaimed', () => {
  const pool = poolOf();
  pool.lose('a', { facts: 1 });
  expect([pool.size, pool.taken, pool.lost(), pool.lostFacts('a')]).toEqual([
    ...[0, 1, ['a'], { facts: 1 }],
  ]);
  expect(pool.reclaim('a')).toEqual({ facts: 1 });
  expect([pool.taken, pool.lost(), pool.reclaim('a')]).toEqual([0, [], null]);
});
