'use strict';

// Opens the file store in argv[2], reserves under the token in argv[3], says so, and waits to be killed.

const { Budget, resolveBudget } = require('../../../../lib/money/budget');
const { systemClock } = require('../../../../lib/clock');
const { fileStore } = require('../../../../lib/store');

const [, , file, token] = process.argv;

async function main() {
  const store = fileStore(file);
  await store.open();
  const budget = new Budget(resolveBudget({ daily: 5, hardStop: true }), {
    clock: systemClock,
    read: () => store.note('fleet', 'budget'),
    write: (version, value) => store.putNote('fleet', 'budget', version, value),
  });
  await budget.reserve(token, 2);
  process.stdout.write('reserved\n');
  setInterval(() => {}, 1000);
}

main();
