'use strict';

// Stores for tests of the fleet: memoryStore behind a face that a test can hold up, make fail, or let
// die with its process. Every operation takes effect at once; what waits is the answer.

const METHODS = [
  ...['open', 'close', 'insert', 'claim', 'update', 'remove', 'get', 'rows', 'count', 'owners'],
  ...['beat', 'instances', 'forget', 'note', 'putNote', 'backup', 'restore'],
];

/**
 * @param {object} store of lib/store
 * @param {(op: string, args: unknown[], work: () => Promise) => Promise} around
 * @returns {object} a store, by its contract
 */
function wrapped(store, around) {
  const face = {
    get id() {
      return store.id;
    },
    durability: store.durability,
    shared: store.shared,
  };
  for (const op of METHODS) face[op] = (...args) => around(op, args, () => store[op](...args));
  return face;
}

/** A store whose answers can be held back: `hold('insert')` answers what lets them go. */
function gatedStore(store) {
  const gates = new Map();
  const face = wrapped(store, async (op, _args, work) => {
    const answer = await work();
    await gates.get(op)?.promise;
    return answer;
  });
  face.hold = (op) => {
    let open;
    const promise = new Promise((resolve) => {
      open = resolve;
    });
    gates.set(op, { promise });
    return () => {
      gates.delete(op);
      open();
    };
  };
  return face;
}

module.exports = { gatedStore, wrapped };
