'use strict';

// The programs of PostgreSQL's server, for the tests of postgresStore: those start a server of their own
// in a temporary folder and never touch one of the system. Looked for on every run; nothing to remember.

const fs = require('node:fs');
const path = require('node:path');

const { which } = require('./node-tools');
const { provide } = require('./toolchain');

// Debian keeps those of each version apart, off the PATH; others put them on it.
const BY_VERSION = ['/usr/lib/postgresql', '/usr/libexec/postgresql'];

function foldersBelow(folder) {
  try {
    const versions = fs.readdirSync(folder).sort((a, b) => parseFloat(b) - parseFloat(a));
    return versions.map((version) => path.join(folder, version, 'bin'));
  } catch {
    return [];
  }
}

/** The folder with `initdb` and `postgres`, of the newest version; null without. */
function serverFolder(env = process.env) {
  const onPath = which('initdb', env);
  const folders = [
    ...BY_VERSION.flatMap(foldersBelow),
    ...(onPath ? [path.dirname(fs.realpathSync(onPath))] : []),
  ];
  const isWhole = (folder) =>
    ['initdb', 'postgres'].every((name) => which(path.join(folder, name), env) !== null);
  return folders.find(isWhole) ?? null;
}

function isReady() {
  return serverFolder() !== null;
}

function make() {
  provide(() => (isReady() ? [] : ['postgres']));
}

module.exports = { isReady, make, serverFolder };
