'use strict';

// Run by tools/pack-smoke.js where the packed archive is installed: one command in a sandbox of the
// packaged local backend, through the addon that was built there.

const assert = require('node:assert');
const e2b = require('e2b-swarm');
const { startLocalBackend } = require('e2b-swarm/local');
const { version } = require('e2b-swarm/package.json');

async function main() {
  assert.strictEqual(e2b.getVersion(), version);
  const backend = await startLocalBackend({ isolation: 'none' });
  try {
    Object.assign(process.env, backend.env);
    const sandbox = await e2b.createE2bSandbox('smoke');
    const result = await e2b.executeE2bProcess(sandbox.sandboxId, 'echo', ['hi there']);
    assert.strictEqual(result.stdout, 'hi there\n');
    const ended = await e2b.terminateE2bSandbox(sandbox.sandboxId);
    assert.strictEqual(ended.status, 'terminated');
  } finally {
    await backend.close();
  }
}
main();
