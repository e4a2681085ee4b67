'use strict';

// Temporary folders for the stores' tests, and the functions of a file system that can be made to fail.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { fileStore } = require('../../../../lib/store');

const kHooks = Symbol.for('e2b-swarm.file-store');
const made = [];

function newFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-store-'));
  made.push(folder);
  return folder;
}

function removeFolders() {
  for (const folder of made.splice(0)) fs.rmSync(folder, { recursive: true, force: true });
}

/** A fileStore whose journal has these bounds and functions. */
function hookedStore(folder, hooks) {
  return fileStore(folder, { [kHooks]: hooks });
}

/** The files of a store, by name, without its lock. */
function filesOf(folder) {
  return fs
    .readdirSync(folder)
    .filter((name) => name !== 'lock')
    .sort();
}

function systemError(code) {
  return Object.assign(new Error(`${code}: injected`), { code });
}

module.exports = { filesOf, hookedStore, newFolder, removeFolders, systemError };
