'use strict';

// How long other users of the pool wait while streams are open: medians in ms, one at a time.
// `client` 'node' opens none.
//
//   UV_THREADPOOL_SIZE=1 node fairness.js '{ "client", "streams", "samples" }'

const crypto = require('node:crypto');
const dns = require('node:dns');
const fs = require('node:fs');
const { promisify } = require('node:util');

const { openClient } = require('../clients');
const { median } = require('../median');
const { finish } = require('./finish');

const ITERATIONS = 1_000;
const pbkdf2 = promisify(crypto.pbkdf2);
const readFile = promisify(fs.readFile);

const WORK = {
  readFileMs: () => readFile(__filename),
  lookupAddressMs: () => dns.promises.lookup('127.0.0.1'),
  lookupNameMs: () => dns.promises.lookup('localhost'),
  pbkdf2Ms: () => pbkdf2('secret', 'salt', ITERATIONS, 32, 'sha256'),
};

finish(async ({ client, streams, samples }) => {
  if (client !== 'node') {
    const operations = await openClient(client, streams);
    await Promise.all(Array.from({ length: streams }, () => operations.ticks()));
  }
  const result = {};
  for (const [name, work] of Object.entries(WORK)) {
    const times = [];
    for (let i = 0; i < samples; i += 1) {
      const startedMs = performance.now();
      await work();
      times.push(performance.now() - startedMs);
    }
    result[name] = median(times);
  }
  return result;
});
