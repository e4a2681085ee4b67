'use strict';

// The compiled part of better-sqlite3, which the tests of sqliteStore need where Node has no SQLite of
// its own: packages' scripts never run here, so it is built as the addon is, from the sources in the
// package and against this Node's own headers. It lies where the package looks for it, and goes when
// npm puts the package in anew.

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { nodeDir, nodeGypCli, npmEnv } = require('./node-tools');
const { ROOT, SETUP_FOLDER, SetupError, runStep, say } = require('./run-step');
const { workingPython } = require('./toolchain');

const PART = 'better-sqlite3';
const FOLDER = path.join(ROOT, 'node_modules', PART);
const BUILT = path.join(FOLDER, 'build', 'Release', 'better_sqlite3.node');
// It is compiled for tests only, and most of the minute that -O3 takes is of no use to them.
const OPTIMISATION = '-O1';

function hasBuiltIn() {
  return !!process.getBuiltinModule?.('node:sqlite');
}

/** From what it is made, as one hash; null: the package is not there. */
function keyOf(toolchainKey) {
  const manifest = path.join(FOLDER, 'package.json');
  if (!fs.existsSync(manifest)) return null;
  const facts = [toolchainKey, process.version, process.versions.modules, nodeDir(), OPTIMISATION];
  const hash = crypto.createHash('sha256').update(JSON.stringify(facts));
  return hash.update(fs.readFileSync(manifest)).digest('hex');
}

// Tells the built file from one that was cut short or replaced.
function markOf() {
  const stat = fs.statSync(BUILT, { throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.size} ${stat.mtimeMs}`;
}

function isReady(state) {
  if (hasBuiltIn()) return true;
  const mark = markOf();
  return mark !== null && state.get(PART) === `${keyOf(state.get('toolchain'))} ${mark}`;
}

function make(state) {
  const key = keyOf(state.get('toolchain'));
  if (key === null) throw new SetupError(`the package ${PART} is not in node_modules`);
  say(`building ${PART} for the tests, which takes a minute`);
  state.forget(PART);
  const args = [
    ...[nodeGypCli(), 'rebuild', '--release', `--jobs=${os.availableParallelism()}`],
    `--nodedir=${nodeDir()}`,
    `--devdir=${path.join(SETUP_FOLDER, 'node-gyp')}`,
    `--python=${workingPython()}`,
    '--loglevel=error',
  ];
  // Flags from outside come after those of the package, and win.
  const env = { ...npmEnv(), CFLAGS: OPTIMISATION, CXXFLAGS: OPTIMISATION };
  runStep(PART, process.execPath, args, { env, cwd: FOLDER });
  if (markOf() === null) throw new SetupError(`the build left no ${path.relative(ROOT, BUILT)}`);
  state.remember(PART, `${key} ${markOf()}`);
}

module.exports = { isReady, make };
