'use strict';

// The operations that are measured, as a user of this package writes them. Each checks that it got
// what it asked for: work that is not done must not be measured.

const assert = require('node:assert/strict');

const swarm = require('e2b-swarm');

async function open() {
  const { sandboxId } = await swarm.createE2bSandbox('bench');
  return {
    async get() {
      const status = await swarm.getE2bSandboxStatus(sandboxId, { metrics: false });
      assert.equal(status.sandboxId, sandboxId);
    },
    async stream() {
      let heard = 0;
      const onStdout = (text) => {
        heard += text.length;
      };
      const done = await swarm.executeE2bProcess(sandboxId, 'go', null, 60, true, { onStdout });
      assert.equal(done.exitCode, 0);
      assert.equal(done.stdout.length, 1000);
      assert.equal(heard, 1000);
    },
  };
}

module.exports = { open };
