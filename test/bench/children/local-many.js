'use strict';

// Many sandboxes at once: how long they take to be made and killed, `concurrency` at a time, and what
// they hold while they are idle. What is not in any process, the kernel's own, is seen only by what
// the machine has left: other programs' coming and going is in it.
//
//   node local-many.js '{ "client", "rung", "sandboxes", "concurrency" }'

const fs = require('node:fs');

const { withLocalBackend } = require('./with-local-backend');

const KIB_PER_MIB = 1024;

const fieldKib = (text, name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)[1]);

function rssKib(pid) {
  return fieldKib(fs.readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS');
}

/** What is neither free nor a copy of what is on the disk, without the two processes around it. */
function usedKib(backendPid) {
  const memory = fs.readFileSync('/proc/meminfo', 'utf8');
  const of = (name) => fieldKib(memory, name);
  const caches = of('Buffers') + of('Cached') - of('Shmem');
  return of('MemTotal') - of('MemFree') - caches - rssKib(backendPid) - rssKib('self');
}

/** Does it for every item, so many at a time, and gives the seconds. */
async function forAll(items, concurrency, work) {
  const startedMs = performance.now();
  const left = items.entries();
  const worker = async () => {
    for (const [index, item] of left) items[index] = await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (performance.now() - startedMs) / 1000;
}

withLocalBackend(async ({ create, kill }, { client, sandboxes, concurrency }, backendPid) => {
  await kill(await create()); // loads what the first one needs
  const items = Array.from({ length: sandboxes }, () => null);
  const beforeKib = usedKib(backendPid);
  const createS = await forAll(items, concurrency, create);
  const memoryMib = (usedKib(backendPid) - beforeKib) / KIB_PER_MIB / sandboxes;
  const rssMib = rssKib(backendPid) / KIB_PER_MIB;
  const killS = await forAll(items, concurrency, kill);
  // Who asked for them is all the same to what they hold.
  const held = client === 'e2b-swarm' ? { memoryMib, rssMib } : {};
  return { createS, killS, ...held };
});
