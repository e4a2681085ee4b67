'use strict';

// A process's way to the store that all share: each operation takes time on its way in and out, and
// the process may die before or after it took effect. The ledger beside it is the store's true
// content at every moment, told by the results of the operations: what the invariants look at.

const { never } = require('./wire');

const OPERATIONS = [
  'open',
  'insert',
  'claim',
  'update',
  'remove',
  'get',
  'rows',
  'count',
  'owners',
  'beat',
  'instances',
  'forget',
  'note',
  'putNote',
  'backup',
  'restore',
];

/** The rows of the store as they are, by token; kept by watching each operation. */
class Ledger {
  rows = new Map();
  /** Places taken. */
  taken = 0;
  #onChange;

  /** @param {(token: string, row: object|null, before: object|null) => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  watch(op, args, result) {
    if (op === 'remove') {
      if (result === true) this.#set(args[0], null);
    } else if (op === 'insert' && result !== null && args[1]?.replaces) {
      const before = this.rows.get(args[1].replaces.token);
      this.#set(before.token, { ...before, place: 0, version: before.version + 1 });
      this.#set(result.token, result);
    } else if ((op === 'insert' || op === 'claim' || op === 'update') && result !== null) {
      this.#set(result.token, result);
    }
  }

  #set(token, row) {
    const before = this.rows.get(token) ?? null;
    this.taken += (row?.place ?? 0) - (before?.place ?? 0);
    if (row === null) this.rows.delete(token);
    else this.rows.set(token, row);
    this.#onChange(token, row, before);
  }
}

/**
 * @param {object} process
 * @param {object} common { store, ledger, scheduler, random, trace, shared: what the store says of itself }
 * @returns {object} a store, by its contract
 */
function linkStore(process, { store, ledger, scheduler, random, trace, shared }) {
  const latency = () => (random.chance(0.03) ? random.between(5, 200) : random.between(0.1, 3));

  function call(op, args) {
    if (!process.alive || process.diesAtCall()) return never();
    const promise = new Promise((resolve, reject) => {
      // In the process itself (a file), or elsewhere (a database): there it goes on without us.
      const place = random.chance(0.5) ? process : null;
      const back = (settle, value) => scheduler.after(latency(), () => settle(value), process);
      const work = () => {
        store[op](...args).then(
          (result) => {
            ledger.watch(op, args, result);
            if (op !== 'beat' && op !== 'rows') trace.add(process.name, describe(op, args, result));
            back(resolve, result);
          },
          (error) => {
            trace.add(process.name, `store.${op} ${error.code ?? error.message}`);
            back(reject, error);
          },
        );
      };
      scheduler.after(latency(), work, place);
    });
    process.diesAtCall();
    return promise;
  }

  const link = { id: store.id, durability: store.durability, shared, close: async () => {} };
  for (const op of OPERATIONS) link[op] = (...args) => call(op, args);
  return link;
}

function describe(op, args, result) {
  if (result === null || typeof result !== 'object') {
    const what = typeof args[0] === 'object' ? args[0]?.token : args[0];
    return `store.${op} ${what} -> ${result}`;
  }
  if (result.token === undefined) return `store.${op} ${args.slice(0, 2).join(' ')}`;
  const { token, version, state, place, sandboxId, holder, fence, instance } = result;
  const of = `of ${instance.slice(0, 8)}, place ${place}, ${sandboxId}, holder ${holder}`;
  return `store.${op} ${token} v${version} ${state} ${of}, fence ${fence}`;
}

module.exports = { Ledger, linkStore };
