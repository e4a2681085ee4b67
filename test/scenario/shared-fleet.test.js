'use strict';

// Two managers of one fleet on one store, in one process: one quota, one pool, no sandbox in two hands.

const { memoryStore } = require('../../lib/store');
const { gatedStore, wrapped } = require('../helpers/store');
const { lives } = require('./helpers/far-sandboxes');
const { movableClock, recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();
const far = () => fleet.backend.sandboxes().map(({ sandboxId }) => sandboxId);

let store;
let world;
beforeEach(() => {
  store = memoryStore();
  world = lives();
});

const member = (name, config) =>
  fleet.manager({ store, maxPoolSize: 3, shutdownGraceMs: 50, ...world.as(name), ...config });

test('they share one quota: of 8 creations of each at once, 3 succeed', async () => {
  const both = [member('a'), member('b')];
  const creating = both.flatMap((manager) =>
    Array.from({ length: 8 }, () => manager.createTradingSandbox()),
  );
  const results = await Promise.all(creating);
  expect(results.filter(({ success }) => success)).toHaveLength(3);
  const refused = results.filter(({ success }) => !success);
  expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['CAPACITY']));
  expect(far()).toHaveLength(3);
  const said = await Promise.all(both.map((manager) => manager.createTradingSandbox()));
  expect(said.map(({ error }) => error).join()).toMatch(/with other managers, of maxPoolSize 3/);
});

test('scaling counts what the other has', async () => {
  const [a, b] = [member('a'), member('b')];
  await a.scaleUp(2);
  expect(await b.scaleUp(3)).toMatchObject({ created: 1 });
  expect(await a.scaleUp(3)).toMatchObject({ created: 0 });
  expect(far()).toHaveLength(3);
});

test('200 leases by both, recycled: never one sandbox in two hands, no more than 3, all served', async () => {
  let seed = 1;
  const dice = (sides) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % sides;
  };
  const turns = wrapped(store, async (_op, _args, work) => {
    // Answers in another order than questions.
    for (let n = dice(3); n > 0; n--) await new Promise(setImmediate);
    const answer = await work();
    for (let n = dice(3); n > 0; n--) await new Promise(setImmediate);
    return answer;
  });
  turns.shared = true;
  const config = { store: turns, healthCheckBypassMs: 60_000 };
  const both = [member('a', config), member('b', config)];
  const held = new Map();
  const fences = new Map();
  let most = 0;
  let served = 0;
  async function user(n) {
    for (let turn = 0; turn < 10; turn++) {
      const lease = await both[n % 2].acquire({}, { timeoutMs: 15_000 });
      const { sandboxId, token } = lease;
      expect(held.get(sandboxId)).toBeUndefined();
      expect(token).toBeGreaterThan(fences.get(sandboxId) ?? -1);
      held.set(sandboxId, n);
      fences.set(sandboxId, token);
      most = Math.max(most, held.size);
      if (turn % 3 === 0) await lease.execute('true');
      else await new Promise(setImmediate);
      await lease.check();
      held.delete(sandboxId);
      await lease.release({ recycle: true });
      served++;
    }
  }
  await Promise.all(Array.from({ length: 20 }, (_, n) => user(n)));
  expect(served).toBe(200);
  expect(most).toBeGreaterThan(1);
  expect(far().length).toBeLessThanOrEqual(3);
  expect(await store.count('e2b-swarm')).toBe(far().length);
}, 60_000);

test('one that the other has taken out of the pool leaves the view of its maker', async () => {
  const [a, b] = [member('a'), member('b')];
  const { sandboxId } = await a.createTradingSandbox();
  const { of } = recorded(a);
  const lease = await b.acquire();
  expect(lease.sandboxId).toBe(sandboxId);
  expect(a.listSandboxes().count).toBe(1);
  await a.reconcile();
  expect(a.listSandboxes().count).toBe(0);
  expect(of('sandbox:terminated')).toEqual([{ sandboxId, reason: 'fenced' }]);
  expect(await lease.execute('echo ok')).toMatchObject({ stdout: 'ok\n' });
});

test('the maker’s calls to it are FENCED and reach nothing; its cleanup leaves it alone', async () => {
  const time = movableClock();
  const [a, b] = [member('a', { clock: time.clock }), member('b')];
  const { sandboxId } = await a.createTradingSandbox();
  const lease = await b.acquire();
  const asked = fleet.asked('start', 'kill').length;
  time.pass(3_700_000);
  expect(await a.cleanup()).toMatchObject({ cleanup: { terminated: 0, failed: 0 } });
  expect(fleet.asked('start', 'kill')).toHaveLength(asked);
  expect(lease.sandboxId).toBe(sandboxId);
  expect(await lease.execute('echo ok')).toMatchObject({ stdout: 'ok\n' });
});

test.each([
  ['executeStrategy', (manager, id) => manager.executeStrategy(id, 'true')],
  ['deployAgent', (manager, id) => manager.deployAgent(id, 'momentum', ['SPX'])],
  ['_attemptRecovery', (manager, id) => manager._attemptRecovery(id)],
])('%s of the maker is FENCED, and nothing is sent', async (_name, call) => {
  const [a, b] = [member('a'), member('b')];
  const { sandboxId } = await a.createTradingSandbox();
  const lease = await b.acquire();
  const asked = fleet.asked('start', 'kill').length;
  expect(await call(a, sandboxId)).toMatchObject({ success: false, code: 'FENCED' });
  expect(fleet.asked('start', 'kill')).toHaveLength(asked);
  expect(a.listSandboxes().count).toBe(0);
  await lease.check();
});

test('a holder that was thought dead is refused once it comes back, before anything is sent', async () => {
  const time = movableClock();
  const gated = gatedStore(memoryStore({ clock: time.clock }));
  const silent = { [Symbol.for('e2b-swarm.identity')]: { self: () => ({}), isAlive: () => null } };
  const config = { store: gated, clock: time.clock, ...silent };
  const [a, b] = [member('a', config), member('b', config)];
  await a.reconcile();
  await b.reconcile();
  const lease = await a.acquire();
  const { of } = recorded(a, ['lease:lost']);
  // A minute without a beat of a's; b beats before it looks.
  time.pass(61_000);
  await b.reconcile();
  await waitFor(() => far().length === 0);
  const asked = fleet.asked('start', 'timeout').length;
  await expect(lease.execute('true')).rejects.toMatchObject({ code: 'FENCED' });
  await expect(lease.renew()).rejects.toMatchObject({
    code: expect.stringMatching(/^(FENCED|LEASE_OVER|SANDBOX_GONE)$/),
  });
  expect(fleet.asked('start', 'timeout')).toHaveLength(asked);
  expect(of('lease:lost')).toMatchObject([{ sandboxId: lease.sandboxId, reason: 'fenced' }]);
  expect(lease.over).toBe('lost');
});

test('what one releases, the other gets that waits', async () => {
  const [a, b] = [member('a', { maxPoolSize: 1 }), member('b', { maxPoolSize: 1 })];
  const lease = await a.acquire();
  const waiting = b.acquire({}, { timeoutMs: 10_000 });
  await waitFor(() => b.inspect().waiting === 1);
  await lease.release({ recycle: true });
  expect((await waiting).sandboxId).toBe(lease.sandboxId);
});

test('the shutdown of one leaves what the other has', async () => {
  const [a, b] = [member('a'), member('b')];
  await a.createTradingSandbox();
  const lease = await b.acquire({ env: { A: '1' } });
  expect(await a.shutdown()).toMatchObject({ success: true, terminated: 1 });
  expect(far()).toEqual([lease.sandboxId]);
  expect(await lease.execute('echo ok')).toMatchObject({ stdout: 'ok\n' });
});

test('a refusal for concurrency is a ceiling for all that the fleet has', async () => {
  const [a, b] = [member('a', { retryAttempts: 1 }), member('b')];
  await b.scaleUp(2);
  const body = { code: 429, message: 'maximum number of concurrent E2B sandboxes (2)' };
  fleet.backend.faults.add({ op: 'create', n: 1, action: { status: 429, body } });
  expect(await a.createTradingSandbox()).toMatchObject({ success: false });
  expect(a.inspect().maximum).toBe(2);
});
