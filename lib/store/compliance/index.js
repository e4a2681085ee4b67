'use strict';

// The suite that every store has to pass, ours and users' own. It is given the test runner's functions,
// so that it depends on none, and talks to stores through their public face only. What a store does
// when its disk or server fails is not in here: that is for the tests of each.

const { claimTests } = require('./claims');
const { lifeTests } = require('./life');
const { noteTests } = require('./notes');
const { rowTests } = require('./rows');

/**
 * Registers the tests of the contract.
 *
 * @param {() => Promise<{ store: object, again?: () => object, end?: () => Promise<void> }>} factory
 *   makes a new, empty store, not yet open. `again` makes one more store object over the same data,
 *   open or not; it has to be there unless durability is 'process'. `end` removes everything. It is
 *   called once for each test; stores are closed before `end`.
 * @param {{ describe: Function, test: Function, expect: Function, name?: string }} runner jest's,
 *   vitest's or others' of the same form
 */
function storeContract(factory, { describe, test, expect, name = 'a store' }) {
  const withStore = (title, body) => {
    test(title, async () => {
      const { store, again, end } = await factory();
      const opened = [store];
      const another = () => {
        const one = again();
        opened.push(one);
        return one;
      };
      try {
        await store.open();
        await body(store, { another: again && another });
      } finally {
        await Promise.all(opened.map((one) => one.close()));
        await end?.();
      }
    });
  };
  describe(`${name} keeps the contract of stores`, () => {
    const suite = { describe, withStore, expect };
    rowTests(suite);
    claimTests(suite);
    noteTests(suite);
    lifeTests(suite);
  });
}

module.exports = { storeContract };
