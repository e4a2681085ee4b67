'use strict';

// Reconcile and reap through the real addon and the local backend: what is at the far end against what
// stands in the ledger. Dead managers are managers that do nothing more and are known to be dead.

const native = require('../../lib/native');
const { memoryStore } = require('../../lib/store');
const { gatedStore } = require('../helpers/store');
const { lives, plant } = require('./helpers/far-sandboxes');
const { movableClock, recorded, waitFor, withFleet } = require('./helpers/fleet');

const OWNER = 'e2b-swarm';
const fleet = withFleet();
const far = () =>
  fleet.backend
    .sandboxes()
    .map(({ sandboxId }) => sandboxId)
    .sort();
const turn = () => new Promise(setImmediate);

let time;
let store;
let world;
beforeEach(() => {
  time = movableClock();
  store = memoryStore({ clock: time.clock });
  world = lives();
});

/** A manager of this test's fleet; its own first pass is over. */
async function managerAs(name, config) {
  const manager = fleet.manager({
    ...{ store, clock: time.clock, shutdownGraceMs: 50, requestTimeoutMs: 5_000 },
    ...world.as(name),
    ...config,
  });
  await manager.reconcile();
  return manager;
}

const rows = () => store.rows(OWNER);
const count = () => store.count(OWNER);
const metadataOf = (row) => ({ 'e2b-swarm.owner': OWNER, 'e2b-swarm.token': row.token });
const acts = ({ actions }) => actions.map((action) => `${action.do} ${action.sandboxId}`).sort();

async function created(manager, spec) {
  const result = await manager.createTradingSandbox(spec);
  expect(result).toMatchObject({ success: true });
  return result.sandboxId;
}

describe('what nobody may have is killed', () => {
  test('a second sandbox of one request; the first stays', async () => {
    const manager = await managerAs('a');
    const id = await created(manager);
    const [row] = await rows();
    const twin = await plant(fleet.client, metadataOf(row));
    const { of } = recorded(manager, ['orphan:reaped']);
    expect(acts(await manager.reconcile())).toEqual([`kill ${twin}`]);
    expect(far()).toEqual([id]);
    expect(of('orphan:reaped')).toEqual([
      { sandboxId: twin, action: 'kill', reason: 'a second one of one request' },
    ]);
    expect(acts(await manager.reconcile())).toEqual([]);
  });

  test('one of ours without a row; never another owner’s, another store’s, or a stranger', async () => {
    const manager = await managerAs('a');
    const prefix = store.id.slice(0, 8);
    const ours = await plant(fleet.client, metadataOf({ token: `${prefix}-lost` }));
    const others = [
      { 'e2b-swarm.owner': 'somebody', 'e2b-swarm.token': `${prefix}-lost` },
      { 'e2b-swarm.owner': OWNER, 'e2b-swarm.token': 'ffffffff-lost' },
      { 'e2b-swarm.owner': OWNER },
      { 'e2b-swarm.token': `${prefix}-lost` },
      { user: 'me' },
    ];
    const foreign = await Promise.all(others.map((metadata) => plant(fleet.client, metadata)));
    const result = await manager.reconcile();
    expect(acts(result)).toEqual([`kill ${ours}`]);
    expect(far()).toEqual(foreign.sort());
    await manager.shutdown();
    expect(far()).toEqual(foreign);
    await Promise.all(foreign.map((id) => fleet.kill(id)));
  });

  test('one that was ended and lives: ended again, and told', async () => {
    const manager = await managerAs('a');
    const lease = await manager.acquire();
    const fault = fleet.backend.faults.add({ op: 'kill', n: 1, action: { status: 204, body: '' } });
    await lease.release();
    expect([fault.hits, far()]).toEqual([1, [lease.sandboxId]]);
    const { of } = recorded(manager, ['alert']);
    expect(acts(await manager.reconcile())).toEqual([`kill ${lease.sandboxId}`]);
    expect(far()).toEqual([]);
    expect(of('alert')).toEqual([
      { type: 'leak', sandboxId: lease.sandboxId, reason: 'it was ended, and lives' },
    ]);
  });

  test('what ends while the list is read is no leak', async () => {
    const manager = await managerAs('a');
    const lease = await manager.acquire();
    const { of } = recorded(manager, ['alert', 'orphan:reaped']);
    const slow = { type: 'slow', delayMs: 200 };
    fleet.backend.faults.add({ op: 'list', n: 1, action: slow });
    const before = fleet.asked('list').length;
    const passing = manager.reconcile();
    await waitFor(() => fleet.asked('list').length > before);
    await lease.release();
    expect(acts(await passing)).toEqual([]);
    expect([of('alert'), of('orphan:reaped')]).toEqual([[], []]);
  });

  test('a late arrival, for as long as its token is watched; with its end its place is free', async () => {
    const manager = await managerAs('a', { maxPoolSize: 1, retryAttempts: 1 });
    fleet.backend.faults.add({ op: 'create', n: 1, action: 'reset' });
    expect(await manager.createTradingSandbox()).toMatchObject({ outcome: 'unknown' });
    const [row] = await rows();
    expect(row).toMatchObject({ state: 'watched', place: 1 });
    expect(await manager.createTradingSandbox()).toMatchObject({ code: 'CAPACITY' });

    const late = await plant(fleet.client, metadataOf(row));
    expect(acts(await manager.reconcile())).toEqual([`kill ${late}`]);
    expect(far()).toEqual([]);
    // One request makes one sandbox: nothing more is to come that would need the place.
    expect(await count()).toBe(0);
    await created(manager);
  });

  test('a token under which nothing arrives has its place for as long as it is watched', async () => {
    const manager = await managerAs('a', { maxPoolSize: 1, retryAttempts: 1 });
    fleet.backend.faults.add({ op: 'create', n: 1, action: 'reset' });
    await manager.createTradingSandbox();
    expect(acts(await manager.reconcile())).toEqual([]);
    time.pass(119_000);
    expect(acts(await manager.reconcile())).toEqual([]);
    expect(await count()).toBe(1);
    time.pass(2_000);
    expect(await manager.reconcile()).toMatchObject({ done: 1, left: 0 });
    expect(await rows()).toEqual([]);
    await created(manager);
  });

  test('what could not be killed is left for the next pass', async () => {
    const manager = await managerAs('a', { retryAttempts: 1 });
    const id = await plant(fleet.client, metadataOf({ token: `${store.id.slice(0, 8)}-lost` }));
    fleet.backend.faults.add({ op: 'kill', n: 1, action: { status: 500 } });
    const result = await manager.reconcile();
    expect(result).toMatchObject({ done: 0, failed: 1, left: 1 });
    expect(result.actions).toEqual([expect.objectContaining({ sandboxId: id, failed: true })]);
    expect(await manager.reconcile()).toMatchObject({ done: 1, failed: 0, left: 0 });
    expect(far()).toEqual([]);
  });
});

describe('what a dead manager left', () => {
  test('idle: adopted, and handed out; its row has one owner', async () => {
    const [dead, manager] = [await managerAs('dead'), await managerAs('b')];
    const id = await created(dead, { env: { KEY: 'secret' } });
    world.end('dead');
    expect(acts(await manager.reconcile())).toEqual([`adopt ${id}`]);
    expect(manager.inspect()).toMatchObject({ live: 1, idle: 1 });
    await waitFor(async () => (await rows())[0].state === 'idle');
    const lease = await manager.acquire({ env: { KEY: 'secret' } });
    expect(lease.sandboxId).toBe(id);
    expect(await lease.execute('echo ok')).toMatchObject({ stdout: 'ok\n' });
    expect(await dead.executeStrategy(id, 'true')).toMatchObject({ code: 'FENCED' });
    expect(dead.inspect().live).toBe(0);
    expect(far()).toEqual([id]);
  });

  test('leased: ended; its holder is refused', async () => {
    const [dead, manager] = [await managerAs('dead'), await managerAs('b')];
    const lease = await dead.acquire({}, { owner: 'alice' });
    world.end('dead');
    expect(acts(await manager.reconcile())).toEqual([`end ${lease.sandboxId}`]);
    expect(far()).toEqual([]);
    expect(await count()).toBe(0);
    await expect(lease.renew()).rejects.toMatchObject({ code: expect.stringMatching(/./) });
    time.pass(6_000);
    expect(await manager.reconcile()).toMatchObject({ left: 0 });
    expect(await rows()).toEqual([]);
  });

  test('half made: found by its token, ended, and watched', async () => {
    const [dead, manager] = [await managerAs('dead'), await managerAs('b')];
    fleet.backend.faults.add({ op: 'create', n: 1, action: { type: 'stall', execute: true } });
    const creating = dead.createTradingSandbox();
    await waitFor(() => far().length === 1);
    const [id] = far();
    world.end('dead');
    expect(acts(await manager.reconcile())).toEqual([`kill ${id}`, `watch ${id}`]);
    expect(far()).toEqual([]);
    expect(await rows()).toMatchObject([{ state: 'watched', place: 1 }]);
    time.pass(121_000);
    await manager.reconcile();
    expect(await rows()).toEqual([]);
    await dead.shutdown();
    expect(await creating).toMatchObject({ success: false });
  });

  test('half ended: ended', async () => {
    const [dead, manager] = [await managerAs('dead', { retryAttempts: 1 }), await managerAs('b')];
    const lease = await dead.acquire();
    const fault = fleet.backend.faults.add({ op: 'kill', n: 1, action: { status: 500 } });
    await expect(lease.release()).rejects.toMatchObject({ status: 500 });
    expect(fault.hits).toBe(1);
    world.end('dead');
    expect(acts(await manager.reconcile())).toEqual([`end ${lease.sandboxId}`]);
    expect(far()).toEqual([]);
  });

  test('and that is not at the far end any more: forgotten in the end, its place free', async () => {
    const [dead, manager] = [await managerAs('dead'), await managerAs('b')];
    const id = await created(dead);
    world.end('dead');
    await fleet.kill(id);
    await manager.reconcile();
    expect(await count()).toBe(1);
    time.pass(6_000);
    expect(acts(await manager.reconcile())).toEqual([`end ${id}`]);
    expect(await count()).toBe(0);
    time.pass(121_000);
    expect(acts(await manager.reconcile())).toEqual([`forget ${id}`]);
    expect(await rows()).toEqual([]);
  });

  test('is done once, by two who see it at the same time', async () => {
    const dead = await managerAs('dead');
    const both = [await managerAs('b'), await managerAs('c')];
    const ids = [await created(dead, { name: 'x' }), await created(dead, { name: 'y' })];
    world.end('dead');
    const results = await Promise.all(both.map((manager) => manager.reconcile()));
    expect(results[0].done + results[1].done).toBe(2);
    expect(both[0].inspect().live + both[1].inspect().live).toBe(2);
    expect(far()).toEqual(ids.sort());
  });

  test('a manager that starts finds it by itself', async () => {
    const dead = await managerAs('dead');
    await dead.acquire();
    world.end('dead');
    fleet.manager({ store, clock: time.clock, ...world.as('next') });
    await waitFor(() => far().length === 0);
  });
});

describe('what a live manager has is never touched', () => {
  test('idle, leased, being created, ending, and what it has lost', async () => {
    const [alive, manager] = [await managerAs('a'), await managerAs('b')];
    const ids = [await created(alive), (await alive.acquire({ env: { A: '1' } })).sandboxId];
    const gone = await created(alive, { name: 'gone' });
    await fleet.kill(gone);
    fleet.backend.faults.add({ op: 'create', n: 1, action: { type: 'slow', delayMs: 300 } });
    const creating = alive.createTradingSandbox({ name: 'slow' });
    await waitFor(() => far().length === 3);
    time.pass(6_000);
    const asked = fleet.backend.requests.length;
    const { actions } = await manager.reconcile();
    expect(actions.filter((action) => action.do !== 'doubt')).toEqual([]);
    const ops = fleet.backend.requests.slice(asked).map(({ op }) => op);
    expect(ops.filter((op) => op !== 'list')).toEqual([]);
    ids.push((await creating).sandboxId);
    expect(far()).toEqual(ids.sort());
    expect(await rows()).toHaveLength(4);
  });

  test('what it is about to be handed is not ended under it', async () => {
    store = gatedStore(store);
    const manager = await managerAs('a');
    const id = await created(manager);
    const open = store.hold('claim');
    const acquiring = manager.acquire();
    await turn();
    expect((await rows())[0].state).toBe('leased');
    expect(acts(await manager.reconcile())).toEqual([]);
    open();
    const lease = await acquiring;
    expect(lease.sandboxId).toBe(id);
    expect(await lease.execute('echo ok')).toMatchObject({ stdout: 'ok\n' });
  });

  test('nor what it is about to create', async () => {
    store = gatedStore(store);
    const manager = await managerAs('a');
    const open = store.hold('insert');
    const creating = manager.createTradingSandbox();
    await waitFor(async () => (await rows()).length === 1);
    expect(acts(await manager.reconcile())).toEqual([]);
    open();
    expect(await creating).toMatchObject({ success: true });
    expect(acts(await manager.reconcile())).toEqual([]);
    expect(await rows()).toMatchObject([{ state: 'idle' }]);
  });
});

describe('what is ours and not in the list', () => {
  test('is asked for by its id, and replaced when it is gone', async () => {
    const manager = await managerAs('a');
    const id = await created(manager);
    await fleet.kill(id);
    const { of } = recorded(manager);
    expect(acts(await manager.reconcile())).toEqual([]);
    time.pass(6_000);
    expect(acts(await manager.reconcile())).toEqual([`doubt ${id}`]);
    await waitFor(() => of('recovery:success').length === 1);
    expect(far()).toHaveLength(1);
  });

  test('proves nothing when the list was cut', async () => {
    const cut = {
      ...native,
      listE2bSandboxes: async (...args) => {
        const found = await native.listE2bSandboxes(...args);
        if (args[1].metadata['e2b-swarm.token']) return found;
        const stranger = { sandboxId: 'stranger', metadata: {} };
        return [...found, ...Array(20_000).fill(stranger)];
      },
    };
    const hook = { [Symbol.for('e2b-swarm.native')]: cut };
    const manager = await managerAs('a', { retryAttempts: 1, ...hook });
    fleet.backend.faults.add({ op: 'create', n: 1, action: 'reset' });
    await manager.createTradingSandbox();
    await (await manager.acquire()).release();
    const before = (await rows()).map(({ state }) => state).sort();
    expect(before).toEqual(['ended', 'watched']);
    await manager.reconcile();
    time.pass(1_000_000);
    expect(await manager.reconcile()).toMatchObject({ complete: false, actions: [] });
    expect((await rows()).map(({ state }) => state).sort()).toEqual(before);
  });

  test('proves nothing when the list cannot be read', async () => {
    const manager = await managerAs('a', { retryAttempts: 1 });
    await (await manager.acquire()).release();
    time.pass(1_000_000);
    fleet.backend.faults.add({ op: 'list', n: 1, action: { status: 500 } });
    await expect(manager.reconcile()).rejects.toMatchObject({ status: 500 });
    expect(await rows()).toHaveLength(1);
  });
});

test('a far end that ignores the filter of its list costs no stranger his sandbox', async () => {
  const unfiltered = {
    ...native,
    listE2bSandboxes: (filter, options) =>
      native.listE2bSandboxes(filter, { ...options, metadata: undefined, limit: undefined }),
  };
  const hook = { [Symbol.for('e2b-swarm.native')]: unfiltered };
  const manager = await managerAs('a', { retryAttempts: 1, ...hook });
  const prefix = store.id.slice(0, 8);
  const foreign = await Promise.all([
    plant(fleet.client, { user: 'me' }),
    plant(fleet.client, { 'e2b-swarm.owner': 'somebody', 'e2b-swarm.token': `${prefix}-his` }),
  ]);
  fleet.backend.faults.add({ op: 'create', n: 1, action: 'reset' });
  expect(await manager.createTradingSandbox()).toMatchObject({ outcome: 'unknown' });
  expect(acts(await manager.reconcile())).toEqual([]);
  expect(far()).toEqual(foreign.sort());
  await Promise.all(foreign.map((id) => fleet.kill(id)));
});

test('a dry run says what would be done, and does nothing', async () => {
  const [dead, manager] = [await managerAs('dead'), await managerAs('b')];
  const idle = await created(dead);
  const leased = (await dead.acquire({ env: { A: '1' } })).sandboxId;
  const lost = await plant(fleet.client, metadataOf({ token: `${store.id.slice(0, 8)}-lost` }));
  world.end('dead');
  const before = [await rows(), far()];
  const asked = fleet.backend.requests.length;
  const expected = [`adopt ${idle}`, `end ${leased}`, `kill ${lost}`].sort();
  const dry = await manager.reconcile({ dryRun: true });
  expect(acts(dry)).toEqual(expected);
  expect(dry).toMatchObject({ dryRun: true, done: 0, left: 3, complete: true });
  expect(await manager.reap({ dryRun: true })).toMatchObject({ dryRun: true, complete: true });
  expect([await rows(), far()]).toEqual(before);
  const ops = new Set(fleet.backend.requests.slice(asked).map(({ op }) => op));
  expect([...ops]).toEqual(['list']);
  expect(manager.inspect().live).toBe(0);
  expect(acts(await manager.reconcile())).toEqual(expected);
});

test('reap names what it has ended, and no more', async () => {
  const [dead, manager] = [await managerAs('dead'), await managerAs('b')];
  const idle = await created(dead);
  const leased = (await dead.acquire({ env: { A: '1' } })).sandboxId;
  world.end('dead');
  expect(await manager.reap()).toEqual({
    dryRun: false,
    complete: true,
    reaped: [{ sandboxId: leased, reason: 'its holder is dead', failed: false }],
  });
  expect(far()).toEqual([idle]);
});

test('a release whose end fails is ended by reconcile, and its place is free', async () => {
  const manager = await managerAs('a', { retryAttempts: 1, maxPoolSize: 1 });
  const lease = await manager.acquire();
  fleet.backend.faults.add({ op: 'kill', n: 1, action: { status: 500 } });
  await expect(lease.release()).rejects.toMatchObject({ status: 500 });
  expect(far()).toEqual([lease.sandboxId]);
  const { of } = recorded(manager);
  expect(acts(await manager.reconcile())).toEqual([`end ${lease.sandboxId}`]);
  expect(of('sandbox:terminated')).toEqual([{ sandboxId: lease.sandboxId, reason: 'released' }]);
  expect([far(), await count(), manager.inspect().live]).toEqual([[], 0, 0]);
  await created(manager);
});

test('a manager that shuts down adopts nothing, and leaves it to those who go on', async () => {
  const [dead, closing] = [await managerAs('dead'), await managerAs('b', { retryAttempts: 1 })];
  const id = await created(dead);
  // Something of its own is open, so that it looks once more at its end.
  fleet.backend.faults.add({ op: 'create', n: 1, action: 'reset' });
  await closing.createTradingSandbox();
  world.end('dead');
  expect(await closing.shutdown()).toMatchObject({ success: true, failed: [] });
  const next = await managerAs('c');
  expect(next.inspect().live).toBe(1);
  expect(far()).toEqual([id]);
});
