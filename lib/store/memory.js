'use strict';

// The store that needs nothing and outlives nothing: what is in it is gone with the process. For one
// manager, for several in one process that are given the same store, and for tests. Synchronous under
// the promises of its face: no two callers can be in the middle of a step.

const { createClock } = require('../clock');
const { checkOptions } = require('../options');
const contract = require('./contract');
const { Store } = require('./store');
const { Table } = require('./table');

class MemoryDriver {
  durability = 'process';
  shared = false;
  #table;

  constructor(clock) {
    this.#table = new Table(clock);
    this.#table.id = clock.token();
  }

  get id() {
    return this.#table.id;
  }

  open() {}

  close() {}

  insert(record, maximum, replaces) {
    const next = this.#table.inserted(record, maximum, replaces);
    return next && next.map((one) => this.#table.put(one))[0];
  }

  claim(owner, wanted, changes) {
    const next = this.#table.claimed(owner, wanted, changes);
    return next && this.#table.put(next);
  }

  update(token, version, changes) {
    const next = this.#table.updated(token, version, changes);
    return next && this.#table.put(next);
  }

  remove(token, version) {
    const isThere = this.#table.has(token, version);
    if (isThere) this.#table.drop(token);
    return isThere;
  }

  get(token) {
    return this.#table.get(token);
  }

  rows(owner, page) {
    return this.#table.rows(owner, page);
  }

  count(owner) {
    return this.#table.count(owner);
  }

  owners() {
    return this.#table.owners();
  }

  beat(instance) {
    this.#table.beat(instance);
  }

  instances(owner) {
    return this.#table.instances(owner);
  }

  forget(id) {
    return this.#table.forget(id);
  }

  note(owner, key) {
    return this.#table.note(owner, key);
  }

  putNote(owner, key, version, text) {
    if ((this.#table.note(owner, key)?.version ?? 0) !== version) return null;
    this.#table.putNote(owner, key, version + 1, text);
    return version + 1;
  }

  dump() {
    return this.#table.dump();
  }

  load(content) {
    if (!this.#table.isEmpty) throw contract.notEmpty();
    this.#table.load(content);
  }
}

/**
 * A store in memory.
 *
 * @param {object} [options]
 * @param {object} [options.clock] default: the system's
 * @returns {Store} of durability 'process'
 */
function memoryStore(options) {
  const { clock } = checkOptions(options, ['clock'], 'memoryStore');
  return new Store(new MemoryDriver(createClock(clock)));
}

module.exports = { memoryStore };
