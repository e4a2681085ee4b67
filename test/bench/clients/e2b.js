'use strict';

// The operations that are measured, as a user of the official SDK writes them. Each checks that it
// got what it asked for: work that is not done must not be measured.

const assert = require('node:assert/strict');

async function open() {
  const { Sandbox } = await import('e2b');
  const sandbox = await Sandbox.create();
  const { sandboxId } = sandbox;
  return {
    async get() {
      const info = await Sandbox.getInfo(sandboxId);
      assert.equal(info.sandboxId, sandboxId);
    },
    async stream() {
      let heard = 0;
      const onStdout = (text) => {
        heard += text.length;
      };
      const done = await sandbox.commands.run('go', { onStdout });
      assert.equal(done.exitCode, 0);
      assert.equal(done.stdout.length, 1000);
      assert.equal(heard, 1000);
    },
  };
}

module.exports = { open };
