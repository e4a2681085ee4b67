'use strict';

// `kill -9` of a process with a manager, at every await of every operation that changes something: the
// next start on the same store finishes or undoes it, leaves nothing running that is not in its pool,
// doubles nothing, and touches nobody else's sandbox. Real processes, stores, addon, local backend.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const stores = require('../../lib/store');
const { startPostgres } = require('../helpers/postgres');
const { plant } = require('./helpers/far-sandboxes');
const { movableClock, waitFor, withFleet } = require('./helpers/fleet');

const CHILD = path.join(__dirname, 'children', 'crashing-manager.js');
/** More steps than any of the operations has: one that never completes is found. */
const STEPS_MAX = 60;
const VERIFY_MS = 6_000;
const WATCH_MS = 121_000;

const fleet = withFleet();
let kind = 'fileStore';
let postgres;
let folder;
let strangers;

beforeAll(async () => {
  postgres = await startPostgres();
}, 120_000);

afterAll(() => postgres.stop());

beforeEach(async () => {
  kind = 'fileStore';
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-crash-'));
  strangers = [
    await plant(fleet.client, { user: 'somebody' }),
    await plant(fleet.client, { 'e2b-swarm.owner': 'other', 'e2b-swarm.token': 'ffffffff-1' }),
  ].sort();
});

afterEach(() => {
  fs.rmSync(folder, { recursive: true, force: true });
});

const far = () => fleet.backend.sandboxes().map(({ sandboxId }) => sandboxId);
const ours = () => far().filter((id) => !strangers.includes(id));

/** Of the test's store, each test having one of its own: what its function takes. */
const where = () =>
  kind === 'fileStore'
    ? [path.join(folder, 'store')]
    : [postgres.url, { schema: path.basename(folder).replace(/\W/g, '_').toLowerCase() }];

function start(scenario, at, config) {
  const what = { kind, where: where(), client: fleet.client, scenario, at, config };
  const stdio = ['ignore', 'pipe', 'inherit'];
  return spawn(process.execPath, [CHILD, JSON.stringify(what)], { stdio });
}

/** @returns {Promise<boolean>} whether the work was complete before it died */
async function crashed(scenario, at) {
  const child = start(scenario, at);
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  const [, signal] = await once(child, 'close');
  expect([signal, text.split('\n')[0]]).toEqual(['SIGKILL', 'ready']);
  return text.includes('done');
}

/** The next start: reconciles as time goes by, and says what it has then. */
async function nextStart() {
  const time = movableClock();
  const store = stores[kind](...where());
  const manager = fleet.manager({ store, clock: time.clock, maxPoolSize: 3 });
  await manager.reconcile();
  for (const ms of [VERIFY_MS, VERIFY_MS, WATCH_MS, VERIFY_MS, WATCH_MS]) {
    time.pass(ms);
    await manager.reconcile();
  }
  // Until what was adopted is back in the pool.
  await waitFor(() => manager.inspect().idle === manager.inspect().live);
  const end = async () => {
    expect(await manager.shutdown()).toMatchObject({ success: true });
    await store.close();
  };
  return { manager, store, end };
}

/** What must be so after any crash. @returns {Promise<number>} sandboxes that the next start has */
async function proven(most) {
  expect(ours().length).toBeLessThanOrEqual(most);
  const { manager, store, end } = await nextStart();
  const inPool = manager.listSandboxes().sandboxes.map(({ id }) => id);
  expect(inPool.sort()).toEqual(ours().sort());
  const rows = await store.rows('e2b-swarm');
  expect(rows.map(({ state, sandboxId }) => [state, sandboxId]).sort()).toEqual(
    inPool.map((id) => ['idle', id]),
  );
  expect(await store.count('e2b-swarm')).toBe(inPool.length);
  expect(await store.instances('e2b-swarm')).toHaveLength(1);
  await end();
  expect(far().sort()).toEqual(strangers);
  return inPool.length;
}

// operation: the most sandboxes at any time, and what the next start has of one that was complete
test.each([
  ['create', 'fileStore', 1, 1],
  ['scale', 'fileStore', 3, 3],
  ['acquire', 'fileStore', 1, 0],
  ['terminate', 'fileStore', 1, 0],
  ['release', 'fileStore', 1, 1],
  ['recover', 'fileStore', 1, 1],
  ['create', 'postgresStore', 1, 1],
  ['release', 'postgresStore', 1, 1],
  ['recover', 'postgresStore', 1, 1],
])(
  '%s on %s: killed before each of its steps, the next start has all or nothing of it',
  async (scenario, store, most, complete) => {
    kind = store;
    for (let at = 1; ; at++) {
      expect(at).toBeLessThan(STEPS_MAX);
      const isDone = await crashed(scenario, at);
      const has = await proven(most);
      if (isDone) {
        expect(has).toBe(complete);
        expect(at).toBeGreaterThan(1);
        break;
      }
    }
    await Promise.all(strangers.map((id) => fleet.kill(id)));
  },
  120_000,
);

test.each(['create', 'recover'])(
  '%s: killed while the answer to its create is under way',
  async (scenario) => {
    const slow = { type: 'stall', execute: true };
    const after = scenario === 'recover' ? 1 : 0;
    fleet.backend.faults.add({ op: 'create', after, n: 1, action: slow });
    const child = start(scenario, Infinity);
    const closed = once(child, 'close');
    await waitFor(() => fleet.backend.faults.hits.length === 1 && ours().length === 1);
    child.kill('SIGKILL');
    await closed;
    expect(await proven(1)).toBe(0);
    await Promise.all(strangers.map((id) => fleet.kill(id)));
  },
);

// What was begun, and where it was cut off.
test.each([
  ['scale', 8],
  ['recover', 5],
  ['terminate', 2],
])(
  '%s, killed before step %i: the start that makes it good is killed before each of its own steps',
  async (scenario, cut) => {
    for (let at = 1; ; at++) {
      expect(at).toBeLessThan(STEPS_MAX);
      expect(await crashed(scenario, cut)).toBe(false);
      const isDone = await crashed('mend', at);
      await proven(3);
      if (isDone) break;
    }
    await Promise.all(strangers.map((id) => fleet.kill(id)));
  },
  120_000,
);
