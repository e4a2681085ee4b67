'use strict';

// What the calls of one sandbox's life take, one after the other: medians in ms.
//
//   node local-life.js '{ "client", "rung", "calls", "warmUp" }'

const assert = require('node:assert/strict');

const { median } = require('../median');
const { withLocalBackend } = require('./with-local-backend');

const TEXT = 'measured\n';

/** Does a step and keeps how long it took. */
async function timed(times, name, step) {
  const startedMs = performance.now();
  const result = await step();
  (times[name] ??= []).push(performance.now() - startedMs);
  return result;
}

async function live(times, { create, run, kill }) {
  const sandbox = await timed(times, 'createMs', create);
  const said = await timed(times, 'firstRunMs', () => run(sandbox, 'echo'));
  assert.equal(said, '\n');
  await timed(times, 'killMs', () => kill(sandbox));
}

async function use(times, { run, write, read }, sandbox) {
  assert.equal(await timed(times, 'runMs', () => run(sandbox, 'echo')), '\n');
  await timed(times, 'writeMs', () => write(sandbox, 'file', TEXT));
  assert.equal(await timed(times, 'readMs', () => read(sandbox, 'file')), TEXT);
}

withLocalBackend(async (client, { calls, warmUp }) => {
  const sandbox = await client.create();
  let times;
  for (const count of [warmUp, calls]) {
    times = {};
    for (let i = 0; i < count; i += 1) await timed(times, 'lifeMs', () => live(times, client));
    for (let i = 0; i < count; i += 1) await use(times, client, sandbox);
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
});
