'use strict';

// Runs one seed in this process and says how it went. Also hears what no run may let slip: rejections
// that nobody handles and warnings of Node (leaking listeners, throwing listeners).

const { World } = require('./world');

let current = null;
process.on('unhandledRejection', (error) => {
  current?.violate('an unhandled rejection', error?.stack ?? String(error));
});
process.on('warning', (warning) => {
  if (warning.name === 'ExperimentalWarning') return;
  current?.violate('a process warning', warning.stack ?? String(warning));
});

/**
 * @param {number} seed
 * @param {object} [how]
 * @param {object|null} [how.sabotage] of sabotage.js
 * @param {string[]} [how.without] names of faults that are left out
 * @param {boolean} [how.stacks] errors keep their stacks: slower
 * @returns {Promise<object>} { seed, hash, steps, virtualMs, counts, violation, trace }
 */
async function runSeed(seed, { sabotage = null, without = [], stacks = false } = {}) {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = stacks ? 20 : 0;
  const world = new World(seed, { sabotage, without });
  current = world;
  try {
    const violation = await world.run();
    const { scheduler, trace, counts } = world;
    const { steps, nowMs: virtualMs } = scheduler;
    return { seed, hash: trace.hash(), steps, virtualMs, counts, violation, trace };
  } finally {
    current = null;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

module.exports = { runSeed };
