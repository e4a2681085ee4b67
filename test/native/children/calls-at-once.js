'use strict';

// Runs the calls of its first argument, a JSON list of { client, abort, times }, all at once; prints
// what each came to, and how many threads the process had at most. `abort`: it is given up as soon as
// another call of the list has ended.

const { readdirSync } = require('node:fs');
const { listE2bSandboxes } = require('../../../lib');

const giveUp = new AbortController();

async function run({ client, abort }) {
  const options = abort ? { ...client, signal: giveUp.signal } : client;
  try {
    return { value: await listE2bSandboxes('all', options) };
  } catch ({ code, outcome, retryable, message }) {
    return { code, outcome, retryable, message };
  } finally {
    if (!abort) giveUp.abort();
  }
}

let threads = 0;
const countThreads = () => {
  threads = Math.max(threads, readdirSync('/proc/self/task').length);
};
const counting = setInterval(countThreads, 2);
counting.unref();

const list = JSON.parse(process.argv[2]);
const calls = list.flatMap((call) => Array.from({ length: call.times ?? 1 }, () => run(call)));
Promise.all(calls).then((results) => {
  countThreads();
  console.log(JSON.stringify({ results, threads }));
});
