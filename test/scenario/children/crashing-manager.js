'use strict';

// A process with one manager on a store that lasts, which kills itself (SIGKILL) right before the N-th thing
// that it would ask of the store or of the far end: a crash at every await. Argument: JSON of
// { kind, where, client, scenario, at, config }; kind and where: the store's function, its arguments. Writes 'ready' when it is armed and 'done' when the work is
// complete; then it dies likewise: nobody shuts anything down here.

const fs = require('node:fs');
const native = require('../../../lib/native');
const { SandboxManager } = require('../../../lib');
const stores = require('../../../lib/store');
const { wrapped } = require('../../helpers/store');

const { kind, where, client, scenario, at, config } = JSON.parse(process.argv[2]);

let armed = false;
let steps = 0;
function step() {
  if (!armed) return;
  steps++;
  if (steps === at) process.kill(process.pid, 'SIGKILL');
}

const counted = {};
for (const [name, value] of Object.entries(native)) {
  const call = (...args) => {
    step();
    return value(...args);
  };
  counted[name] = typeof value === 'function' ? call : value;
}

const store = wrapped(stores[kind](...where), (_op, _args, work) => {
  step();
  return work();
});

const manager = new SandboxManager({
  ...{ ...client, store, healthCheckInterval: 0, cleanupInterval: 0, retryDelay: 1 },
  ...{ maxPoolSize: 3, ...config, pool: { settleMs: 20, reconcileMs: 0 } },
  [Symbol.for('e2b-swarm.native')]: counted,
});

const must = async (result) => {
  const { success, error } = await result;
  if (!success) throw new Error(error);
};

/** What is done unharmed, and what follows with a crash in it. */
const SCENARIOS = {
  create: () => () => must(manager.createTradingSandbox()),
  scale: () => () => must(manager.scaleUp(3)),
  acquire: async () => {
    await must(manager.createTradingSandbox());
    return () => manager.acquire();
  },
  terminate: async () => {
    const lease = await manager.acquire();
    return () => lease.release();
  },
  release: async () => {
    const lease = await manager.acquire();
    return () => lease.release({ recycle: true });
  },
  recover: async () => {
    const { sandboxId } = await manager.createTradingSandbox();
    return () => must(manager._attemptRecovery(sandboxId));
  },
};

// Without waiting: a crash loses what is not written by then.
function arm() {
  fs.writeSync(1, 'ready\n');
  armed = true;
}

async function main() {
  // Its first pass makes good what another one left: harmless here, or the work itself.
  if (scenario === 'mend') arm();
  await manager.reconcile();
  if (scenario !== 'mend') {
    const work = await SCENARIOS[scenario]();
    arm();
    await work();
  }
  armed = false;
  fs.writeSync(1, `done ${steps}\n`);
  process.kill(process.pid, 'SIGKILL');
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
