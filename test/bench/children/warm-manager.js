'use strict';

// A manager whose pool is warm, and whose background rounds are off: what is measured is what was asked.

const assert = require('node:assert/strict');

const WARM = 10;

/**
 * @param {object} config of SandboxManager
 * @returns {Promise<SandboxManager>} with `assertReused()`: nothing was made beside the warm ones
 */
async function openManager(config) {
  const { SandboxManager } = require('e2b-swarm');
  const manager = new SandboxManager({
    ...{ maxPoolSize: 4 * WARM, healthCheckInterval: 0, cleanupInterval: 0 },
    ...{ pool: { reconcileMs: 0 }, ...config },
  });
  const { success, created, errors } = await manager.scaleUp(WARM);
  assert.equal(success && created, WARM, String(errors));
  return Object.assign(manager, {
    assertReused() {
      assert.equal(manager.stats.sandboxesCreated, WARM);
    },
  });
}

module.exports = { openManager, WARM };
