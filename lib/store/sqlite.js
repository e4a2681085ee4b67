'use strict';

// The store in one SQLite file, for all processes of one host. Each step reads and writes inside one
// transaction that takes the write lock first, so that steps of all processes come one after another.
// SQLite is synchronous: what is asked for in one turn of the loop shares a transaction, and its sync;
// a file that another process is writing to is waited for without holding the loop.

const fs = require('node:fs');
const path = require('node:path');

const { sleep, systemClock } = require('../clock');
const { E2bError } = require('../errors');
const { checkString } = require('../options');
const contract = require('./contract');
const { isBusy, isFull, openDatabase } = require('./sqlite-library');
const { SCHEMA, SqliteStatements, VERSION } = require('./sqlite-statements');
const { Store } = require('./store');

// Others hold the file for the length of a sync: SQLite waits that long, then the loop has its turn.
const BUSY_MS = 20;
const RETRY_MS = 10;
const DEADLINE_MS = 15_000;
const MAX_STEPS_PER_TRANSACTION = 256;

class SqliteDriver {
  durability = 'host';
  shared = true;
  #file;
  #database = null;
  #statements = null;
  #id = null;
  #isDurable = null;
  #steps = [];
  #working = null;

  constructor(file) {
    this.#file = path.resolve(file);
  }

  get id() {
    return this.#id;
  }

  // ---- opening --------------------------------------------------------------------------------

  async open(signal) {
    try {
      this.#create();
      this.#database = openDatabase(this.#file, BUSY_MS);
      await this.#whenFree(() => this.#prepare(), signal);
      this.#id = await this.#whenFree(() => this.#statements.id, signal);
    } catch (error) {
      this.#database?.close();
      if (error instanceof E2bError || signal?.aborted) throw error;
      throw this.#failed('opened', error);
    }
  }

  // SQLite would make it readable for others. A file that is there must not be opened here: closing it
  // again would drop the locks of this process on it.
  #create() {
    fs.mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o700 });
    try {
      fs.closeSync(fs.openSync(this.#file, 'wx', 0o600));
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }

  #prepare() {
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE');
    try {
      const { user_version: version } = this.#database.prepare('PRAGMA user_version').get();
      if (version > VERSION)
        throw new Error(`its version is ${version}, at most ${VERSION} is known`);
      if (version === 0) {
        this.#database.exec(SCHEMA);
        this.#database.prepare('INSERT INTO store VALUES (?)').run(systemClock.token());
      }
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      throw error;
    }
    this.#isDurable = true;
    this.#statements = new SqliteStatements(this.#database);
  }

  /** Does something again for as long as other processes hold the file. */
  async #whenFree(work, signal) {
    const deadline = systemClock.steady() + DEADLINE_MS;
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || systemClock.steady() > deadline) throw error;
        await sleep(systemClock, systemClock.random() * RETRY_MS, signal);
      }
    }
  }

  // ---- transactions ---------------------------------------------------------------------------

  /**
   * Queues a step for the next transaction.
   *
   * @param {(statements: SqliteStatements) => any} step may refuse with an error of the contract, as
   *   long as it has written nothing
   */
  #write(step, durable = true) {
    return new Promise((resolve, reject) => {
      this.#steps.push({ step, durable, resolve, reject });
      this.#working ??= Promise.resolve().then(() => this.#work());
    });
  }

  async #work() {
    while (this.#steps.length > 0) {
      const batch = this.#steps.splice(0, MAX_STEPS_PER_TRANSACTION);
      try {
        const settle = await this.#whenFree(() => this.#transact(batch));
        settle.forEach((each) => each());
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#working = null;
  }

  /** @returns {(() => void)[]} what to tell each, now that it is true */
  #transact(batch) {
    let at = 'begin';
    try {
      this.#setDurable(batch.some(({ durable }) => durable));
      this.#statements.begin();
      at = 'step';
      const settle = batch.map((each) => this.#take(each));
      at = 'commit';
      this.#statements.commit();
      return settle;
    } catch (error) {
      if (at === 'begin' && isBusy(error)) throw error; // nothing was done: may be tried again
      this.#rollBack();
      const isUnknown = at === 'commit' && !isFull(error);
      throw this.#failed('written', error, isUnknown ? 'unknown' : 'not-sent');
    }
  }

  #take({ step, resolve, reject }) {
    try {
      const result = step(this.#statements);
      return () => resolve(result);
    } catch (error) {
      if (!contract.isRefusal(error)) throw error;
      return () => reject(error);
    }
  }

  // In WAL mode FULL syncs each commit; with NORMAL a commit outlives the process, not the power.
  #setDurable(durable) {
    if (durable === this.#isDurable) return;
    this.#database.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`);
    this.#isDurable = durable;
  }

  #rollBack() {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has done it by itself.
    }
  }

  async #read(work) {
    try {
      return await this.#whenFree(() => work(this.#statements));
    } catch (error) {
      throw this.#failed('read', error);
    }
  }

  #failed(what, error, outcome = 'not-sent') {
    const message = `the store in ${this.#file} cannot be ${what}: ${error.message}`;
    return contract.storeFailed(message, {
      ...{ cause: error, outcome },
      retryable: outcome === 'not-sent' && what !== 'opened',
    });
  }

  async close() {
    await this.#working;
    this.#database.close();
  }

  // ---- the contract ---------------------------------------------------------------------------

  insert(record, maximum, replaces) {
    return this.#write((db) => {
      if (db.get(record.token) !== null) throw contract.tokenExists(record.token);
      if (replaces === null) {
        const hasNoRoom = record.place === 1 && db.count(record.owner) >= maximum;
        return hasNoRoom ? null : db.insert(record);
      }
      const before = db.get(replaces.token);
      if (!contract.handsOn(before, record, replaces.version)) return null;
      if (db.count(record.owner) > maximum) return null;
      db.update(contract.changed(before, { place: 0 }));
      return db.insert(record);
    });
  }

  claim(owner, wanted, changes) {
    return this.#write((db) => {
      const record = db.idle(owner, wanted);
      if (record === null) return null;
      const next = contract.changed(record, changes);
      return db.update({ ...next, fence: next.fence + 1 });
    }, false);
  }

  update(token, version, changes, durable) {
    return this.#write((db) => {
      const record = db.get(token);
      return record?.version === version ? db.update(contract.changed(record, changes)) : null;
    }, durable);
  }

  remove(token, version) {
    return this.#write((db) => db.remove(token, version));
  }

  get(token) {
    return this.#read((db) => db.get(token));
  }

  rows(owner, page) {
    return this.#read((db) => db.rows(owner, page));
  }

  count(owner) {
    return this.#read((db) => db.count(owner));
  }

  owners() {
    return this.#read((db) => db.owners());
  }

  async beat(instance) {
    const isKnown = (await this.#read((db) => db.hostOf(instance.id))) === instance.text;
    await this.#write((db) => db.beat(instance, systemClock.now()), !isKnown);
  }

  instances(owner) {
    return this.#read((db) => this.#withAge(db.instances(owner)));
  }

  #withAge(instances) {
    const nowMs = systemClock.now();
    return instances.map(({ beatenMs, ...rest }) => {
      return { ...rest, ageMs: Math.max(0, nowMs - beatenMs) };
    });
  }

  forget(id) {
    return this.#write((db) => db.forget(id));
  }

  note(owner, key) {
    return this.#read((db) => db.note(owner, key));
  }

  putNote(owner, key, version, text) {
    return this.#write((db) => {
      if ((db.note(owner, key)?.version ?? 0) !== version) return null;
      db.putNote({ owner, key, version: version + 1, text });
      return version + 1;
    });
  }

  // In a transaction: rows, instances and notes of one moment.
  dump() {
    return this.#write(
      (db) => ({ id: db.id, ...db.all(), instances: this.#withAge(db.instances(null)) }),
      false,
    );
  }

  async load({ id, records, instances, notes }) {
    await this.#write((db) => {
      if (!db.isEmpty) throw contract.notEmpty();
      db.id = id;
      for (const record of records) db.insert(record);
      for (const { ageMs, ...instance } of instances) db.beat(instance, systemClock.now() - ageMs);
      for (const note of notes) db.putNote(note);
    });
    this.#id = id;
  }
}

/**
 * A store in one SQLite file, for all processes of this host.
 *
 * @param {string} file made with mode 0600 when it is not there; SQLite keeps two more beside it
 * @returns {Store} of durability 'host', shared
 */
function sqliteStore(file) {
  return new Store(new SqliteDriver(checkString(file, 'file')));
}

module.exports = { sqliteStore };
