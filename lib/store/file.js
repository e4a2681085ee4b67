'use strict';

// The store in a folder, for one process at a time: a table in memory, of which each change is in the
// journal before it is true. Needs no package. What the disk does is the journal's business, who may
// have the folder the lock's; here changes become entries and entries become changes.

const fs = require('node:fs');
const path = require('node:path');

const { createClock } = require('../clock');
const { ConflictError, E2bError } = require('../errors');
const { checkOptions, checkString } = require('../options');
const contract = require('./contract');
const { Journal } = require('./journal');
const { ProcessLock } = require('./process-lock');
const { Store } = require('./store');
const { Table } = require('./table');

// For tests: { fs, journalBytes }, in place of what the journal uses.
const kHooks = Symbol.for('e2b-swarm.file-store');

class FileDriver {
  durability = 'host';
  shared = false;
  #folder;
  #clock;
  #hooks;
  #table = null;
  #journal = null;
  #lock = null;

  constructor(folder, clock, hooks) {
    this.#folder = path.resolve(folder);
    this.#clock = clock;
    this.#hooks = hooks;
  }

  get id() {
    return this.#journal?.id ?? null;
  }

  async open() {
    this.#table = new Table(this.#clock);
    this.#journal = new Journal(this.#folder, () => this.#entries(this.#table), this.#hooks);
    try {
      fs.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      this.#lock = new ProcessLock(path.join(this.#folder, 'lock'), this.#clock, () => {
        this.#journal.lose(new ConflictError(`the store in ${this.#folder} was taken over`));
      });
      await this.#journal.open(this.#clock.token(), (text) => this.#apply(JSON.parse(text)));
    } catch (error) {
      this.#lock?.release();
      this.#lock = null;
      if (error instanceof E2bError) throw error;
      const message = `the store in ${this.#folder} cannot be opened: ${error.message}`;
      throw contract.storeFailed(message, { cause: error });
    }
  }

  async close() {
    try {
      await this.#journal.close();
    } finally {
      this.#lock.release();
    }
  }

  // ---- entries --------------------------------------------------------------------------------

  #apply({ put, give, drop, beat, forget, note }, table = this.#table) {
    if (put) {
      table.put(put);
      if (give) table.put(give);
    } else if (drop) table.drop(drop);
    else if (beat) table.beat(beat.instance, Math.max(0, this.#clock.now() - beat.atMs));
    else if (forget) table.forget(forget);
    else if (note) table.putNote(note.owner, note.key, note.version, note.text);
  }

  #beatEntry(instance, ageMs = 0) {
    return { beat: { instance, atMs: this.#clock.now() - ageMs } };
  }

  /** All of a table, as texts that are made when they are asked for. */
  #entries(table) {
    const { records, instances, notes } = table.dump();
    return [
      ...records.map((put) => () => JSON.stringify({ put })),
      ...instances.map(({ ageMs, ...instance }) => {
        const entry = this.#beatEntry(instance, ageMs);
        return () => JSON.stringify(entry);
      }),
      ...notes.map((note) => () => JSON.stringify({ note })),
    ];
  }

  /**
   * One step: decided, written and made true without a turn of the loop in between.
   *
   * @param {() => object|null} decide the entry, or null: nothing is to be done
   */
  async #write(decide, durable = true) {
    while (!this.#journal.isReady) await this.#journal.ready();
    const entry = decide();
    if (entry === null) return null;
    this.#journal.append(JSON.stringify(entry));
    this.#apply(entry);
    if (durable) await this.#journal.sync();
    return entry;
  }

  async #put(decide, durable) {
    const entry = await this.#write(() => {
      const put = decide();
      return put && { put };
    }, durable);
    return entry && entry.put;
  }

  // ---- the contract ---------------------------------------------------------------------------

  // Both records of a replacement in one entry: a torn journal has both or none.
  async insert(record, maximum, replaces) {
    const entry = await this.#write(() => {
      const next = this.#table.inserted(record, maximum, replaces);
      return next && { put: next[0], give: next[1] };
    });
    return entry && entry.put;
  }

  // Survives the process at once; whoever would know of the lease is gone with the power.
  claim(owner, wanted, changes) {
    return this.#put(() => this.#table.claimed(owner, wanted, changes), false);
  }

  update(token, version, changes, durable) {
    return this.#put(() => this.#table.updated(token, version, changes), durable);
  }

  async remove(token, version) {
    const decide = () => (this.#table.has(token, version) ? { drop: token } : null);
    return (await this.#write(decide)) !== null;
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

  // The first beat says who is there; the later ones are worth nothing without this process.
  async beat(instance) {
    const isKnown = this.#table.instance(instance.id)?.text === instance.text;
    await this.#write(() => this.#beatEntry(instance), !isKnown);
  }

  instances(owner) {
    return this.#table.instances(owner);
  }

  async forget(id) {
    const decide = () => (this.#table.instance(id) === null ? null : { forget: id });
    return (await this.#write(decide)) !== null;
  }

  note(owner, key) {
    return this.#table.note(owner, key);
  }

  async putNote(owner, key, version, text) {
    const entry = await this.#write(() => {
      if ((this.#table.note(owner, key)?.version ?? 0) !== version) return null;
      return { note: { owner, key, version: version + 1, text } };
    });
    return entry && entry.note.version;
  }

  dump() {
    return { ...this.#table.dump(), id: this.id };
  }

  async load(content) {
    const before = this.#table;
    const take = () => {
      if (!this.#table.isEmpty) throw contract.notEmpty();
      this.#table = new Table(this.#clock);
      this.#table.load(content);
      return this.#entries(this.#table);
    };
    await this.#journal.replace(content.id, take, () => {
      this.#table = before;
    });
  }
}

/**
 * A store in a folder of its own, for one process at a time.
 *
 * @param {string} folder made with mode 0700 when it is not there
 * @param {object} [options]
 * @param {object} [options.clock] default: the system's
 * @returns {Store} of durability 'host'
 */
function fileStore(folder, options) {
  const { clock } = checkOptions(options, ['clock'], 'fileStore');
  checkString(folder, 'folder');
  return new Store(new FileDriver(folder, createClock(clock), options?.[kHooks]));
}

module.exports = { fileStore };
