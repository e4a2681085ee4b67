'use strict';

// One lease through renewals, a far end that cannot be reached, the death of its sandbox, its release and
// time, in any order. What must hold of it at every moment, and of everything that it let through.

const fc = require('fast-check');
const { SandboxManager } = require('../../../lib');
const { memoryStore } = require('../../../lib/store');
const { createClock } = require('../../../lib/clock');
const { handClock, handFarEnd, quiet } = require('./helpers/hand-world');

const LIFE_MS = 600_000;
const MOST_MS = 2_000_000;
const GRACE_MS = 5_000;

async function world() {
  const time = handClock();
  const far = handFarEnd(time);
  const clock = createClock(time.functions);
  const manager = new SandboxManager({
    ...{ clock, store: memoryStore({ clock }), healthCheckInterval: 0, cleanupInterval: 0 },
    pool: { reconcileMs: 0, maxLeaseMs: MOST_MS },
    [Symbol.for('e2b-swarm.native')]: far.native,
  });
  const told = [];
  for (const name of ['lease:expired', 'lease:released', 'lease:lost']) {
    manager.on(name, () => told.push(name));
  }
  const lease = await manager.acquire({ timeout: LIFE_MS / 1000 });
  return { time, far, manager, lease, told, startMs: time.nowMs };
}

const ACTS = {
  pass: ({ time }, ms) => time.pass(ms),
  async renew({ lease, far, time }) {
    const mayRenew = lease.over === null && !far.broken && far.alive.has(lease.sandboxId);
    const renewing = lease.renew();
    renewing.catch(() => {});
    await time.pass(60_000); // whatever retries it needs
    if (mayRenew) await renewing;
    else await expect(renewing).rejects.toThrow();
  },
  break({ far }) {
    far.broken = true;
  },
  mend({ far }) {
    far.broken = false;
  },
  kill({ far, lease }) {
    far.alive.delete(lease.sandboxId);
  },
  async release({ lease, time }) {
    const isOver = lease.over !== null;
    const releasing = lease.release();
    releasing.catch(() => {});
    await time.pass(60_000);
    expect(lease.over).not.toBeNull();
    if (isOver) await expect(releasing).rejects.toMatchObject({ name: expect.any(String) });
  },
};

/** Tries a call, and says whether it went out. */
async function used({ lease, far, time }) {
  const asked = far.calls.length;
  const end = await lease.execute('true').then(
    () => 'done',
    (error) => error.code,
  );
  await quiet();
  return { end, sent: far.calls.slice(asked).some(([op]) => op === 'execute'), at: time.nowMs };
}

async function holds(one) {
  const { lease, far, time, told, startMs } = one;
  const isOver = lease.over !== null;
  const sandbox = far.alive.get(lease.sandboxId);
  if (!isOver) {
    const endsMs = Date.parse(lease.expiresAt) - time.functions.now() + time.nowMs;
    expect(endsMs).toBeLessThanOrEqual(startMs + MOST_MS);
    expect(endsMs).toBeGreaterThanOrEqual(time.nowMs - 1);
    // The sandbox outlives the lease, by the grace; a second is what rounding may cost.
    if (sandbox) expect(sandbox.endsAt - endsMs).toBeGreaterThanOrEqual(GRACE_MS - 1_000);
  }
  const call = await used(one);
  if (isOver) expect(call).toMatchObject({ sent: false });
  else if (!far.broken && sandbox) expect(call).toMatchObject({ end: 'done', sent: true });
  expect(told.length).toBeLessThanOrEqual(1);
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('pass'), fc.integer({ min: 1, max: 400_000 })) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom('renew', 'break', 'mend', 'mend')) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('kill', 'release')) },
);

test('a lease holds, renews itself and ends as it should, whatever happens to it', async () => {
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 30, size: 'max' }),
    async (steps) => {
      const one = await world();
      for (const [name, value] of steps) {
        await ACTS[name](one, value);
        await quiet();
        await holds(one);
      }
      one.far.broken = false;
      await one.time.pass(MOST_MS + LIFE_MS);
      expect(one.lease.over).not.toBeNull();
      expect(one.told).toHaveLength(1);
      // What could not be ended at once was ended later, or its life was over.
      expect([...one.far.alive.values()].filter(({ endsAt }) => endsAt > one.time.nowMs)).toEqual(
        [],
      );
      expect(await one.manager.inspect()).toMatchObject({ live: 0, taken: 0 });
    },
  );
  await fc.assert(property, { numRuns: 100, seed: 20_261_121 });
}, 120_000);

test('left alone it renews itself, at half its life each time, and ends at maxLeaseMs', async () => {
  const { time, far, lease, told } = await world();
  await time.pass(MOST_MS - 1);
  expect(lease.over).toBeNull();
  expect(far.calls.filter(([op]) => op === 'timeout').length).toBeGreaterThanOrEqual(5);
  await time.pass(1);
  expect([lease.over, told, far.alive.size]).toEqual(['expired', ['lease:expired'], 0]);
});

test('past its deadline it is over, also when the timer that ends it is late', async () => {
  let lateMs = 0;
  const time = handClock();
  const clock = createClock({ ...time.functions, steady: () => time.nowMs + lateMs });
  const far = handFarEnd(time);
  const manager = new SandboxManager({
    ...{ clock, healthCheckInterval: 0, cleanupInterval: 0, pool: { reconcileMs: 0 } },
    [Symbol.for('e2b-swarm.native')]: far.native,
  });
  const lease = await manager.acquire({ timeout: 600 });
  lateMs = LIFE_MS - GRACE_MS;
  const asked = far.calls.length;
  await expect(lease.execute('true')).rejects.toMatchObject({ code: 'LEASE_OVER' });
  expect(far.calls).toHaveLength(asked);
});
