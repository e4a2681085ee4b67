'use strict';

// What the manager costs beside the far end: a sandbox out of its warm pool, reconcile of a big fleet, a
// sandbox's share of the heap. The same kind of table as in experiments.js.

const BOTH = ['e2b-swarm', 'e2b'];
const ALONE = ['e2b-swarm'];

/** So many by store: each should take some seconds at most. */
const PAIRS = { memory: 5_000, file: 5_000, sqlite: 5_000, postgres: 300 };
const WITHOUT_POOL = 'e2b has no pool: its create';

const acquire = (id, how, unit, field, more) => ({
  ...{ id: `warm-acquire${id}`, name: `warm acquire, ${how}`, unit, field, remark: WITHOUT_POOL },
  ...more,
});

const LATELY = 'looked at lately';
const FIRST = 'looked at first';

function pairs(store) {
  const name = `acquire and release of a warm one, ${store}Store`;
  const unit = 'pairs per second';
  const isFirst = store === 'memory';
  const remark = isFirst ? 'e2b has no pool: create and kill' : undefined;
  return {
    ...{ id: `pairs-${store}`, child: 'pairs', clients: isFirst ? BOTH : ALONE, rounds: 3 },
    plan: { rung: 'auto', store, calls: PAIRS[store], creates: 40, warmUp: PAIRS[store] / 5 },
    rows: [
      { id: `pairs-${store}-1`, name, unit, field: 'onePerS', better: 'more', remark },
      {
        ...{ id: `pairs-${store}-10`, name: `${name}: ten at a time`, unit, field: 'tenPerS' },
        ...{ better: 'more', remark },
      },
    ],
  };
}

function reconcile(id, what, dead) {
  const name = `reconcile of 10,000 sandboxes, ${what}`;
  return {
    ...{ id, child: 'reconcile', clients: ALONE, rounds: 3 },
    plan: { sandboxes: 10_000, dead, warmUp: 5, passes: 5 },
    rows: [
      { id, name, unit: 'ms', field: 'ms', remark: 'memoryStore; the far end is a stub' },
      {
        ...{ id: `${id}-blocked`, name: `${name}: the loop's longest turn`, unit: 'ms' },
        ...{ field: 'blockedMs', target: { atMost: 10 } },
        remark: 'counts the time in which others had the processor',
      },
      {
        ...{ id: `${id}-own`, name: `${name}: the loop's longest turn, its own work`, unit: 'ms' },
        ...{ field: 'ownMs', target: { atMost: 10 } },
        remark:
          'of clock and CPU time the lesser, turn by turn; the collector and its threads included',
      },
    ],
  };
}

function memory(sandboxes) {
  const name = `a manager of ${sandboxes.toLocaleString('en')} sandboxes: memory of each`;
  return {
    ...{ id: `fleet-memory-${sandboxes}`, child: 'fleet-memory', clients: ALONE, rounds: 3 },
    plan: { sandboxes },
    rows: [
      {
        ...{ id: `fleet-memory-${sandboxes}`, name, unit: 'KB of heap', field: 'heapKb' },
        remark: 'with its row in memoryStore',
      },
    ],
  };
}

const FLEET_EXPERIMENTS = [
  {
    ...{ id: 'warm-acquire', child: 'warm-acquire', clients: BOTH, rounds: 5 },
    plan: { rung: 'auto', calls: 2_000, creates: 100, warmUp: 300 },
    rows: [
      acquire('', LATELY, 'ms, median', 'p50Ms'),
      acquire('-p99', LATELY, 'ms, p99', 'p99Ms', { target: { below: 1 } }),
      acquire('-own-p99', LATELY, 'ms, p99 of the undisturbed', 'ownP99Ms', {
        target: { below: 1 },
        remark: 'without those in which the system gave the processor to another program',
      }),
      acquire('-looked', FIRST, 'ms, median', 'lookedP50Ms'),
      acquire('-looked-p99', FIRST, 'ms, p99', 'lookedP99Ms'),
    ],
  },
  ...Object.keys(PAIRS).map(pairs),
  reconcile('reconcile', 'nothing to do', false),
  reconcile('reconcile-dead', '500 of a dead manager ended', true),
  ...[1_000, 10_000].map(memory),
];

module.exports = { FLEET_EXPERIMENTS };
