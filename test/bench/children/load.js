'use strict';

// One measurement of loading, in a process of its own that has done nothing else: prints how many
// milliseconds it took, and their CPU, as JSON.
//
//   node load.js e2b-swarm | addon | e2b

const LOADS = {
  'e2b-swarm': () => require('e2b-swarm'),
  addon: () => require('../../../lib/binding').load(),
  e2b: () => import('e2b'),
};

async function main(what) {
  if (what === 'addon') require('../../../lib/binding'); // the addon's own time, without JavaScript's
  const before = process.cpuUsage();
  const startedMs = performance.now();
  const loaded = LOADS[what]();
  if (what === 'e2b') await loaded;
  const ms = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000 }));
}

main(process.argv[2]);
