'use strict';

// How long a GET takes while four loops of pbkdf2 keep all threads of the pool busy, one at a time.
//
//   node saturated.js '{ "client", "calls", "warmUp" }'

const crypto = require('node:crypto');

const { openClient } = require('../clients');
const { median } = require('../median');
const { finish } = require('./finish');

const LOOPS = 4;
const ITERATIONS = 20_000; // 10 ms or so each

function keepBusy() {
  crypto.pbkdf2('secret', 'salt', ITERATIONS, 32, 'sha256', keepBusy);
}

finish(async ({ client, calls, warmUp }) => {
  const { get } = await openClient(client);
  for (let i = 0; i < warmUp; i += 1) await get();
  for (let i = 0; i < LOOPS; i += 1) keepBusy();
  const times = [];
  for (let i = 0; i < calls; i += 1) {
    const startedMs = performance.now();
    await get();
    times.push(performance.now() - startedMs);
  }
  return { p50Ms: median(times) };
});
