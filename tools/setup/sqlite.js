'use strict';

// The compiled part of better-sqlite3, which the tests of sqliteStore need where Node has no SQLite of
// its own: packages' scripts never run here, so it is built as the addon is, from the sources in the
// package and against this Node's own headers. It lies where the package looks for it, with a note of what
// it was made from, and both go when npm puts the package in anew: working trees may share the packages.

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { withLock } = require('./lock');
const { nodeDir, nodeGypCli, npmEnv } = require('./node-tools');
const { ROOT, SETUP_FOLDER, SetupError, runStep, say } = require('./run-step');
const { workingPython } = require('./toolchain');

const PART = 'better-sqlite3';
const FOLDER = path.join(ROOT, 'node_modules', PART);
const BUILT = path.join(FOLDER, 'build', 'Release', 'better_sqlite3.node');
const NOTE = path.join(FOLDER, 'build', 'made-from.txt');
// It is compiled for tests only, and most of the minute that -O3 takes is of no use to them.
const OPTIMISATION = '-O1';

function hasBuiltIn() {
  return !!process.getBuiltinModule?.('node:sqlite');
}

/** From what it is made, and what tells the built file from one that was cut short or replaced. */
function noteNow() {
  const stat = fs.statSync(BUILT, { throwIfNoEntry: false });
  if (stat === undefined) return null;
  const facts = [process.version, process.versions.modules, nodeDir(), OPTIMISATION];
  const hash = crypto.createHash('sha256').update(JSON.stringify(facts));
  hash.update(fs.readFileSync(path.join(FOLDER, 'package.json')));
  return `${hash.digest('hex')} ${stat.size} ${stat.mtimeMs}\n`;
}

function isReady() {
  if (hasBuiltIn()) return true;
  const note = noteNow();
  return note !== null && fs.existsSync(NOTE) && fs.readFileSync(NOTE, 'utf8') === note;
}

function make() {
  if (!fs.existsSync(FOLDER)) throw new SetupError(`the package ${PART} is not in node_modules`);
  withLock('build', () => isReady() || build(), { folder: FOLDER });
}

function build() {
  say(`building ${PART} for the tests, which takes a minute`);
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
  const note = noteNow();
  if (note === null) throw new SetupError(`the build left no ${path.relative(ROOT, BUILT)}`);
  fs.writeFileSync(NOTE, note);
}

module.exports = { isReady, make };
