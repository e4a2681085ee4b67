'use strict';

// The content of a store in memory, with the indexes that make each step cheap: rows by token, places
// and tokens by owner, idle rows by owner and fingerprint with the newest last. Synchronous. The
// functions that decide (`inserted`, `claimed`, `updated`) change nothing: they answer the record that
// would come next, so that a journal can be written before `put` makes it true.

const contract = require('./contract');

/** Idle rows of one fingerprint in the order of their last change; the entries are the links. */
class IdleList {
  newest = null;
  #oldest = null;

  add(entry) {
    entry.older = this.newest;
    if (this.newest === null) this.#oldest = entry;
    else this.newest.newer = entry;
    this.newest = entry;
  }

  remove(entry) {
    if (entry.older === null) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === null) this.newest = entry.older;
    else entry.newer.older = entry.older;
  }

  get isEmpty() {
    return this.#oldest === null;
  }
}

/** Where `token` is in a sorted list, or where it would go. */
function positionOf(tokens, token) {
  let low = 0;
  let high = tokens.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (tokens[middle] < token) low = middle + 1;
    else high = middle;
  }
  return low;
}

class Table {
  id = null;
  #clock;
  #rows = new Map();
  #owners = new Map();
  #instances = new Map();
  #notes = new Map();
  #sequence = 0;

  constructor(clock) {
    this.#clock = clock;
  }

  get isEmpty() {
    return this.#rows.size + this.#instances.size + this.#notes.size === 0;
  }

  // ---- decisions ------------------------------------------------------------------------------

  /** @returns {object[]|null} the records that come next: the new one, then what gave up its place */
  inserted(record, maximum, replaces) {
    if (this.#rows.has(record.token)) throw contract.tokenExists(record.token);
    if (replaces === null) {
      return record.place === 1 && this.count(record.owner) >= maximum ? null : [record];
    }
    const before = this.get(replaces.token);
    if (!contract.handsOn(before, record, replaces.version)) return null;
    if (this.count(record.owner) > maximum) return null;
    return [record, contract.changed(before, { place: 0 })];
  }

  claimed(owner, { fingerprint, holder, except }, changes) {
    let entry = this.#owners.get(owner)?.idle.get(fingerprint)?.newest ?? null;
    for (; entry !== null; entry = entry.older) {
      const { record } = entry;
      const isOurs = record.holder === null || record.holder === holder;
      if (isOurs && !except.includes(record.token)) break;
    }
    if (entry === null) return null;
    const next = contract.changed(entry.record, changes);
    next.fence += 1;
    return next;
  }

  updated(token, version, changes) {
    const record = this.get(token);
    return record?.version === version ? contract.changed(record, changes) : null;
  }

  has(token, version) {
    return this.get(token)?.version === version;
  }

  // ---- rows -----------------------------------------------------------------------------------

  /** Puts a record in the place of the one with its token; from here on it is the newest. */
  put(record) {
    const before = this.#rows.get(record.token);
    let owner = this.#owners.get(record.owner);
    if (owner === undefined) {
      owner = { tokens: [], places: 0, idle: new Map() };
      this.#owners.set(record.owner, owner);
    }
    if (before === undefined) {
      owner.tokens.splice(positionOf(owner.tokens, record.token), 0, record.token);
    } else {
      owner.places -= before.record.place;
      this.#unlist(owner, before);
    }
    const entry = { record, sequence: ++this.#sequence, older: null, newer: null };
    owner.places += record.place;
    this.#rows.set(record.token, entry);
    this.#list(owner, entry);
    return record;
  }

  drop(token) {
    const entry = this.#rows.get(token);
    if (entry === undefined) return;
    const { record } = entry;
    const owner = this.#owners.get(record.owner);
    this.#rows.delete(token);
    owner.tokens.splice(positionOf(owner.tokens, token), 1);
    owner.places -= record.place;
    this.#unlist(owner, entry);
    if (owner.tokens.length === 0) this.#owners.delete(record.owner);
  }

  #list(owner, entry) {
    const { state, fingerprint } = entry.record;
    if (state !== 'idle') return;
    let list = owner.idle.get(fingerprint);
    if (list === undefined) {
      list = new IdleList();
      owner.idle.set(fingerprint, list);
    }
    list.add(entry);
  }

  #unlist(owner, entry) {
    const { state, fingerprint } = entry.record;
    if (state !== 'idle') return;
    const list = owner.idle.get(fingerprint);
    list.remove(entry);
    if (list.isEmpty) owner.idle.delete(fingerprint);
  }

  get(token) {
    return this.#rows.get(token)?.record ?? null;
  }

  rows(owner, { after, limit, states }) {
    const tokens = this.#owners.get(owner)?.tokens ?? [];
    const found = [];
    let at = after === null ? 0 : positionOf(tokens, after);
    if (tokens[at] === after) at += 1;
    for (; at < tokens.length && found.length < limit; at += 1) {
      const { record } = this.#rows.get(tokens[at]);
      if (states.includes(record.state)) found.push(record);
    }
    return found;
  }

  count(owner) {
    return this.#owners.get(owner)?.places ?? 0;
  }

  owners() {
    const names = new Set([...this.#owners.keys(), ...this.#notes.keys()]);
    for (const { owner } of this.#instances.values()) names.add(owner);
    return [...names];
  }

  // ---- instances and notes --------------------------------------------------------------------

  /** @param {number} [ageMs] how long ago the beat was */
  beat(instance, ageMs = 0) {
    this.#instances.set(instance.id, { ...instance, beatenMs: this.#clock.steady() - ageMs });
  }

  instance(id) {
    return this.#instances.get(id) ?? null;
  }

  instances(owner) {
    const nowMs = this.#clock.steady();
    return [...this.#instances.values()]
      .filter((instance) => owner === undefined || instance.owner === owner)
      .map(({ beatenMs, ...instance }) => ({ ...instance, ageMs: Math.max(0, nowMs - beatenMs) }));
  }

  forget(id) {
    return this.#instances.delete(id);
  }

  note(owner, key) {
    return this.#notes.get(owner)?.get(key) ?? null;
  }

  putNote(owner, key, version, text) {
    if (!this.#notes.has(owner)) this.#notes.set(owner, new Map());
    this.#notes.get(owner).set(key, { owner, key, version, text });
  }

  // ---- all of it ------------------------------------------------------------------------------

  dump() {
    return {
      id: this.id,
      records: [...this.#rows.values()]
        .sort((a, b) => a.sequence - b.sequence)
        .map(({ record }) => record),
      instances: this.instances(),
      notes: [...this.#notes.values()].flatMap((notes) => [...notes.values()]),
    };
  }

  load({ id, records, instances, notes }) {
    this.id = id;
    for (const record of records) this.put(record);
    for (const { ageMs, ...instance } of instances) this.beat(instance, ageMs);
    for (const { owner, key, version, text } of notes) this.putNote(owner, key, version, text);
  }
}

module.exports = { Table };
