'use strict';

// Compiles the benchmark's C programs, its far end and its plain libcurl client, into a temporary
// folder. Must not know what they do.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-O2'];

/** @returns {{ path: string, remove: () => void }} */
function temporaryFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-bench-'));
  return { path: folder, remove: () => fs.rmSync(folder, { recursive: true, force: true }) };
}

/**
 * @param {string} folder where the program goes
 * @param {string} name of the program
 * @param {string[]} sources below this folder
 * @param {string[]} [libraries]
 * @returns {string} its file
 */
function compile(folder, name, sources, libraries = []) {
  const file = path.join(folder, name);
  const paths = sources.map((source) => path.join(__dirname, source));
  const args = [...FLAGS, ...paths, '-o', file, ...libraries];
  const compiled = spawnSync('gcc', args, { encoding: 'utf8' });
  if (compiled.status !== 0) {
    throw new Error(`${name} does not compile: ${compiled.stderr || compiled.error}`);
  }
  return file;
}

module.exports = { compile, temporaryFolder };
