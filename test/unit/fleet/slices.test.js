'use strict';

const { SandboxManager } = require('../../..');
const { createClock } = require('../../../lib/clock');
const { SLICE, slices } = require('../../../lib/fleet/slices');
const { memoryStore } = require('../../../lib/store');

const NATIVE = Symbol.for('e2b-swarm.native');

/** A clock that counts the turns that others were given; while they are held, none comes. */
function countingClock() {
  const turns = { given: 0, held: false };
  const clock = createClock({
    setTimeout(callback, ms) {
      if (ms === 0 && turns.held) return null;
      if (ms === 0) turns.given++;
      return setTimeout(callback, ms);
    },
  });
  return { clock, turns };
}

async function collected(items, clock) {
  const found = [];
  for await (const slice of slices(items, clock)) found.push(slice);
  return found;
}

const numbers = (count) => Array.from({ length: count }, (_, n) => n);

test('what fits into one slice waits for nobody', async () => {
  const { clock, turns } = countingClock();
  expect(await collected(numbers(SLICE), clock)).toEqual([numbers(SLICE)]);
  expect(await collected([], clock)).toEqual([]);
  expect(turns.given).toBe(0);
});

test('more than that comes in slices, in order, and others have a turn between two', async () => {
  const { clock, turns } = countingClock();
  const found = await collected(numbers(2 * SLICE + 1), clock);
  expect(found.map(({ length }) => length)).toEqual([SLICE, SLICE, 1]);
  expect(found.flat()).toEqual(numbers(2 * SLICE + 1));
  expect(turns.given).toBe(2);
});

test('a pass over a big fleet gives others a turn after each slice of each of its parts', async () => {
  const { clock, turns } = countingClock();
  const store = memoryStore({ clock });
  await store.open();
  const owner = 'big';
  await store.beat({ id: 'another', owner, host: {} });
  const tokens = numbers(5 * SLICE).map((n) => `${store.id.slice(0, 8)}-${n}`);
  for (const token of tokens) {
    const row = { token, owner, instance: 'another', state: 'leased', place: 1, sandboxId: token };
    await store.insert({ ...row, fingerprint: 'spec' }, { maximum: Infinity });
  }
  const metadata = (token) => ({ 'e2b-swarm.owner': owner, 'e2b-swarm.token': token });
  const listed = [...tokens, `${store.id.slice(0, 8)}-stray`];
  turns.held = true; // the round that every manager begins with
  const manager = new SandboxManager({
    ...{ store, owner, clock, healthCheckInterval: 0, cleanupInterval: 0 },
    pool: { reconcileMs: 0 },
    [NATIVE]: {
      listE2bSandboxes: async () =>
        listed.map((token) => ({ sandboxId: token, metadata: metadata(token) })),
    },
  });
  turns.held = false;
  const { actions, listed: count, rows } = await manager.reconcile({ dryRun: true });
  expect({ count, rows }).toEqual({ count: 5 * SLICE + 1, rows: 5 * SLICE });
  expect(actions).toEqual([expect.objectContaining({ do: 'kill', reason: 'nobody has it' })]);
  // The ledger twice, in five pages and an empty one; the list and its order by token, in six slices;
  // the rows' ages and the comparison, in five.
  expect(turns.given).toBe(2 * 5 + 2 * 5 + 2 * 4);
  manager.stop();
  await store.close();
});
