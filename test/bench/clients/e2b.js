'use strict';

// The operations that are measured, as a user of the official SDK writes them. Each checks that it
// got what it asked for: work that is not done must not be measured.

const assert = require('node:assert/strict');

const { FILE_BYTES, OUTPUT_BYTES, SHORT_OUTPUT_BYTES } = require('../sizes');

async function open() {
  const { Sandbox } = await import('e2b');
  const sandbox = await Sandbox.create();
  const { sandboxId } = sandbox;
  const background = { background: true, timeoutMs: 0, onStdout() {} };

  async function run(command, length) {
    let heard = 0;
    const onStdout = (text) => {
      heard += text.length;
    };
    const done = await sandbox.commands.run(command, { onStdout });
    assert.equal(done.exitCode, 0);
    assert.equal(done.stdout.length, length);
    assert.equal(heard, length);
  }

  return {
    async get() {
      const info = await Sandbox.getInfo(sandboxId);
      assert.equal(info.sandboxId, sandboxId);
    },
    stream: () => run('go', SHORT_OUTPUT_BYTES),
    idle: () => sandbox.commands.run('idle', background),
    ticks: () => sandbox.commands.run('ticks', background),
    output: () => run('flood', OUTPUT_BYTES),
    async download() {
      const bytes = await sandbox.files.read('b', { format: 'bytes' });
      assert.equal(bytes.length, FILE_BYTES);
    },
    async downloadStream() {
      let length = 0;
      const stream = await sandbox.files.read('b', { format: 'stream' });
      for await (const chunk of stream) length += chunk.length;
      assert.equal(length, FILE_BYTES);
    },
    upload: (bytes) => sandbox.files.write('b', bytes.buffer),
    uploadStream: (bytes, chunks) => sandbox.files.write('b', ReadableStream.from(chunks(bytes))),
  };
}

module.exports = { open };
