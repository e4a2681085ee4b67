'use strict';

// Inserts into a sqliteStore without end, several at a time, and says on stdout what was acknowledged.
// To be killed.
//
//   node sqlite-writer.js FILE

const fs = require('node:fs');

const { sqliteStore } = require('../../../../lib/store');

async function insertForEver(store, name) {
  for (let n = 0; ; n += 1) {
    const token = `${process.pid}-${name}-${n}`;
    await store.insert(
      { token, owner: 'owner', instance: 'i', state: 'idle', place: 1, fingerprint: 'f' },
      { maximum: Infinity },
    );
    fs.writeSync(1, `${token}\n`);
  }
}

async function main() {
  const store = sqliteStore(process.argv[2]);
  await store.open();
  await Promise.all(['a', 'b', 'c'].map((name) => insertForEver(store, name)));
}

main();
