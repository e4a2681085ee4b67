'use strict';

// The store of a run, if the manager has one: memoryStore with the world's own time, watched. A
// manager of before the ledger runs without; the invariants say so themselves.

const { SandboxManager } = require('../../lib');
const { Ledger, linkStore } = require('./store-link');
const { VirtualClock } = require('./virtual-clock');
const { createClock } = require('../../lib/clock');

/** @returns {object|null} { ledger, store, config(process) } */
function ledgerOf(world) {
  if (typeof SandboxManager.prototype.acquire !== 'function') return null;
  const { memoryStore } = require('../../lib/store');
  const { scheduler, trace, root } = world;
  const clock = new VirtualClock(scheduler, root.fork('store clock'), null, () => {});
  const shared = root.fork('shared').chance(0.5);
  const store = memoryStore({ clock: createClock(clock.functions()) });
  const ledger = new Ledger((...change) => world.invariants.ledgerChanged(...change));
  const common = { store, ledger, scheduler, trace, random: root.fork('store'), shared };
  const config = (process) => {
    const link = linkStore(process, common);
    return { store: world.sabotage?.store?.(link, process, world) ?? link };
  };
  return { ledger, store, config };
}

module.exports = { ledgerOf };
