'use strict';

// A process of a fleet: takes and gives back leases over a store that it shares with others, and makes a
// mark in each sandbox while it holds it. A mark that is there already is somebody else's: two owners.
// Prints { leases, doubled } when it is done.

const { once } = require('node:events');
const stores = require('../../../lib/store');
const { SandboxManager } = require('../../../lib/fleet/manager');

const { kind, where, client, maxPoolSize, leases } = JSON.parse(process.argv[2]);

async function main() {
  const store = stores[kind](where);
  const manager = new SandboxManager({
    ...{ ...client, store, maxPoolSize, owner: 'shared', healthCheckBypassMs: 60_000 },
    ...{ healthCheckInterval: 0, cleanupInterval: 0, pool: { reconcileMs: 0 } },
  });
  const told = { leases: 0, doubled: 0 };
  for (let i = 0; i < leases; i++) {
    const lease = await manager.acquire();
    const { exitCode } = await lease.execute('mkdir', ['/tmp/held']);
    if (exitCode !== 0) told.doubled++;
    await lease.execute('rmdir', ['/tmp/held']);
    await lease.release({ recycle: true });
    told.leases++;
  }
  process.send(told);
  // The others may be waiting for what is idle here.
  await once(process, 'message');
  const { success } = await manager.shutdown();
  await store.close();
  process.exit(success ? 0 : 1);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
