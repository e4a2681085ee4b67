'use strict';

// Sandboxes of the local backend as users of the two packages handle them: what `create` gives is
// handed to the others. Each checks that it got what it asked for.

const assert = require('node:assert/strict');

const TIMEOUT_S = 80;

function swarm() {
  const e2bSwarm = require('e2b-swarm');

  async function run(sandboxId, command, captured, options) {
    const done = await e2bSwarm.executeE2bProcess(
      ...[sandboxId, command, null, TIMEOUT_S, captured, options],
    );
    assert.equal(done.exitCode, 0);
    return done.stdout;
  }

  return {
    create: async () => (await e2bSwarm.createE2bSandbox('bench')).sandboxId,
    run: (sandboxId, command) => run(sandboxId, command, true, {}),
    listen: (sandboxId, command, onStdout) => run(sandboxId, command, false, { onStdout }),
    write: (sandboxId, file, text) => e2bSwarm.writeE2bFile(sandboxId, file, text),
    read: (sandboxId, file) => e2bSwarm.readE2bFile(sandboxId, file),
    async kill(sandboxId) {
      const { alreadyGone } = await e2bSwarm.terminateE2bSandbox(sandboxId, true);
      assert.equal(alreadyGone, false);
    },
  };
}

async function official() {
  const { Sandbox } = await import('e2b');

  async function run(sandbox, command, options) {
    const done = await sandbox.commands.run(command, { timeoutMs: TIMEOUT_S * 1000, ...options });
    assert.equal(done.exitCode, 0);
    return done.stdout;
  }

  return {
    create: () => Sandbox.create(),
    run: (sandbox, command) => run(sandbox, command, {}),
    listen: (sandbox, command, onStdout) => run(sandbox, command, { onStdout }),
    write: (sandbox, file, text) => sandbox.files.write(file, text),
    read: (sandbox, file) => sandbox.files.read(file),
    async kill(sandbox) {
      assert.equal(await sandbox.kill(), true);
    },
  };
}

/**
 * @param {'e2b-swarm'|'e2b'} name
 * @returns {Promise<object>} its operations
 */
async function openSandboxes(name) {
  return name === 'e2b' ? official() : swarm();
}

module.exports = { openSandboxes };
