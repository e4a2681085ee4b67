'use strict';

// Runs calls in a process of its own, behind a shim: a C file of ../../helpers/hostile that is put in
// front of the C library's functions by LD_PRELOAD. Call it at the top level of a test file.

const { execFile, execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { NODE, patience } = require('../../helpers/pace');

const CHILD = path.join(__dirname, '../children/calls-at-once.js');
const SHIMS = path.join(__dirname, '../../helpers/hostile');
const FLAGS = ['-shared', '-fPIC', '-O1', '-Wall', '-Werror'];
// Also: a lookup that hangs does not keep the process.
const DEADLINE_MS = patience(15_000);

/**
 * Registers hooks that build and remove the shim.
 *
 * @param {string} name of the C file, without its ending
 * @returns {(calls: object[], env?: object) => Promise<{ results: object[], threads: number,
 *   noted: string[] }>} runs the calls (see ../children/calls-at-once.js); `noted`:
 *   the lines that the shim has written
 */
function withShim(name) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-shim-'));
  const shim = path.join(folder, `${name}.so`);
  const notes = path.join(folder, 'notes');
  beforeAll(() => {
    // A compiler leaks, which is nobody's business here.
    const env = { ...process.env, LD_PRELOAD: '' };
    const source = path.join(SHIMS, `${name}.c`);
    execFileSync('cc', [...FLAGS, '-o', shim, source, '-ldl'], { env });
  });
  afterAll(() => fs.rmSync(folder, { recursive: true }));
  return async (calls, env = {}) => {
    fs.rmSync(notes, { force: true });
    const preload = [process.env.LD_PRELOAD, shim].filter(Boolean).join(':');
    const { stdout } = await promisify(execFile)(NODE, [CHILD, JSON.stringify(calls)], {
      env: { ...process.env, LD_PRELOAD: preload, E2B_TEST_NOTES: notes, ...env },
      timeout: DEADLINE_MS,
    });
    const lines = fs.existsSync(notes) ? fs.readFileSync(notes, 'utf8').split('\n') : [];
    return { ...JSON.parse(stdout), noted: lines.filter(Boolean) };
  };
}

module.exports = { withShim };
