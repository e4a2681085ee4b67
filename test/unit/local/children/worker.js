// A backend in a worker thread, with a process in its only sandbox, and an end of the given kind.
//   node worker.js STATE_DIR terminate|exit|SIGTERM|close
'use strict';

const { once } = require('node:events');
const fs = require('node:fs');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { ISOLATION, processesOf, waitFor } = require('../../../helpers/backend');
const { startLocalBackend } = require('../../../../lib/local');
const { Client } = require('../client');

async function inWorker() {
  const { stateDir, end } = workerData;
  const backend = await startLocalBackend({ isolation: ISOLATION, stateDir });
  const client = new Client(backend);
  const sandbox = await client.create();
  await client.background(sandbox, { process: { cmd: 'sleep', args: ['1000'] } });
  // A program that is just being started has no environment for a moment.
  const { pid } = await waitFor(() => processesOf(sandbox.id)[0]);
  parentPort.postMessage(pid);
  if (end !== 'close') return;
  await backend.close();
  await waitFor(() => childrenOf('/proc/self/task').length === 0);
}

/** Processes that any thread has started, and that are there: the launcher. */
function childrenOf(tasks) {
  return fs
    .readdirSync(tasks)
    .flatMap((task) => fs.readFileSync(`${tasks}/${task}/children`, 'utf8').split(' '))
    .filter(Boolean);
}

async function inMain([, , stateDir, end]) {
  const worker = new Worker(__filename, { workerData: { stateDir, end } });
  const [pid] = await once(worker, 'message');
  console.log(pid);
  if (end === 'terminate') await worker.terminate();
  else if (end === 'exit') process.exit(0);
  else if (end !== 'close') process.kill(process.pid, end);
}

void (isMainThread ? inMain(process.argv) : inWorker());
