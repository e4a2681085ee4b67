'use strict';

// One measurement in a process of its own: warms one client up with as many calls as it then measures,
// `concurrency` at a time, and prints what these cost this process as JSON.
//
//   node calls.js '{ "client", "operation", "concurrency", "calls" }'

const CLIENTS = {
  'e2b-swarm': () => require('../clients/e2b-swarm'),
  e2b: () => require('../clients/e2b'),
};

async function repeat(call, count, concurrency) {
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

async function main({ client, operation, concurrency, calls }) {
  const operations = await CLIENTS[client]().open();
  const call = operations[operation];
  await repeat(call, calls, concurrency);
  const before = process.cpuUsage();
  const startedMs = performance.now();
  await repeat(call, calls, concurrency);
  const wallMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(before);
  const maxRssKb = process.resourceUsage().maxRSS;
  console.log(JSON.stringify({ cpuUs: (user + system) / calls, wallMs, maxRssKb }));
}

main(JSON.parse(process.argv[2])).then(
  () => process.exit(0), // what a client keeps alive is not what is measured
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
