'use strict';

// What a manager pays for its ledger: a create costs an insert before, an update and at the end a
// removal, all durable; a lease costs a claim and a release, which need not be. The same kind of table as
// in experiments.js.

const REMARKS = {
  memory: 'nothing is kept',
  file: 'three syncs of the disk',
  sqlite: 'three syncs of the disk, during which the loop stands',
  postgres: 'a server on this host, with its syncs, over a socket',
};

function ledger(store) {
  const name = `${store}Store`;
  return {
    ...{ id: `ledger-${store}`, child: 'ledger', clients: ['e2b-swarm'], rounds: 3 },
    plan: { store, calls: store === 'postgres' ? 150 : 500, warmUp: 50, concurrency: 50 },
    rows: [
      {
        ...{ id: `ledger-${store}-p50`, name: `ledger cost per create, ${name}` },
        ...{ unit: 'ms, median', field: 'p50Ms', remark: REMARKS[store] },
      },
      {
        ...{ id: `ledger-${store}-p99`, name: `ledger cost per create, ${name}: p99` },
        ...{ unit: 'ms', field: 'p99Ms' },
      },
      {
        ...{ id: `ledger-${store}-many`, name: `ledger of ${name}, 50 creates at a time` },
        ...{ unit: 'creates per second', field: 'createsPerS', better: 'more' },
      },
      {
        ...{ id: `ledger-${store}-pairs`, name: `claim and release, ${name}` },
        ...{ unit: 'pairs per second', field: 'pairsPerS', better: 'more' },
      },
    ],
  };
}

module.exports = { STORE_EXPERIMENTS: Object.keys(REMARKS).map(ledger) };
