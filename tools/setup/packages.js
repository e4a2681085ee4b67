'use strict';

// The locked npm packages. Whether they are there is found by looking at node_modules itself, against
// the lock file: so a folder that was deleted, half installed, or installed without the development
// packages (`npm ci --omit=dev`) is recognised whoever made it. Scripts of packages never run.

const fs = require('node:fs');
const path = require('node:path');

const { npmCli, npmEnv } = require('./node-tools');
const { ROOT, SetupError, runStep, say } = require('./run-step');

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/**
 * Which packages of the lock file are not installed as locked.
 *
 * @param {{ dev: boolean }} want with or without development packages
 * @returns {string[]} their folders; packages that only some platforms need are left out
 */
function missingPackages({ dev }, root = ROOT) {
  const lock = readJson(path.join(root, 'package-lock.json'))?.packages ?? {};
  const wanted = Object.entries(lock).filter(
    ([folder, entry]) => folder !== '' && !isOptional(entry) && (dev || !entry.dev),
  );
  if (wanted.length === 0) return [];
  // npm writes this one last, so it is absent after an interrupted install.
  const installed = readJson(path.join(root, 'node_modules', '.package-lock.json'))?.packages ?? {};
  return wanted
    .filter(
      ([folder, entry]) =>
        installed[folder]?.version !== entry.version ||
        !fs.existsSync(path.join(root, folder, 'package.json')),
    )
    .map(([folder]) => folder);
}

function isOptional(entry) {
  return !!(entry.optional || entry.devOptional || entry.peer);
}

function isReady({ dev }) {
  return missingPackages({ dev }).length === 0;
}

/** `npm ci` empties node_modules first: through a link it would be somebody else's. */
function refuseLink(root = ROOT) {
  const stat = fs.lstatSync(path.join(root, 'node_modules'), { throwIfNoEntry: false });
  if (!stat?.isSymbolicLink()) return;
  throw new SetupError(
    'node_modules is a link to packages that are not those of package-lock.json; install them there, ' +
      'or remove the link: npm ci would empty what it leads to',
  );
}

function make({ dev }) {
  refuseLink();
  say(dev ? 'installing the locked npm packages' : 'installing the run-time npm packages');
  const which = dev ? ['--include=dev'] : ['--omit=dev'];
  const args = ['ci', ...which, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  runStep('npm-ci', process.execPath, [npmCli(), ...args], { env: npmEnv() });
}

module.exports = { isReady, make, missingPackages, refuseLink };
