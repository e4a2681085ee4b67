'use strict';

// The face of every store: checks arguments, keeps to open and closed, turns records into copies for
// the caller. What holds the data is a driver (memory, file, sqlite, postgres), which sees only checked
// arguments; its functions may answer at once or with a promise. No I/O here.

const { checkOptions, invalid } = require('../options');
const contract = require('./contract');

const { checkName, checkToken, checkWhole, rowOf } = contract;

class Store {
  #driver;
  #state = 'new';
  #opening = null;
  #closing = null;

  constructor(driver) {
    this.#driver = driver;
  }

  /** Part of every token; null until a store that outlives the process is open. */
  get id() {
    return this.#driver.id;
  }

  /** What the store outlives: 'process' nothing, 'host' this process, 'hosts' this host. */
  get durability() {
    return this.#driver.durability;
  }

  /** Whether several processes may have it open at the same time. */
  get shared() {
    return this.#driver.shared;
  }

  /**
   * Makes or recovers what the store lies on; a second call waits for the first. One that failed may
   * be repeated.
   *
   * @throws {ConflictError} a live process has it, and it is for one at a time
   */
  async open(options) {
    const { signal } = checkOptions(options, ['signal'], 'open');
    signal?.throwIfAborted();
    if (this.#state === 'closed') throw contract.closed('closed');
    this.#opening ??= this.#open(signal);
    await this.#opening;
  }

  async #open(signal) {
    try {
      await this.#driver.open(signal);
      if (this.#state === 'new') this.#state = 'open';
    } catch (error) {
      this.#opening = null;
      throw error;
    }
  }

  /** Waits for durable writes under way, then lets go of everything; may be called again. */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    const opening = this.#opening;
    this.#state = 'closed';
    if (opening === null) return;
    const opened = await opening.then(
      () => true,
      () => false,
    );
    if (opened) await this.#driver.close();
  }

  #ready() {
    if (this.#state === 'open') return this.#driver;
    throw contract.closed(this.#state === 'new' ? 'not open: await its open() first' : 'closed');
  }

  /**
   * @param {object} row
   * @param {{ maximum: number, replaces?: { token: string, version: number } }} options maximum: of
   *   places, asked where the row takes one; replaces: a row of the same owner that hands its place on
   *   in the same step, and is changed by that
   * @returns {Promise<object|null>} null: no place is left, or what it replaces is not at that version
   *   or has no place; nothing was changed then
   */
  async insert(row, options) {
    const driver = this.#ready();
    const { maximum, replaces } = checkOptions(options, ['maximum', 'replaces'], 'insert');
    const record = contract.newRecord(row);
    const made = await driver.insert(
      record,
      contract.checkMaximum(record.place, maximum),
      contract.checkReplaces(replaces, record.place),
    );
    return made && rowOf(made);
  }

  async claim(owner, wanted, changes) {
    const driver = this.#ready();
    checkName(owner, 'owner');
    const checked = contract.checkWanted(wanted);
    const claimed = await driver.claim(owner, checked, contract.changesOf(changes));
    return claimed && rowOf(claimed);
  }

  async update(token, version, changes, options) {
    const driver = this.#ready();
    const { durable = true } = checkOptions(options, ['durable'], 'update');
    if (typeof durable !== 'boolean') throw invalid('durable must be true or false');
    checkToken(token);
    checkWhole(version, 'version', 1);
    const made = await driver.update(token, version, contract.changesOf(changes), durable);
    return made && rowOf(made);
  }

  async remove(token, version) {
    const driver = this.#ready();
    return driver.remove(checkToken(token), checkWhole(version, 'version', 1));
  }

  async get(token) {
    const record = await this.#ready().get(checkToken(token));
    return record && rowOf(record);
  }

  async rows(owner, page) {
    const driver = this.#ready();
    const records = await driver.rows(checkName(owner, 'owner'), contract.checkPage(page));
    return records.map(rowOf);
  }

  async count(owner) {
    return this.#ready().count(checkName(owner, 'owner'));
  }

  async owners() {
    return (await this.#ready().owners()).sort();
  }

  async beat(instance) {
    await this.#ready().beat(contract.instanceRecord(instance));
  }

  async instances(owner) {
    const found = await this.#ready().instances(checkName(owner, 'owner'));
    return found.map(({ id, owner: name, text, ageMs }) => {
      return { id, owner: name, host: JSON.parse(text), ageMs };
    });
  }

  async forget(instanceId) {
    return this.#ready().forget(checkName(instanceId, 'instanceId'));
  }

  async note(owner, key) {
    const found = await this.#ready().note(checkName(owner, 'owner'), checkName(key, 'key'));
    return found && { value: JSON.parse(found.text), version: found.version };
  }

  async putNote(owner, key, version, value) {
    const driver = this.#ready();
    checkName(owner, 'owner');
    checkName(key, 'key');
    checkWhole(version, 'version', 0);
    return driver.putNote(owner, key, version, contract.noteText(value));
  }

  /** Everything, as plain JSON: into a file, and from there into any other store. */
  async backup() {
    return contract.backupOf(await this.#ready().dump());
  }

  /** Fills this store, which has to be empty, and takes the id of the one that was saved. */
  async restore(backup) {
    const driver = this.#ready();
    await driver.load(contract.recordsOf(backup));
  }
}

module.exports = { Store };
