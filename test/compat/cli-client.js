// Runs the official command line tool as a user does, in a directory and a home of its own.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const TOOL = path.join(__dirname, '../../node_modules/@e2b/cli/dist/index.js');
const TIMEOUT_MS = 15_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;

/**
 * @param {object} env  what points the tool at a backend
 * @param {string} [directory]  where it runs; default: a new one that `close` removes
 */
function cliClient(env, directory) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-cli-'));
  /** @returns {Promise<{ code: number|null, stdout: string, stderr: string }>} */
  const run = (...args) =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [TOOL, ...args], {
        env: { PATH: process.env.PATH, HOME: home, NO_COLOR: '1', ...env },
        stdio: ['ignore', 'pipe', 'pipe'], // an open input would be the command's
        cwd: directory ?? home,
        timeout: TIMEOUT_MS,
        killSignal: 'SIGKILL', // it takes a mere SIGTERM for a reason to wait
      });
      const said = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr']) {
        child[name].setEncoding('utf8');
        child[name].on('data', (text) => {
          if (said[name].length < MAX_OUTPUT_BYTES) said[name] += text;
        });
      }
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, ...said }));
    });
  const json = async (...args) => JSON.parse((await run(...args, '--format', 'json')).stdout);
  const close = () => fs.rmSync(home, { recursive: true, force: true });
  return { run, json, close };
}

module.exports = { cliClient };
