'use strict';

// lib/fleet/pool.js: places and who gets which sandbox. Real members, a clock by hand.

const { createClock } = require('../../../lib/clock');
const { createSpec } = require('../../../lib/fleet/create-spec');
const { Member } = require('../../../lib/fleet/member');
const { Pool } = require('../../../lib/fleet/pool');

let time = 0;
const clock = createClock({ now: () => time, steady: () => time });
const made = (id, given) =>
  new Member({ sandboxId: id }, createSpec({ name: id, ...given }), clock, 0);

function poolOf(maximum, ...members) {
  const pool = new Pool(() => maximum);
  for (const member of members) pool.reserve().fill(member);
  return pool;
}

test('a reservation counts before anything is live', () => {
  const pool = poolOf(2);
  pool.reserve();
  pool.reserve();
  expect([pool.size, pool.taken, pool.free]).toEqual([0, 2, 0]);
  expect(() => pool.reserve()).toThrow(
    expect.objectContaining({ name: 'CapacityError', code: 'CAPACITY', outcome: 'not-sent' }),
  );
});

test('the message says who holds the places', () => {
  const pool = poolOf(2, made('a'));
  pool.reserve();
  expect(() => pool.reserve()).toThrow(
    '1 live, 1 being created and 0 awaiting replacement, of maxPoolSize 2',
  );
});

test('a place is filled or freed once, whatever is called after', () => {
  const pool = poolOf(3);
  const place = pool.reserve();
  place.fill(made('a'));
  place.free();
  place.fill(made('b'));
  expect([pool.size, pool.taken]).toEqual([1, 1]);
  const other = pool.reserve();
  other.free();
  other.free();
  other.fill(made('c'));
  expect([pool.size, pool.taken]).toEqual([1, 1]);
});

test('a lowered maximum takes nothing away and gives nothing new', () => {
  let maximum = 2;
  const pool = new Pool(() => maximum);
  pool.reserve().fill(made('a'));
  pool.reserve().fill(made('b'));
  maximum = 1;
  expect([pool.size, pool.free]).toEqual([2, 0]);
  expect(() => pool.reserve()).toThrow('maxPoolSize 1');
});

test('the second taker gets another one, the third none', () => {
  const pool = poolOf(5, made('a'), made('b'));
  const { fingerprint } = createSpec({}, () => 'x');
  const [first, second] = [pool.take(fingerprint, new Set()), pool.take(fingerprint, new Set())];
  expect(new Set([first.id, second.id])).toEqual(new Set(['a', 'b']));
  expect(pool.take(fingerprint, new Set())).toBeNull();
});

test('the one used last is taken first', () => {
  const [a, b, c] = [made('a'), made('b'), made('c')];
  const pool = poolOf(5, a, b, c);
  time = 10;
  b.touch();
  expect(pool.take(b.spec.fingerprint, new Set())).toBe(b);
});

test.each([
  ['another spec', () => {}, { template: 'node' }],
  ['taken', (m) => void (m.taken = true), {}],
  ['an agent in it', (m) => void m.agents.set('x', {}), {}],
  ['being terminated', (m) => void (m.status = 'terminating'), {}],
  ['paused', (m) => void (m.status = 'stopped'), {}],
])('not handed out: %s', (_, change, given) => {
  const member = made('a', given);
  change(member);
  const { fingerprint } = createSpec({}, () => 'x');
  expect(poolOf(5, member).take(fingerprint, new Set())).toBeNull();
});

test('one with work in flight is not idle until the work ends', async () => {
  const member = made('a');
  const pool = poolOf(1, member);
  let end;
  const working = member.during(
    () =>
      new Promise((resolve) => {
        end = resolve;
      }),
  );
  expect([pool.idle(), member.busy]).toEqual([[], true]);
  end();
  await working;
  expect([pool.idle(), member.busy]).toEqual([[member], false]);
});

test('one that was tried is not taken again', () => {
  const member = made('a');
  const pool = poolOf(1, member);
  expect(pool.take(member.spec.fingerprint, new Set([member]))).toBeNull();
});

test('an unknown id is not found, a replaced one says by what', () => {
  const pool = poolOf(5, made('new'));
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
  const pool = poolOf(5, made('c'));
  pool.replaced('a', 'b');
  pool.replaced('b', 'c');
  expect(pool.newest('a')).toBe('c');
});

test('a kept place is taken until it is filled', () => {
  const member = made('a');
  const pool = poolOf(1, member);
  const place = pool.removeKeepingPlace(member);
  expect([pool.size, pool.taken]).toEqual([0, 1]);
  expect(() => pool.reserve()).toThrow('no place left');
  place.fill(made('b'));
  expect([pool.size, pool.taken]).toEqual([1, 1]);
});

test('what was lost keeps its place until it is reclaimed', () => {
  const member = made('a');
  const pool = poolOf(1, member);
  pool.lose('a', { facts: 1 }, pool.removeKeepingPlace(member));
  expect([pool.size, pool.taken, pool.lost()]).toEqual([0, 1, ['a']]);
  const { facts, place } = pool.reclaim('a');
  expect([facts, pool.taken, pool.lost()]).toEqual([{ facts: 1 }, 1, []]);
  place.free();
  expect(pool.taken).toBe(0);
  expect(pool.reclaim('a')).toBeNull();
});
