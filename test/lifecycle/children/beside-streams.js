'use strict';

// Streams of processes, and beside them what else needs libuv's pool: `node beside-streams.js SCENE
// CLIENT STREAMS`, the client as JSON. It says by message what it has done, and goes on when told.
// In a worker thread the same comes as workerData.

const { pbkdf2 } = require('node:crypto');
const dns = require('node:dns');
const { once } = require('node:events');
const fs = require('node:fs');
const { promisify } = require('node:util');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const { createE2bSandbox, executeE2bProcess, listE2bSandboxes } = require('../../../lib');
const addon = require('../../../lib/binding').load();

const ROUNDS = 30;
const WORKERS = 10;
const FRAMES = 3;

/** @returns {Promise<{ seen: number[], ends: Promise<object>[] }>} when each process has begun */
async function openStreams({ client, streams }) {
  await createE2bSandbox('a', 'base', 60, undefined, undefined, client);
  const seen = Array(streams).fill(0);
  const open = seen.map((_, i) => {
    const onStdout = () => (seen[i] += 1);
    const options = { ...client, onStdout, background: true };
    return executeE2bProcess('i1', 'true', null, 60, true, options);
  });
  const handles = await Promise.all(open);
  return { seen, ends: handles.map((handle) => handle.wait()) };
}

async function round() {
  const [text, { address }, key] = await Promise.all([
    fs.promises.readFile(__filename, 'utf8'),
    promisify(dns.lookup)('localhost'),
    promisify(pbkdf2)('password', 'salt', 1000, 16, 'sha256'),
  ]);
  if (!text.includes('openStreams') || address === '' || key.length !== 16) throw new Error('?');
}

async function rounds(count) {
  for (let i = 0; i < count; i += 1) await round();
  return count;
}

async function endOf(ends) {
  const results = await Promise.all(ends);
  return results.filter(({ exitCode, stdout }) => exitCode === 0 && stdout.endsWith('seen\n'));
}

const told = () => once(process, 'message');

const scenes = {
  async 'one process'(work) {
    const { seen, ends } = await openStreams(work);
    const before = addon.stats().steps;
    const silent = await rounds(ROUNDS);
    process.send({ open: addon.active(), silent, steps: addon.stats().steps - before });
    // Until enough has come on each stream, and enough was done meanwhile.
    let busy = 0;
    while (busy < ROUNDS || seen.some((frames) => frames < FRAMES)) busy += await rounds(1);
    process.send({ open: addon.active(), busy });
    const ended = await endOf(ends);
    process.send({ ended: ended.length });
    process.disconnect();
  },

  async 'ten workers'(work) {
    const workers = Array.from({ length: WORKERS }, () => {
      return new Worker(__filename, { workerData: work });
    });
    const next = () =>
      Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    await next(); // all streams are open
    const done = next();
    for (const worker of workers) worker.postMessage('now');
    process.send({ main: await rounds(ROUNDS), workers: await done });
    await told();
    process.send({ ended: await next() });
    process.disconnect();
  },
};

async function beOneOfTen(work) {
  const { seen, ends } = await openStreams(work);
  parentPort.postMessage('open');
  await once(parentPort, 'message');
  const lists = Array.from({ length: ROUNDS }, () => listE2bSandboxes('all', work.client));
  const [done, answers] = await Promise.all([rounds(ROUNDS), Promise.all(lists)]);
  parentPort.postMessage({ rounds: done, calls: answers.length, frames: Math.max(...seen) });
  parentPort.postMessage((await endOf(ends)).length);
}

if (isMainThread) {
  const [, , scene, client, streams] = process.argv;
  scenes[scene]({ client: JSON.parse(client), streams: Number(streams) });
} else {
  beOneOfTen(workerData);
}
