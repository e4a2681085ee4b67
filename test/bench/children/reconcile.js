'use strict';

// One pass of reconcile over a big fleet whose far end is in this process: how long it takes, and for how
// long at most nothing else got its turn. The sandboxes are in the hands of another manager that lives
// (nothing is to be done), or of a dead one (the pass ends as many as a pass may).
//
//   node reconcile.js '{ "sandboxes", "dead", "warmUp", "passes" }'

const assert = require('node:assert/strict');

const { memoryStore } = require('../../../lib/store');
const { self } = require('../../../lib/fleet/identity');
const { finish } = require('./finish');
const { watchingLoop } = require('./loop-watch');
const { median } = require('../median');
const { stubbedManager } = require('./stubbed-manager');

const OWNER = 'bench';
/** What a pass does at most. */
const ACTIONS_MAX = 500;

/** The rows of a fleet as its managers wrote them, and the list of what they stand for. */
async function fill(store, { sandboxes, dead }) {
  if (!dead) await store.beat({ id: 'another', owner: OWNER, host: self() });
  const list = [];
  const prefix = store.id.slice(0, 8);
  for (let n = 0; n < sandboxes; n += 1) {
    const [token, sandboxId] = [`${prefix}-${String(n).padStart(30, '0')}`, `sandbox${n}`];
    const createdAt = new Date().toISOString();
    await store.insert(
      {
        ...{ token, owner: OWNER, instance: 'another', state: 'leased', place: 1, sandboxId },
        ...{ fingerprint: 'f'.repeat(64), holder: null },
        data: { name: `trading-${n}`, template: 'base', timeout: 3600, createdAt },
      },
      { maximum: sandboxes },
    );
    list.push({
      ...{ sandboxId, name: `trading-${n}`, template: 'base', status: 'running' },
      metadata: { 'e2b-swarm.owner': OWNER, 'e2b-swarm.token': token },
    });
  }
  return list;
}

finish(async (plan) => {
  const store = memoryStore();
  await store.open();
  let list = await fill(store, plan);
  const manager = stubbedManager({ store, owner: OWNER, list: () => [...list] });
  const [times, blocked, own] = [[], [], []];
  // What is run for the first times is compiled.
  for (let pass = 0; pass < plan.warmUp; pass += 1) await manager.reconcile();
  for (let pass = 0; pass < plan.passes; pass += 1) {
    global.gc();
    const live = await store.rows(OWNER, { limit: 10_000, states: ['leased'] });
    const ids = new Set(live.map(({ sandboxId }) => sandboxId));
    list = list.filter(({ sandboxId }) => ids.has(sandboxId));
    const { result, ms, wallMs, ownMs } = await watchingLoop(() => manager.reconcile());
    times.push(ms);
    blocked.push(wallMs);
    own.push(ownMs);
    const { listed, failed, done } = result;
    assert.equal(listed, list.length);
    assert.equal(failed, 0);
    assert.equal(done, plan.dead ? Math.min(list.length, ACTIONS_MAX) : 0);
  }
  return { ms: median(times), blockedMs: median(blocked), ownMs: median(own) };
});
