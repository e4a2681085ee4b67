'use strict';

// Proves that what would be published works where it is installed: packs the project, installs the
// archive in an empty folder (which builds the addon there), then loads it both ways and runs a
// command in a sandbox of the packaged local backend. Run it by `npm run pack:smoke`, which sets up
// the tools first. Leaves nothing behind.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { nodeDir, npmCli, npmEnv } = require('./setup/node-tools');
const { runStep, say } = require('./setup/run-step');

const INSTALL_TIMEOUT_MS = 600_000;

const COMMON_JS = `
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
    assert.strictEqual(result.stdout, 'hi there\\n');
    const ended = await e2b.terminateE2bSandbox(sandbox.sandboxId);
    assert.strictEqual(ended.status, 'terminated');
  } finally {
    await backend.close();
  }
}
main();
`;

const ES_MODULE = `
import assert from 'node:assert';
import { SandboxManager, createE2bSandbox, getVersion } from 'e2b-swarm';
assert.strictEqual(typeof SandboxManager, 'function');
assert.strictEqual(typeof createE2bSandbox, 'function');
assert.match(getVersion(), /^\\d+\\.\\d+\\.\\d+/);
`;

function smoke(folder) {
  const env = { ...npmEnv(), npm_config_nodedir: nodeDir() };
  const options = { env, timeoutMs: INSTALL_TIMEOUT_MS };
  const npm = [npmCli(), '--loglevel=error', '--no-audit', '--no-fund'];

  say('packing');
  const packArgs = ['pack', '--json', '--pack-destination', folder];
  const packed = JSON.parse(runStep('pack', process.execPath, [...npm, ...packArgs], options));
  const [{ filename, files, size }] = Array.isArray(packed) ? packed : Object.values(packed);
  say(`${filename}: ${files.length} files, ${Math.round(size / 1024)} KB`);

  say('installing it in an empty folder');
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  const here = { ...options, cwd: folder };
  runStep('pack-install', process.execPath, [...npm, 'install', `./${filename}`], here);

  fs.writeFileSync(path.join(folder, 'smoke.cjs'), COMMON_JS);
  fs.writeFileSync(path.join(folder, 'smoke.mjs'), ES_MODULE);
  for (const file of ['smoke.cjs', 'smoke.mjs']) {
    runStep(`pack-${file}`, process.execPath, [file], { cwd: folder, timeoutMs: 60_000 });
    say(`${file} works`);
  }
}

if (require.main === module) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-smoke-'));
  try {
    smoke(folder);
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
