'use strict';

// The addon's build, and on Linux that of e2b-init beside it, one per configuration (Release, Debug,
// Asan; side by side in build/). It is made again when a source, the build description, Node or a library changed, and when the file that was
// built is gone or was replaced. make does only what is needed, so making it again is cheap.

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { nodeDir, nodeGypCli, npmEnv, which } = require('./node-tools');
const { ROOT, SETUP_FOLDER, SetupError, runStep, say } = require('./run-step');
const { workingPython } = require('./toolchain');

const SOURCES = ['binding.gyp', 'csrc'];
// Remembered in place of a key while a build runs; found by the next one when that was killed.
const AT_WORK = 'at work';

function filesBelow(name, root = ROOT) {
  const full = path.join(root, name);
  const stat = fs.statSync(full, { throwIfNoEntry: false });
  if (!stat) return [];
  if (!stat.isDirectory()) return [name];
  const names = fs.readdirSync(full).sort();
  return names.flatMap((entry) => filesBelow(path.join(name, entry), root));
}

/** From what the addon is made, as one hash. */
function keyOf(toolchainKey, root = ROOT) {
  const hash = crypto.createHash('sha256');
  hash.update(JSON.stringify([toolchainKey, process.version, process.versions.modules, nodeDir()]));
  for (const name of SOURCES.flatMap((source) => filesBelow(source, root))) {
    hash.update(`\n${name}\n`).update(fs.readFileSync(path.join(root, name)));
  }
  return hash.digest('hex');
}

/** The built addon's path, or null. */
function addonFile(configuration, root = ROOT) {
  const folder = path.join(root, 'build', configuration);
  try {
    const name = fs.readdirSync(folder).find((entry) => entry.endsWith('.node'));
    return name ? path.join(folder, name) : null;
  } catch {
    return null;
  }
}

/** What a build leaves; names of files that are not there are in it too. */
function builtFiles(configuration) {
  const folder = path.join(ROOT, 'build', configuration);
  const files = [addonFile(configuration) ?? path.join(folder, 'addon.node')];
  return process.platform === 'linux' ? [...files, path.join(folder, 'e2b-init')] : files;
}

// What tells the built files from those that were cut short or replaced by hand; null when one is
// missing.
function markOf(files) {
  const stats = files.map((file) => fs.statSync(file, { throwIfNoEntry: false }));
  if (stats.includes(undefined)) return null;
  return stats.map(({ size, mtimeMs }) => `${size} ${mtimeMs}`).join(' ');
}

function partOf(configuration) {
  return `addon ${configuration}`;
}

function isReady(state, configuration = 'Release') {
  const remembered = state.get(partOf(configuration));
  const mark = remembered && markOf(builtFiles(configuration));
  return !!mark && remembered === `${keyOf(state.get('toolchain'))} ${mark}`;
}

function make(state, configuration = 'Release') {
  if (!fs.existsSync(path.join(ROOT, 'binding.gyp'))) {
    throw new SetupError('there is no binding.gyp here: this is not a whole clone');
  }
  say(`building the addon (${configuration})`);
  const remembered = state.get(partOf(configuration));
  // Taken before the build: a source that changes while it runs makes the next run build again.
  const key = keyOf(state.get('toolchain'));
  // Half a file, left by a compiler that was killed or cut short since, would pass for a whole one
  // with make: then all of them are made again.
  if (remembered === AT_WORK || remembered?.startsWith(key)) {
    fs.rmSync(path.join(ROOT, 'build', configuration), { recursive: true, force: true });
  }
  state.remember(partOf(configuration), AT_WORK);
  try {
    build(configuration);
  } catch (error) {
    state.forget(partOf(configuration));
    throw error;
  }
  state.remember(partOf(configuration), `${key} ${markOf(builtFiles(configuration))}`);
}

function build(configuration) {
  const env = npmEnv();
  runStep(
    'configure',
    process.execPath,
    [
      nodeGypCli(),
      'configure',
      `--nodedir=${nodeDir()}`,
      `--devdir=${path.join(SETUP_FOLDER, 'node-gyp')}`,
      `--python=${workingPython()}`,
      '--loglevel=error',
    ],
    { env },
  );
  const jobs = `-j${Math.min(os.availableParallelism(), 8)}`;
  const args = ['-C', 'build', jobs, `BUILDTYPE=${configuration}`];
  runStep(`build-${configuration}`, which(env.MAKE || 'make'), args, { env });
  if (markOf(builtFiles(configuration)) === null) {
    throw new SetupError(`the build left no addon, or no e2b-init, in build/${configuration}`);
  }
}

module.exports = { addonFile, isReady, keyOf, make };
