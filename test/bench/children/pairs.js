'use strict';

// How often a second a sandbox of a warm pool is had and given back for the next, over one kind of
// store: one after the other, and ten at a time. The official client, which has no pool, creates and
// kills.
//
//   node pairs.js '{ "client", "rung", "store", "calls", "creates", "warmUp" }'

const assert = require('node:assert/strict');

const { WARM, openManager } = require('./warm-manager');
const { withLocalBackend } = require('./with-local-backend');
const { withStore } = require('./with-store');

/** @returns {Promise<number>} a second */
async function rate(count, atATime, pair) {
  const each = Math.ceil(count / atATime);
  const startedMs = performance.now();
  const loops = Array.from({ length: atATime }, async () => {
    for (let i = 0; i < each; i += 1) await pair();
  });
  await Promise.all(loops);
  return (each * atATime * 1000) / (performance.now() - startedMs);
}

async function rates(pair, { count, warmUp }) {
  await rate(warmUp, 1, pair);
  return { onePerS: await rate(count, 1, pair), tenPerS: await rate(count, WARM, pair) };
}

async function leases(store, { calls, warmUp }) {
  const manager = await openManager({ store, healthCheckBypassMs: 600_000 });
  const pair = async () => {
    const lease = await manager.acquire();
    assert.equal((await lease.release({ recycle: true })).recycled, true);
  };
  const measured = await rates(pair, { count: calls, warmUp });
  manager.assertReused();
  assert.equal((await manager.shutdown()).success, true);
  return measured;
}

withLocalBackend(async ({ create, kill }, plan) => {
  const { client, store: kind, creates, calls } = plan;
  if (client === 'e2b') {
    const pair = async () => kill(await create());
    return rates(pair, { count: Math.min(creates, calls), warmUp: Math.min(plan.warmUp, 5) });
  }
  return withStore(kind, (store) => leases(store, plan));
});
