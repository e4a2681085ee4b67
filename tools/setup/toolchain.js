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

// library -> a program that is linked with it, run, and ends with 0 when it will do.
const LIBRARIES = {
  // Its certificates are given to OpenSSL: over another TLS library that would crash. A libcurl of
  // several has those that are not in use in brackets.
  libcurl: `#include <curl/curl.h>
#include <string.h>
#if LIBCURL_VERSION_NUM < 0x075700
#error "CURLOPT_QUICK_EXIT came with 7.87"
#endif
int main(void) {
  const char *tls = curl_version_info(CURLVERSION_NOW)->ssl_version;
  const char *found = tls ? strstr(tls, "OpenSSL/") : NULL;
  return found == NULL || (found > tls && found[-1] == '(');
}
`,
  libcjson: `#include <cjson/cJSON.h>
int main(void) { return cJSON_ParseWithLengthOpts("", 0, NULL, 0) != NULL; }
`,
  openssl: `#include <openssl/ssl.h>
int main(void) { return SSL_CTX_set1_cert_store == NULL; }
`,
};
const PROBE_TIMEOUT_MS = 60_000;
// dpkg's helpers live in the sbin folders, which a bare PATH may not have.
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];
// Homebrew keeps these beside what macOS has of the same name, where pkg-config does not look.
const KEG_ONLY = ['curl', 'openssl@3'];
const HOMEBREW = ['/opt/homebrew', '/usr/local'];

function succeeds(file, args, input) {
  const result = spawnSync(file, args, { input, stdio: 'pipe', timeout: PROBE_TIMEOUT_MS });
  return result.status === 0;
}

/**
 * PKG_CONFIG_PATH as it has to be: on macOS with the folders of Homebrew's libraries that pkg-config
 * would miss, and so take Apple's libcurl, which has no OpenSSL. What the user said comes first.
 *
 * @returns {string|undefined} undefined: not set
 */
function pkgConfigPath(env = process.env, platform = process.platform, exists = fs.existsSync) {
  const said = env.PKG_CONFIG_PATH;
  if (platform !== 'darwin') return said;
  const homes = [env.HOMEBREW_PREFIX, ...HOMEBREW].filter(Boolean);
  const folders = KEG_ONLY.map((name) =>
    homes.map((home) => path.join(home, 'opt', name, 'lib', 'pkgconfig')).find(exists),
  );
  const all = [...(said ? said.split(':') : []), ...folders.filter(Boolean)];
  return all.length > 0 ? [...new Set(all)].join(':') : undefined;
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
function flagsOf(pkgConfig, library, what = ['--cflags', '--libs']) {
  const result = spawnSync(pkgConfig, [...what, library], { encoding: 'utf8' });
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

/** Whether `source` compiles, links and, with `run`, ends with status 0. */
function works(compiler, language, source, flags, { run = false } = {}) {
  fs.mkdirSync(SETUP_FOLDER, { recursive: true });
  const output = path.join(SETUP_FOLDER, `probe.${process.pid}`);
  try {
    return (
      succeeds(compiler, ['-x', language, '-', '-o', output, ...flags], source) &&
      (!run || succeeds(output, []))
    );
  } finally {
    fs.rmSync(output, { force: true });
  }
}

/** What is there by name but does not work; compiles and links a few lines for each. */
function probe(found, env = process.env) {
  const main = 'int main(void) { return 0; }\n';
  const broken = [];
  if (workingPython(env) === null) broken.push('python3');
  if (!works(found.cc, 'c', main, [])) return [...broken, 'cc'];
  if (!works(found['c++'], 'c++', 'int main() { return 0; }\n', [])) broken.push('c++');
  for (const [library, source] of Object.entries(LIBRARIES)) {
    if (!works(found.cc, 'c', source, found[library], { run: true })) broken.push(library);
  }
  // A Node that was built with the system's libuv has no uv.h among its headers.
  const uv = flagsOf(found['pkg-config'], 'libuv', ['--cflags']) ?? [];
  const include = `-I${path.join(found['node-headers'], 'include', 'node')}`;
  if (!works(found.cc, 'c', `#include <uv.h>\n${main}`, [include, ...uv])) broken.push('libuv');
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

/**
 * Installs what is missing where that is our business, and says what to do where it is not.
 *
 * @param {() => string[]} whatIsMissing asked before and after; keys of NEEDS in advice.js
 */
function provide(whatIsMissing) {
  const missing = whatIsMissing();
  if (missing.length === 0) return;
  const advice = adviceFor(missing, {
    platform: process.platform,
    osRelease: osRelease(),
    isRoot: process.getuid?.() === 0,
    hasApt: which('apt-get') !== null,
    elevate: ['sudo', 'doas'].find((name) => which(name) !== null) ?? null,
  });
  if (advice.tell) throw new SetupError(advice.tell);
  say(`missing: ${describe(missing)}`);
  aptInstall(advice.install);
  const still = whatIsMissing();
  if (still.length > 0) throw new SetupError(`still not usable: ${describe(still)}`);
}

function make(state) {
  provide(lookAndProbe);
  state.remember('toolchain', keyOf(look().found));
}

module.exports = { isReady, look, make, pkgConfigPath, probe, provide, workingPython };
