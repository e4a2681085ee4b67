'use strict';

// A manager whose far end is in this process and answers at the next turn: for what the manager alone
// costs, with more sandboxes than this machine could run.

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * @param {object} how
 * @param {() => object[]} [how.list] what the far end lists
 * @returns {SandboxManager} whose background rounds are off
 */
function stubbedManager({ list = () => [], ...config }) {
  const { SandboxManager } = require('e2b-swarm');
  let made = 0;
  const native = {
    kReserved: Symbol('reserved'),
    async createE2bSandbox(name, template) {
      await nextTurn();
      made += 1;
      return { sandboxId: `sandbox${made}`, name, template, url: `https://${made}.sandboxes` };
    },
    async listE2bSandboxes() {
      await nextTurn();
      return list();
    },
    async terminateE2bSandbox(sandboxId) {
      await nextTurn();
      return { sandboxId, status: 'terminated', alreadyGone: false };
    },
  };
  return new SandboxManager({
    ...{ healthCheckInterval: 0, cleanupInterval: 0, pool: { reconcileMs: 0 } },
    ...config,
    [Symbol.for('e2b-swarm.native')]: native,
  });
}

module.exports = { stubbedManager };
