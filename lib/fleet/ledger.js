'use strict';

// What the manager writes down before it acts, so that whoever comes after a crash can finish or undo
// it. The fleet's only way to the store: one entry for each place of the quota, in the life
//   creating -> idle <-> leased -> ending -> ended -> (removed when a list proves that it is gone)
//   creating -> watched: an unknown outcome; it holds its place, and what still arrives is ended
// Each change is a compare-and-set; an entry that another instance took over is fenced off. Sends
// nothing to the far end. No secret is written: of a spec the fingerprint and what may be shown.

const { ConflictError } = require('../errors');
const { pages } = require('./slices');

/** Of the store's id, in every token: tells our sandboxes from those of another store's fleet. */
const STORE_PREFIX = 8;
/** How often an instance says that it lives, and how long its silence must be to mean death. */
const BEAT_MS = 15_000;
const DEAD_AFTER_MS = 60_000;
/** Self-fencing: past this since the last beat, nothing is believed that the store did not confirm. */
const STALE_AFTER_MS = 40_000;

class Ledger {
  #store;
  #clock;
  #identity;
  #opened;
  #opening = null;
  #closing = null;
  #entries = new Map();
  #timer = null;
  #beating = null;
  #beatAt = -Infinity;
  #beatWall = -Infinity;
  /** How often we were silent for so long that others may have thought us dead. */
  #silences = 0;
  #claiming = 0;

  /**
   * @param {object} how
   * @param {object} how.store see lib/store
   * @param {string} how.owner name of the fleet: whoever shares it and the store shares quota and pool
   * @param {object} how.clock
   * @param {{ self(): object, isAlive(facts: object): boolean|null }} how.identity
   * @param {() => Promise<void>} [how.opened] once, before anything else is asked of the store
   */
  constructor({ store, owner, clock, identity, opened = async () => {} }) {
    this.owner = owner;
    this.#store = store;
    this.#clock = clock;
    this.#identity = identity;
    this.#opened = opened;
    this.instance = clock.token();
    this.facts = identity.self();
  }

  get store() {
    return this.#store;
  }

  /** Whether anything was ever asked of the store. */
  get isOpen() {
    return this.#opening !== null;
  }

  /** Opens the store and registers this instance; once, however often it is asked for. */
  open() {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  async #open() {
    await this.#store.open();
    await this.#beat();
    await this.#opened();
    this.#timer = this.#clock.setInterval(() => {
      this.#beat().catch(() => {}); // seen by #beatAt
    }, BEAT_MS);
    this.#timer?.unref?.();
  }

  /** One at a time: an older one must not be taken for a younger. */
  #beat() {
    if (this.#closing !== null) return Promise.resolve();
    this.#beating ??= this.#sendBeat().finally(() => {
      this.#beating = null;
    });
    return this.#beating;
  }

  async #sendBeat() {
    const [at, wall] = [this.#clock.steady(), this.#clock.now()];
    const { instance: id, owner, facts: host } = this;
    await this.#store.beat({ id, owner, host });
    // The steady clock stands still while a machine sleeps; the others' clocks do not.
    const silentMs = Math.max(
      this.#clock.steady() - this.#beatAt,
      this.#clock.now() - this.#beatWall,
    );
    if (silentMs >= STALE_AFTER_MS) this.#silences++;
    this.#beatAt = at;
    this.#beatWall = wall;
  }

  /** Nobody thinks us dead: the store has heard of us lately. */
  async #fresh() {
    await this.open();
    if (this.#clock.steady() - this.#beatAt >= STALE_AFTER_MS) await this.#beat();
  }

  /** Stops the heartbeat. What is left in the store is anybody's who shares it from now on. */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    if (this.#opening === null) return;
    await this.#opening.catch(() => {});
    this.#clock.clearInterval(this.#timer);
    // One that lands after the end would make us live as long as this process.
    await this.#beating?.catch(() => {});
    await this.#store.forget(this.instance);
  }

  /** Starts the token of every sandbox of this store. */
  get prefix() {
    return `${this.#store.id.slice(0, STORE_PREFIX)}-`;
  }

  /** The entry of a token, if it is in hand: worked on by this manager at this moment. */
  entry(token) {
    return this.#entries.get(token);
  }

  /**
   * Whether a row of this instance is worked on here, or may be: the store's answer to a claim can
   * be under way. One whose end has failed is nobody's work any more.
   */
  holds({ token, state }) {
    const entry = this.#entries.get(token);
    if (entry === undefined) return state === 'leased' && this.#claiming > 0;
    return !(state === 'ending' && entry.endFailed);
  }

  /** @returns {number} places that are taken, over all managers of the fleet */
  async taken() {
    await this.open();
    return this.#store.count(this.owner);
  }

  /**
   * The intent to create, durable when this resolves.
   *
   * @param {object} spec of createSpec
   * @param {object} how
   * @param {number} how.maximum places of the fleet
   * @param {Entry|null} [how.replaces] an ended entry that hands its place on
   * @param {object} [how.data] kept beside it
   * @returns {Promise<Entry|null>} null when no place is left
   */
  async intend(spec, { maximum, replaces = null, data = {} }) {
    await this.#fresh();
    const { name, template, timeout } = spec;
    const row = {
      token: `${this.prefix}${this.#clock.token()}`,
      owner: this.owner,
      instance: this.instance,
      state: 'creating',
      place: 1,
      sandboxId: null,
      fingerprint: spec.fingerprint,
      holder: null,
      data: { name, template, timeout, ...data },
    };
    // In hand before it can be seen in the store: reconcile would think it nobody's.
    const entry = this.#hold({ ...row, version: 0 });
    let inserted = null;
    try {
      inserted =
        (await replaces?.handOn(row, maximum)) ?? (await this.#store.insert(row, { maximum }));
    } finally {
      if (inserted === null) entry.letGo();
    }
    if (inserted === null) return null;
    entry.learn(inserted);
    return entry;
  }

  /**
   * Takes one idle sandbox of the pool for us, whoever of the fleet made it.
   *
   * @param {{ fingerprint: string, holder: string|null, except: string[] }} wish
   * @returns {Promise<Entry|null>} leased
   */
  async claim(wish) {
    await this.#fresh();
    const changes = { state: 'leased', instance: this.instance, holder: wish.holder };
    this.#claiming++;
    try {
      const row = await this.#store.claim(this.owner, wish, changes);
      if (row === null) return null;
      const entry = this.#entries.get(row.token);
      if (entry === undefined) return this.#hold(row);
      entry.learn(row);
      // Its creation, or whoever gave it back, may still wait for the store's answer.
      await entry.quiet();
      return entry;
    } finally {
      this.#claiming--;
    }
  }

  /**
   * Takes over what an instance left that is dead, or that nobody works on any more.
   *
   * @returns {Promise<Entry|null>} null when somebody else was faster
   */
  async takeOver(row, changes) {
    const taken = await this.#store.update(row.token, row.version, {
      ...changes,
      instance: this.instance,
    });
    return taken === null ? null : this.#hold(taken);
  }

  #hold(row) {
    const { token } = row;
    const entry = new Entry(this.#store, this.instance, row, () => {
      // There may be a younger one of the same row.
      if (this.#entries.get(token) === entry) this.#entries.delete(token);
    });
    entry.silences = this.#silences;
    this.#entries.set(token, entry);
    return entry;
  }

  /** Every row of the fleet, all instances', page by page, with a turn for others between two. */
  async *pages() {
    await this.open();
    yield* pages((page) => this.#store.rows(this.owner, page), this.#clock);
  }

  /** The same, all at once. */
  async rows() {
    const all = [];
    for await (const page of this.pages()) all.push(...page);
    return all;
  }

  get(token) {
    return this.#store.get(token);
  }

  /** A small document that all managers of the fleet share. @returns {{ value, version }|null} */
  async note(key) {
    await this.open();
    return this.#store.note(this.owner, key);
  }

  /** @returns {Promise<number|null>} null: somebody else was faster */
  putNote(key, version, value) {
    return this.#store.putNote(this.owner, key, version, value);
  }

  remove(row) {
    return this.#store.remove(row.token, row.version);
  }

  /** @returns {Promise<(id: string) => boolean>} whether an instance is known to be dead */
  async deaths() {
    return this.#deathsAmong(await this.#store.instances(this.owner));
  }

  #deathsAmong(instances) {
    const known = new Map();
    for (const { id, host, ageMs } of instances) {
      const alive = id === this.instance ? true : this.#identity.isAlive(host);
      known.set(id, alive ?? ageMs < DEAD_AFTER_MS);
    }
    // One without a row was forgotten at its proper end.
    return (id) => known.get(id) !== true;
  }

  /** Forgets instances that are dead and have left nothing. @param {Set<string>} used that have rows */
  async bury(used) {
    // One look for both: who came in between two would count as dead.
    const instances = await this.#store.instances(this.owner);
    const isDead = this.#deathsAmong(instances);
    for (const { id } of instances) {
      if (!used.has(id) && isDead(id)) await this.#store.forget(id);
    }
  }

  /**
   * Whether an entry is still ours. Costs nothing while our heartbeat is fresh: nobody may take over
   * what belongs to an instance that was heard of lately. After a silence it is written, not read:
   * whoever thought us dead just before may take it over just after, but not that version of it.
   *
   * @throws {ConflictError} FENCED
   */
  async confirm(entry) {
    await this.#fresh();
    const silences = this.#silences;
    if (entry.silences === silences) return;
    await entry.change({}, { durable: false });
    entry.silences = silences;
  }
}

/** A row in the hand of this manager. Changes of one entry go one after the other. */
class Entry {
  /** The sandbox behind it, once there is one. */
  member = null;
  /** Nobody here goes on ending it: that is reconcile's business. */
  endFailed = false;
  /** Of the ledger, when it was last known to be ours. */
  silences = 0;
  #store;
  #instance;
  #drop;
  #last = Promise.resolve();

  constructor(store, instance, row, drop) {
    this.#store = store;
    this.#instance = instance;
    this.#drop = drop;
    this.row = row;
  }

  get token() {
    return this.row.token;
  }

  get state() {
    return this.row.state;
  }

  get fence() {
    return this.row.fence;
  }

  /**
   * @param {object} changes of the row
   * @param {object} [how]
   * @param {(row: object) => boolean} [how.when] asked of what stands in the store; false: no change
   * @param {boolean} [how.durable] default true
   * @returns {Promise<boolean>} whether it was changed
   * @throws {ConflictError} FENCED: another instance has taken it over, or it was removed
   */
  change(changes, { when = () => true, durable = true } = {}) {
    return this.#next(async () => {
      for (;;) {
        if (!when(this.row)) return false;
        const { token, version } = this.row;
        const row = await this.#store.update(token, version, changes, { durable });
        if (row !== null) {
          this.learn(row);
          return true;
        }
        await this.#reread();
      }
    });
  }

  /** Reads what stands in the store. @throws {ConflictError} FENCED */
  reread() {
    return this.#next(() => this.#reread());
  }

  async #reread() {
    const row = await this.#store.get(this.token);
    if (row === null || row.instance !== this.#instance) {
      this.#drop();
      throw new ConflictError('another manager has taken this sandbox over', {
        ...{ code: 'FENCED', sandboxId: this.row.sandboxId },
      });
    }
    this.learn(row);
  }

  /** What the store answered; answers may overtake each other. */
  learn(row) {
    if (row.version >= this.row.version) this.row = row;
  }

  /** Resolves when no change of it is under way. */
  quiet() {
    return this.#last;
  }

  /**
   * Puts a new row in its place, in one step: nobody else can have it in between. Let go then.
   *
   * @returns {Promise<object|null>} null: it has no place any more, or there are too many
   */
  handOn(row, maximum) {
    return this.#next(async () => {
      for (;;) {
        const { token, version, place } = this.row;
        if (place === 0) return null;
        const how = { maximum, replaces: { token, version } };
        const inserted = await this.#store.insert(row, how);
        if (inserted !== null) {
          this.#drop();
          return inserted;
        }
        try {
          await this.#reread();
        } catch (error) {
          if (error?.code === 'FENCED') return null;
          throw error;
        }
        if (this.row.version === version) return null;
      }
    });
  }

  /** Out of the store: nothing was made, or it is proven gone. */
  remove() {
    return this.#next(async () => {
      while (!(await this.#store.remove(this.token, this.row.version))) {
        if ((await this.#store.get(this.token)) === null) break;
        await this.#reread();
      }
      this.#drop();
    });
  }

  /** Nobody here works on it any more: what stands in the store is for reconcile to act upon. */
  letGo() {
    this.#drop();
  }

  #next(work) {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}

module.exports = { Ledger, BEAT_MS, DEAD_AFTER_MS, STALE_AFTER_MS };
