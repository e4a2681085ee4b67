'use strict';

// One of several processes at one store: claims whatever is idle until nothing is left, then says on
// stdout which tokens it got, with their fences. Waits for a line on stdin before it begins.
//
//   node claimer.js KIND PLACE INSTANCE ROUNDS

const { once } = require('node:events');

const { postgresStore, sqliteStore } = require('../../../../lib/store');

const [kind, place, instance, rounds] = process.argv.slice(2);

async function main() {
  const store = kind === 'sqlite' ? sqliteStore(place) : postgresStore(place);
  await store.open();
  process.stdout.write('ready\n');
  await once(process.stdin, 'data');
  const got = [];
  const wanted = { fingerprint: 'fingerprint', holder: null, except: [] };
  for (let misses = 0; misses < Number(rounds);) {
    const row = await store.claim('owner', wanted, { state: 'leased', instance });
    if (row === null) {
      misses += 1;
      continue;
    }
    got.push([row.token, row.fence, row.version]);
    // Half of them go back, and are claimed again by whoever comes first.
    if (row.fence === 1) await store.update(row.token, row.version, { state: 'idle' });
  }
  await store.close();
  process.stdout.write(`${JSON.stringify(got)}\n`);
  process.stdin.destroy();
}

main();
