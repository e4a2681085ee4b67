'use strict';

// What streams that stay open and silent hold: memory of this process (VmRSS, not the highest value,
// which Linux hands down from the parent) and threads, before and after all but the first were opened.
//
//   node --expose-gc idle.js '{ "client", "streams" }'

const fs = require('node:fs');

const { openClient } = require('../clients');
const { finish } = require('./finish');

const POOL_THREADS = 4;

function rssKb() {
  globalThis.gc(); // what was only needed to open them is nobody's memory
  return Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]);
}

const threads = () => fs.readdirSync('/proc/self/task').length;

finish(async ({ client, streams }) => {
  const operations = await openClient(client, streams);
  await operations.idle(); // loads and makes what the first one needs
  const files = Array.from({ length: POOL_THREADS }, () => fs.promises.stat('/'));
  await Promise.all(files); // the pool's threads begin with its first work
  const [beforeKb, beforeThreads] = [rssKb(), threads()];
  const before = process.cpuUsage();
  const held = await Promise.all(Array.from({ length: streams - 1 }, () => operations.idle()));
  const { user, system } = process.cpuUsage(before);
  return {
    rssKb: (rssKb() - beforeKb) / held.length,
    threads: threads() - beforeThreads,
    cpuUs: (user + system) / held.length,
  };
});
