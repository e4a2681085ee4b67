// For a backend in a worker thread: there no exit listener and no signal is heard, however the worker
// or the process around it ends. So a process of its own waits for the worker's end of a pipe to
// close, and then does what the exit guard would have done. Run as a program it is that process:
// `node guardian.js NONCE DIRECTORY`.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { ProcessTable } = require('./process-table');
const { Reaper } = require('./reaper');

/**
 * @param {string} nonce  the backend's part of every marker
 * @param {string} directory  of the backend
 * @returns {() => void} sends it away; what the backend has left is its to remove also then
 */
function postGuardian(nonce, directory) {
  // In a session of its own: a Ctrl-C at the terminal is not for it.
  const child = spawn(process.execPath, [__filename, nonce, directory], {
    ...{ detached: true, env: {}, cwd: '/', stdio: ['pipe', 'ignore', 'ignore'] },
  });
  // Without it the backend works, and is cleaned up after when it is closed.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  child.stdin.unref();
  return () => child.stdin.end();
}

function keepWatch([nonce, directory]) {
  process.stdin.resume().on('close', () => {
    new Reaper(new ProcessTable(nonce)).killAllSync();
    fs.rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  });
}

if (require.main === module) keepWatch(process.argv.slice(2));

module.exports = { postGuardian };
