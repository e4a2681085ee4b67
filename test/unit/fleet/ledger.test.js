'use strict';

// lib/fleet/ledger.js on memoryStore: intents, claims, compare-and-set, fencing, the heartbeat. A clock
// by hand; instances live and die as the test says.

const { createClock } = require('../../../lib/clock');
const { createSpec } = require('../../../lib/fleet/create-spec');
const { Ledger, BEAT_MS, DEAD_AFTER_MS } = require('../../../lib/fleet/ledger');
const { memoryStore } = require('../../../lib/store');
const { gatedStore } = require('../../helpers/store');

const spec = createSpec({ name: 'box' });
const FENCED = expect.objectContaining({ name: 'ConflictError', code: 'FENCED' });

let steadyMs;
let wallMs;
let ticks;
let clock;
let store;
let dead;

beforeEach(() => {
  steadyMs = 1_000;
  wallMs = 1_000_000;
  ticks = new Map();
  dead = new Set();
  clock = createClock({
    steady: () => steadyMs,
    now: () => wallMs,
    setInterval: (callback, ms) => {
      const timer = { ms };
      ticks.set(timer, callback);
      return timer;
    },
    clearInterval: (timer) => ticks.delete(timer),
  });
  store = gatedStore(memoryStore({ clock }));
});

const pass = (ms) => {
  steadyMs += ms;
  wallMs += ms;
};

let pid = 1;
/** A manager's ledger; isAlive answers null, as of another host, unless the test says dead. */
function ledger({ owner = 'fleet', on = store } = {}) {
  const facts = { pid: pid++ };
  const isAlive = (other) => (dead.has(other.pid) ? false : null);
  const made = new Ledger({ store: on, owner, clock, identity: { self: () => facts, isAlive } });
  made.die = () => dead.add(facts.pid);
  return made;
}

/** Until whatever does not wait has been done. */
const turn = () => new Promise(setImmediate);
const stored = (entry) => store.get(entry.token);
const wish = (holder = null) => ({ fingerprint: spec.fingerprint, holder, except: [] });

describe('an intent', () => {
  test('is in the store, with its place, before intend resolves, and has no secret in it', async () => {
    const mine = ledger();
    const secret = createSpec({ name: 'box', env: { KEY: 'hidden' }, metadata: { m: 'private' } });
    const entry = await mine.intend(secret, { maximum: 1, data: { tag: 'x' } });
    expect(await stored(entry)).toMatchObject({
      ...{ state: 'creating', place: 1, owner: 'fleet', instance: mine.instance, version: 1 },
      ...{ sandboxId: null, fingerprint: secret.fingerprint, fence: 0 },
      data: { name: 'box', template: 'base', timeout: 3600, tag: 'x' },
    });
    expect(entry.token.startsWith(`${store.id.slice(0, 8)}-`)).toBe(true);
    expect(JSON.stringify(await store.backup())).not.toMatch(/hidden|private/);
    expect(mine.entry(entry.token)).toBe(entry);
  });

  test('is refused with null when no place is left, and nothing stays in hand', async () => {
    const [mine, other] = [ledger(), ledger()];
    await other.intend(spec, { maximum: 1 });
    expect(await mine.intend(spec, { maximum: 1 })).toBeNull();
    expect(await mine.taken()).toBe(1);
    expect((await mine.rows()).filter((row) => mine.holds(row))).toEqual([]);
  });

  test('counts per owner name', async () => {
    await ledger({ owner: 'a' }).intend(spec, { maximum: 1 });
    expect(await ledger({ owner: 'b' }).intend(spec, { maximum: 1 })).not.toBeNull();
  });

  test('is in hand as soon as the store shows it, before the answer is there', async () => {
    const mine = ledger();
    await mine.open();
    const open = store.hold('insert');
    const intending = mine.intend(spec, { maximum: 1 });
    await turn();
    const [row] = await mine.rows();
    expect(row).toMatchObject({ state: 'creating' });
    expect(mine.holds(row)).toBe(true);
    open();
    expect((await intending).row).toEqual(row);
  });

  test('takes over the place of what it replaces, which nobody else can have in between', async () => {
    const [mine, other] = [ledger(), ledger()];
    const old = await mine.intend(spec, { maximum: 1 });
    await old.change({ state: 'ended' });
    const greedy = Array.from({ length: 20 }, () => other.intend(spec, { maximum: 1 }));
    const entry = await mine.intend(spec, { maximum: 1, replaces: old });
    expect(entry).not.toBeNull();
    expect((await Promise.all(greedy)).every((one) => one === null)).toBe(true);
    expect(await stored(old)).toMatchObject({ state: 'ended', place: 0 });
    expect(mine.entry(old.token)).toBeUndefined();
    expect(await mine.taken()).toBe(1);
  });

  test('replaces what changed meanwhile; of one that is fenced it takes a place of its own', async () => {
    const [mine, other] = [ledger(), ledger()];
    const old = await mine.intend(spec, { maximum: 1 });
    await store.update(old.token, 1, { holder: 'changed' });
    const second = await mine.intend(spec, { maximum: 1, replaces: old });
    expect(await mine.taken()).toBe(1);
    await other.takeOver(await stored(second), { state: 'ended' });
    expect(await mine.intend(spec, { maximum: 1, replaces: second })).toBeNull();
    expect(await mine.intend(spec, { maximum: 2, replaces: second })).not.toBeNull();
  });
});

describe('a change', () => {
  test('goes on from what stands in the store', async () => {
    const entry = await ledger().intend(spec, { maximum: 1 });
    await store.update(entry.token, 1, { sandboxId: 'written-elsewhere' });
    expect(await entry.change({ state: 'idle' })).toBe(true);
    expect(await stored(entry)).toMatchObject({ version: 3, sandboxId: 'written-elsewhere' });
  });

  test('is not made when its condition does not hold of what stands in the store', async () => {
    const entry = await ledger().intend(spec, { maximum: 1 });
    const when = ({ state }) => state === 'creating';
    await store.update(entry.token, 1, { state: 'leased' });
    expect(await entry.change({ state: 'idle' }, { when })).toBe(false);
    expect(await stored(entry)).toMatchObject({ state: 'leased', version: 2 });
    expect(entry.state).toBe('leased');
  });

  test('of one entry follow each other, in the order in which they were asked for', async () => {
    const entry = await ledger().intend(spec, { maximum: 1 });
    const holders = Array.from({ length: 20 }, (_, n) => `h${n}`);
    await Promise.all(holders.map((holder) => entry.change({ holder })));
    expect(await stored(entry)).toMatchObject({ holder: 'h19', version: 21 });
  });

  test('is fenced off after a take-over, and after a removal', async () => {
    const [mine, other] = [ledger(), ledger()];
    const entry = await mine.intend(spec, { maximum: 2 });
    const removed = await mine.intend(spec, { maximum: 2 });
    await other.takeOver(await stored(entry), { state: 'ending' });
    await other.remove(await stored(removed));
    for (const lost of [entry, removed]) {
      await expect(lost.change({ state: 'idle' })).rejects.toEqual(FENCED);
      expect(mine.entry(lost.token)).toBeUndefined();
    }
    expect(await stored(entry)).toMatchObject({ instance: other.instance, state: 'ending' });
  });

  test('whose answer is overtaken by a claim does not undo what the claim learned', async () => {
    const mine = ledger();
    const entry = await mine.intend(spec, { maximum: 1 });
    const open = store.hold('update');
    const giving = entry.change({ state: 'idle' });
    await turn();
    const claiming = mine.claim(wish());
    await turn();
    open();
    expect(await claiming).toBe(entry);
    await giving;
    expect(entry.row).toMatchObject({ state: 'leased', version: 3, fence: 1 });
    expect(await entry.change({ state: 'idle' }, { when: (row) => row.state === 'leased' })).toBe(
      true,
    );
  });
});

describe('a claim', () => {
  test('raises the fence, and takes over from whatever instance', async () => {
    const [mine, other] = [ledger(), ledger()];
    const entry = await other.intend(spec, { maximum: 1 });
    await entry.change({ state: 'idle', sandboxId: 's' });
    const claimed = await mine.claim(wish('alice'));
    expect(claimed.row).toMatchObject({
      ...{ token: entry.token, state: 'leased', fence: 1 },
      ...{ holder: 'alice', instance: mine.instance },
    });
    expect(await mine.claim(wish())).toBeNull();
    await expect(entry.change({ state: 'ending' })).rejects.toEqual(FENCED);
  });

  test('is answered to one of many, in whatever manager', async () => {
    const [mine, other] = [ledger(), ledger()];
    const entry = await mine.intend(spec, { maximum: 1 });
    await entry.change({ state: 'idle', sandboxId: 's' });
    const all = Array.from({ length: 20 }, (_, n) => (n % 2 ? mine : other).claim(wish()));
    expect((await Promise.all(all)).filter((one) => one !== null)).toHaveLength(1);
  });

  test('holds what it took while its answer is under way', async () => {
    const mine = ledger();
    const entry = await mine.intend(spec, { maximum: 1 });
    await entry.change({ state: 'idle', sandboxId: 's' });
    entry.letGo();
    const open = store.hold('claim');
    const claiming = mine.claim(wish());
    await turn();
    expect(mine.holds(await stored(entry))).toBe(true);
    open();
    const claimed = await claiming;
    expect(mine.holds(claimed.row)).toBe(true);
    claimed.letGo();
    expect(mine.holds(claimed.row)).toBe(false);
  });

  test('of a row that was let go makes a new entry, which the old one cannot drop', async () => {
    const mine = ledger();
    const old = await mine.intend(spec, { maximum: 1 });
    await old.change({ state: 'idle', sandboxId: 's' });
    old.letGo();
    const entry = await mine.claim(wish());
    expect(entry).not.toBe(old);
    old.letGo();
    expect(mine.entry(entry.token)).toBe(entry);
  });
});

describe('the dead', () => {
  test('leave rows that exactly one of two takes over', async () => {
    const [gone, a, b] = [ledger(), ledger(), ledger()];
    const entry = await gone.intend(spec, { maximum: 1 });
    gone.die();
    const row = await stored(entry);
    const won = await Promise.all([a, b].map((one) => one.takeOver(row, { state: 'watched' })));
    expect(won.filter((one) => one !== null)).toHaveLength(1);
    expect((await stored(entry)).instance).toBe(won.find((one) => one !== null).row.instance);
  });

  test('are those whose process is gone, who were silent too long, or who have no row', async () => {
    const [mine, gone, silent] = [ledger(), ledger(), ledger()];
    for (const one of [mine, gone, silent]) await one.open();
    gone.die();
    pass(DEAD_AFTER_MS - 1);
    let isDead = await mine.deaths();
    expect([mine, gone, silent].map(({ instance }) => isDead(instance))).toEqual([
      ...[false, true, false],
    ]);
    pass(1);
    isDead = await mine.deaths();
    expect([mine, gone, silent].map(({ instance }) => isDead(instance))).toEqual([
      ...[false, true, true],
    ]);
    expect(isDead('never heard of')).toBe(true);
  });

  test('are not those whose process lives, however long they were silent', async () => {
    const [mine, hung] = [ledger(), ledger()];
    mine.facts.alive = true;
    await mine.open();
    await hung.open();
    const sees = new Ledger({
      ...{ store, owner: 'fleet', clock },
      identity: { self: () => ({}), isAlive: () => true },
    });
    pass(DEAD_AFTER_MS * 10);
    expect((await sees.deaths())(hung.instance)).toBe(false);
  });

  test('are forgotten once nothing of theirs is left', async () => {
    const [mine, empty, owing] = [ledger(), ledger(), ledger()];
    await mine.open();
    await empty.open();
    await owing.intend(spec, { maximum: 1 });
    empty.die();
    owing.die();
    await mine.bury(new Set((await mine.rows()).map(({ instance }) => instance)));
    const left = (await store.instances('fleet')).map(({ id }) => id);
    expect(left.sort()).toEqual([mine.instance, owing.instance].sort());
  });
});

describe('the heartbeat', () => {
  const tick = () => [...ticks.values()].forEach((callback) => callback());

  test('is told every BEAT_MS, by one timer, until close; then the instance is forgotten', async () => {
    const mine = ledger();
    await Promise.all([mine.open(), mine.open()]);
    expect([...ticks.keys()]).toEqual([{ ms: BEAT_MS }]);
    pass(BEAT_MS);
    tick();
    expect(await store.instances('fleet')).toMatchObject([{ id: mine.instance, ageMs: 0 }]);
    await mine.close();
    await mine.close();
    expect(ticks.size).toBe(0);
    expect(await store.instances('fleet')).toEqual([]);
  });

  test('that lands after the end does not revive it', async () => {
    const mine = ledger();
    await mine.open();
    const open = store.hold('beat');
    tick();
    const closing = mine.close();
    open();
    await closing;
    expect(await store.instances('fleet')).toEqual([]);
  });

  test('while it is fresh, confirming asks the store for nothing', async () => {
    const mine = ledger();
    const entry = await mine.intend(spec, { maximum: 1 });
    pass(39_000);
    const asked = jest.spyOn(store, 'update');
    const beaten = jest.spyOn(store, 'beat');
    await mine.confirm(entry);
    expect([asked.mock.calls.length, beaten.mock.calls.length]).toEqual([0, 0]);
  });

  test('after a silence, what was taken over is refused, what is still ours is confirmed', async () => {
    const [mine, other] = [ledger(), ledger()];
    const taken = await mine.intend(spec, { maximum: 2 });
    const kept = await mine.intend(spec, { maximum: 2 });
    pass(DEAD_AFTER_MS);
    await other.takeOver(await stored(taken), { state: 'ending' });
    await expect(mine.confirm(taken)).rejects.toEqual(FENCED);
    await mine.confirm(kept);
    expect(await stored(kept)).toMatchObject({ instance: mine.instance, version: 2 });
  });

  test('that comes back by itself does not make up for the silence before it', async () => {
    const [mine, other] = [ledger(), ledger()];
    const entry = await mine.intend(spec, { maximum: 1 });
    pass(DEAD_AFTER_MS);
    await other.takeOver(await stored(entry), { state: 'ending' });
    tick();
    await turn();
    await expect(mine.confirm(entry)).rejects.toEqual(FENCED);
  });

  test('after a machine slept, when only the wall clock went on, likewise', async () => {
    const [mine, other] = [ledger(), ledger()];
    const entry = await mine.intend(spec, { maximum: 1 });
    wallMs += DEAD_AFTER_MS;
    await other.takeOver(await stored(entry), { state: 'ending' });
    tick();
    await turn();
    await expect(mine.confirm(entry)).rejects.toEqual(FENCED);
  });

  test('one who thought us dead cannot take over what was confirmed since', async () => {
    const [mine, other] = [ledger(), ledger()];
    const entry = await mine.intend(spec, { maximum: 1 });
    pass(DEAD_AFTER_MS);
    const seen = await stored(entry);
    expect((await other.deaths())(mine.instance)).toBe(true);
    await mine.confirm(entry);
    expect(await other.takeOver(seen, { state: 'ending' })).toBeNull();
    await mine.confirm(entry);
  });

  test('a new order after a silence says first that we live', async () => {
    const [mine, other] = [ledger(), ledger()];
    await mine.open();
    pass(DEAD_AFTER_MS);
    await other.open();
    await other.bury(new Set());
    const entry = await mine.intend(spec, { maximum: 1 });
    expect((await other.deaths())(entry.row.instance)).toBe(false);
  });
});

test('remove takes the row out, whatever its version, and once', async () => {
  const mine = ledger();
  const entry = await mine.intend(spec, { maximum: 1 });
  await store.update(entry.token, 1, { holder: 'x' });
  await entry.remove();
  await entry.remove();
  expect(await stored(entry)).toBeNull();
  expect(mine.entry(entry.token)).toBeUndefined();
});

test('rows reads every page', async () => {
  const mine = ledger();
  for (let n = 0; n < 1_100; n++) await mine.intend(spec, { maximum: 2_000 });
  expect(new Set((await mine.rows()).map(({ token }) => token)).size).toBe(1_100);
});

test('a store that cannot be opened is tried again', async () => {
  const broken = { ...store, open: jest.fn(store.open) };
  broken.open.mockRejectedValueOnce(new Error('no disk'));
  const mine = ledger({ on: broken });
  await expect(mine.open()).rejects.toThrow('no disk');
  await mine.open();
  expect(await mine.taken()).toBe(0);
});
