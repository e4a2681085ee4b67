'use strict';

// How long an end takes: of this process, or of a worker, with `streams` open.
//
//   node ends.js '{ "client", "streams", "how": "exit" | "terminate" }'
//
// Of an exit it prints the time at which it began, of a worker's end how long it took.

const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');

const { openClient } = require('../clients');

async function hold({ client, streams }) {
  const operations = await openClient(client, streams + 1);
  await Promise.all(Array.from({ length: streams }, () => operations.idle()));
}

const sinceEpochMs = () => performance.timeOrigin + performance.now();

async function terminate(plan) {
  const worker = new Worker(__filename, { workerData: plan });
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  const startedMs = performance.now();
  await worker.terminate();
  return performance.now() - startedMs;
}

async function main() {
  if (!isMainThread) {
    await hold(workerData);
    parentPort.postMessage('open');
    setInterval(() => {}, 1_000); // alive, also without a stream
    return;
  }
  const plan = JSON.parse(process.argv[2]);
  if (plan.how === 'terminate') {
    console.log(JSON.stringify({ ms: await terminate(plan) }));
    return;
  }
  await hold(plan);
  console.log(JSON.stringify({ exitBeganMs: sinceEpochMs() }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
