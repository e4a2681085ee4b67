'use strict';

// The operations that are measured, as a user of this package writes them. Each checks that it got
// what it asked for: work that is not done must not be measured.

const assert = require('node:assert/strict');

const swarm = require('e2b-swarm');

const { FILE_BYTES, OUTPUT_BYTES, SHORT_OUTPUT_BYTES } = require('../sizes');

const TIMEOUT_S = 600;

async function open() {
  const { sandboxId } = await swarm.createE2bSandbox('bench');
  const background = { background: true, onStdout() {} };
  const hold = (command) =>
    swarm.executeE2bProcess(sandboxId, command, null, TIMEOUT_S, false, background);

  async function run(command, captured, length) {
    let heard = 0;
    const onStdout = (text) => {
      heard += text.length;
    };
    const options = { onStdout };
    const done = await swarm.executeE2bProcess(sandboxId, command, null, 60, captured, options);
    assert.equal(done.exitCode, 0);
    assert.equal(heard, length);
    return done;
  }

  return {
    async get() {
      const status = await swarm.getE2bSandboxStatus(sandboxId, { metrics: false });
      assert.equal(status.sandboxId, sandboxId);
    },
    async stream() {
      const done = await run('go', true, SHORT_OUTPUT_BYTES);
      assert.equal(done.stdout.length, SHORT_OUTPUT_BYTES);
    },
    idle: () => hold('idle'),
    ticks: () => hold('ticks'),
    output: () => run('flood', false, OUTPUT_BYTES),
    async download() {
      const bytes = await swarm.readE2bFile(sandboxId, 'b', { encoding: 'buffer' });
      assert.equal(bytes.length, FILE_BYTES);
    },
    async downloadStream() {
      let length = 0;
      const stream = await swarm.readE2bFile(sandboxId, 'b', { encoding: 'stream' });
      for await (const chunk of stream) length += chunk.length;
      assert.equal(length, FILE_BYTES);
    },
    upload: (bytes) => swarm.writeE2bFile(sandboxId, 'b', bytes),
    uploadStream: (bytes, chunks) =>
      swarm.writeE2bFile(sandboxId, 'b', chunks(bytes), { size: bytes.length }),
  };
}

module.exports = { open };
