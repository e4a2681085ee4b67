'use strict';

// The tools and headers that the addon's build needs: finds out which are missing, installs them where
// that is our business (Debian's family, as root), and tells the exact command everywhere else.
// Presence is looked at on every run (a few ms); that the tools really work, only when they changed.

const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const { adviceFor, describe } = require('./advice');
const { nodeDir, which } = require('./node-tools');
const { SETUP_FOLDER, SetupError, runStep, say } = require('./run-step');

const LIBRARIES = {
  libcurl: '#include <curl/curl.h>',
  libcjson: '#include <cJSON.h>',
  openssl: '#include <openssl/ssl.h>',
};
const PROBE_TIMEOUT_MS = 60_000;
// dpkg's helpers live in the sbin folders, which a bare PATH may not have.
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

function succeeds(file, args, input) {
  const result = spawnSync(file, args, { input, stdio: 'pipe', timeout: PROBE_TIMEOUT_MS });
  return result.status === 0;
}

function tools(env) {
  return {
    cc: which(env.CC || 'cc', env),
    'c++': which(env.CXX || 'c++', env),
    make: which(env.MAKE || 'make', env),
    python3: which('python3', env),
    'pkg-config': which('pkg-config', env),
  };
}

/** Flags of a library, or null when pkg-config does not know it. */
function flagsOf(pkgConfig, library) {
  const result = spawnSync(pkgConfig, ['--cflags', '--libs', library], { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim().split(/\s+/).filter(Boolean) : null;
}

/** What is not there at all; cheap. @returns {{ missing: string[], found: object }} */
function look(env = process.env) {
  const found = { ...tools(env), 'node-headers': nodeDir(env) };
  for (const library of Object.keys(LIBRARIES)) {
    found[library] = found['pkg-config'] && flagsOf(found['pkg-config'], library);
  }
  return { missing: Object.keys(found).filter((need) => found[need] === null), found };
}

/** A python3 new enough for gyp: the first on PATH, else the system's. */
function workingPython(env = process.env) {
  const test = 'import sys; sys.exit(sys.version_info < (3, 9))';
  const candidates = [which('python3', env), '/usr/bin/python3'];
  return candidates.find((file) => file && succeeds(file, ['-c', test])) ?? null;
}

function links(compiler, language, source, flags) {
  fs.mkdirSync(SETUP_FOLDER, { recursive: true });
  const output = path.join(SETUP_FOLDER, `probe.${process.pid}`);
  const works = succeeds(compiler, ['-x', language, '-', '-o', output, ...flags], source);
  fs.rmSync(output, { force: true });
  return works;
}

/** What is there by name but does not work; compiles and links a few lines for each. */
function probe(found, env = process.env) {
  const main = 'int main(void) { return 0; }\n';
  const broken = [];
  if (workingPython(env) === null) broken.push('python3');
  if (!links(found.cc, 'c', main, [])) return [...broken, 'cc'];
  if (!links(found['c++'], 'c++', 'int main() { return 0; }\n', [])) broken.push('c++');
  for (const [library, include] of Object.entries(LIBRARIES)) {
    if (!links(found.cc, 'c', `${include}\n${main}`, found[library])) broken.push(library);
  }
  return broken;
}

function lookAndProbe() {
  const { missing, found } = look();
  return missing.length > 0 ? missing : probe(found);
}

function keyOf(found) {
  const facts = JSON.stringify({ found, node: process.version, platform: process.platform });
  return crypto.createHash('sha256').update(facts).digest('hex');
}

function osRelease() {
  try {
    return fs.readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}

function aptInstall(packages) {
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: 'noninteractive',
    PATH: [process.env.PATH, ...SBIN].join(path.delimiter),
  };
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  say(`installing with apt-get: ${packages.join(' ')}`);
  runStep('apt-update', 'apt-get', [...wait, 'update'], { env });
  runStep('apt-install', 'apt-get', [...wait, 'install', '-y', ...packages], { env });
}

function isReady(state) {
  const { missing, found } = look();
  return missing.length === 0 && state.get('toolchain') === keyOf(found);
}

function make(state) {
  const missing = lookAndProbe();
  if (missing.length > 0) {
    const advice = adviceFor(missing, {
      platform: process.platform,
      osRelease: osRelease(),
      isRoot: process.getuid?.() === 0,
      hasApt: which('apt-get') !== null,
    });
    if (advice.tell) throw new SetupError(advice.tell);
    say(`missing: ${describe(missing)}`);
    aptInstall(advice.install);
    const still = lookAndProbe();
    if (still.length > 0) throw new SetupError(`still not usable: ${describe(still)}`);
  }
  state.remember('toolchain', keyOf(look().found));
}

module.exports = { isReady, look, make, workingPython };
