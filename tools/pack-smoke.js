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

const PROGRAMS = path.join(__dirname, 'pack-smoke');

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

  for (const file of fs.readdirSync(PROGRAMS)) {
    fs.copyFileSync(path.join(PROGRAMS, file), path.join(folder, file));
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
