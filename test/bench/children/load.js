'use strict';

// One measurement of loading, in a process of its own that has done nothing else: prints how many
// milliseconds it took, and their CPU, as JSON.
//
//   node load.js '{ "client": "e2b-swarm" | "addon" | "e2b" | "undici" }'

const LOADS = {
  'e2b-swarm': () => require('e2b-swarm'),
  addon: () => require('../../../lib/binding').load(),
  e2b: () => import('e2b'),
  undici: (file) => require(file),
};

async function main({ client }) {
  if (client === 'addon') require('../../../lib/binding'); // the addon's own time, without JavaScript's
  const file =
    client === 'undici' && require.resolve('undici', { paths: [require.resolve('e2b')] });
  const before = process.cpuUsage();
  const startedMs = performance.now();
  const loaded = LOADS[client](file);
  if (client === 'e2b') await loaded;
  const ms = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ ms, cpuMs: (user + system) / 1000 }));
}

main(JSON.parse(process.argv[2]));
