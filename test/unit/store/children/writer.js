'use strict';

// Writes to a fileStore without end, and says on stdout what was acknowledged. To be killed.
//
//   node writer.js FOLDER JOURNAL_BYTES

const fs = require('node:fs');

const { fileStore } = require('../../../../lib/store');

const [folder, journalBytes] = process.argv.slice(2);
const hooks = { journalBytes: Number(journalBytes) };

function acknowledge(word, token, version) {
  fs.writeSync(1, `${word} ${token} ${version}\n`);
}

async function insert(store, token) {
  const row = {
    ...{ token, owner: 'owner', instance: 'i', state: 'idle', place: 1, fingerprint: token },
    data: { filler: 'x'.repeat(100) },
  };
  await store.insert(row, { maximum: Infinity });
  acknowledge('durable', token, 1);
}

async function churn(store, name) {
  for (let n = 0; ; n += 1) {
    const token = `${name}-${n}`;
    await insert(store, token);
    const wanted = { fingerprint: token, holder: null, except: [] };
    const claimed = await store.claim('owner', wanted, { state: 'leased' });
    acknowledge('appended', token, claimed.version);
    await store.update(token, 2, { state: 'ending' });
    acknowledge('durable', token, 3);
    if (n % 3 === 0) {
      acknowledge('removing', token, 4);
      await store.remove(token, 3);
      acknowledge('removed', token, 4);
    }
  }
}

async function main() {
  const store = fileStore(folder, { [Symbol.for('e2b-swarm.file-store')]: hooks });
  await store.open();
  acknowledge('open', store.id, 0);
  await Promise.all(['a', 'b', 'c'].map((name) => churn(store, `${process.pid}-${name}`)));
}

main();
