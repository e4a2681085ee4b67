'use strict';

// What one kind of store takes for the life of a sandbox (insert, update, remove), and for a lease (claim,
// release).
//
//   node ledger.js '{ "store", "calls", "warmUp", "concurrency" }'

const { randomUUID } = require('node:crypto');
const { finish } = require('./finish');
const { withStore } = require('./with-store');

const IDLE_ROWS = 50;
const FILLER = 'x'.repeat(300);

function row(store, fields) {
  return {
    ...{ token: `${store.id.slice(0, 8)}-${randomUUID()}`, owner: 'owner', instance: randomUUID() },
    ...{ state: 'creating', place: 1, fingerprint: 'spec', data: { spec: { filler: FILLER } } },
    ...fields,
  };
}

async function life(store) {
  const { token } = await store.insert(row(store), { maximum: 10_000 });
  await store.update(token, 1, { state: 'idle', sandboxId: 'sbx' });
  await store.remove(token, 2);
}

async function lease(store) {
  const changes = { state: 'leased', instance: 'us' };
  const claimed = await store.claim('owner', { fingerprint: 'warm' }, changes);
  await store.update(claimed.token, claimed.version, { state: 'idle' }, { durable: false });
}

async function times(count, work) {
  const took = [];
  for (let n = 0; n < count; n += 1) {
    const startedMs = performance.now();
    await work();
    took.push(performance.now() - startedMs);
  }
  return took.sort((a, b) => a - b);
}

async function perSecond(count, work) {
  const startedMs = performance.now();
  await work();
  return (count / (performance.now() - startedMs)) * 1_000;
}

async function measure(store, { calls, warmUp, concurrency }) {
  await times(warmUp, () => life(store));
  const took = await times(calls, () => life(store));
  const at = (part) => took[Math.min(took.length - 1, Math.floor(took.length * part))];
  const each = Math.max(10, Math.ceil(calls / concurrency));
  const createsPerS = await perSecond(each * concurrency, () =>
    Promise.all(Array.from({ length: concurrency }, () => times(each, () => life(store)))),
  );
  for (let n = 0; n < IDLE_ROWS; n += 1) {
    await store.insert(row(store, { state: 'idle', fingerprint: 'warm' }), { maximum: 10_000 });
  }
  await times(warmUp, () => lease(store));
  const pairs = calls * 2;
  const pairsPerS = await perSecond(pairs, () => times(pairs, () => lease(store)));
  return { p50Ms: at(0.5), p99Ms: at(0.99), createsPerS, pairsPerS };
}

finish((plan) => withStore(plan.store, (store) => measure(store, plan)));
