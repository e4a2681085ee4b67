'use strict';

// What a worker is in the middle of when it ends; see scenes.js.

const { parentPort, workerData } = require('node:worker_threads');
const { createE2bSandbox, executeE2bProcess, listE2bSandboxes } = require('../../../lib');

const { part, sandboxId } = workerData;
const STREAMS = 5;

function openStreams() {
  // `read` waits without starting a process, of which there would be thousands.
  const command = 'exec {fd}<> <(:); while true; do echo tick; read -t 0.02 -u $fd; done';
  const first = Array.from(
    { length: STREAMS },
    () =>
      new Promise((onStdout) => {
        executeE2bProcess(sandboxId, command, null, 60, true, { onStdout });
      }),
  );
  return Promise.all(first);
}

const parts = {
  create: () => createE2bSandbox('a', 'base', 60),

  streams: async () => {
    await openStreams();
    parentPort.postMessage('ready');
  },

  exit: async () => {
    await openStreams();
    parentPort.postMessage('ready');
    process.exit(3);
  },

  throw: async () => {
    await openStreams();
    parentPort.postMessage('ready');
    throw new Error('nobody catches this');
  },

  finish: async () => {
    await listE2bSandboxes();
    parentPort.postMessage('ready');
  },
};

parts[part]();
