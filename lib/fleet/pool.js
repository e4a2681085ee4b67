'use strict';

// Which sandboxes this manager has in hand, and which of its places are on their way. A mirror: how
// many places the fleet may take, and who gets which idle sandbox, is decided in the store, for all
// managers at once. Synchronous and pure of I/O.

const { CapacityError, NotFoundError } = require('../errors');

/** Ids of replaced sandboxes that are remembered, to say by what they were replaced. */
const REPLACED_MAX = 1000;

class Pool {
  #members = new Map();
  #reserved = 0;
  #lost = new Map();
  #replacedBy = new Map();

  /** Live sandboxes. */
  get size() {
    return this.#members.size;
  }

  /** Places taken here: live, being created, lost. */
  get taken() {
    return this.#members.size + this.#reserved + this.#lost.size;
  }

  members() {
    return [...this.#members.values()];
  }

  idle() {
    return this.members().filter((member) => member.idle);
  }

  has(id) {
    return this.#members.has(id);
  }

  /** @throws {NotFoundError} that says by what it was replaced, if it was */
  get(id) {
    const member = this.#members.get(id);
    if (member) return member;
    const newer = this.#replacedBy.get(id);
    const why = newer === undefined ? '' : `: it was replaced by ${newer}`;
    throw new NotFoundError(`sandbox '${String(id).slice(0, 64)}' not found${why}`, {
      sandboxId: typeof id === 'string' ? id : null,
    });
  }

  /** The id of what stands in for a sandbox now: its own, if it was not replaced. */
  newest(id) {
    let newest = id;
    while (!this.#members.has(newest) && this.#replacedBy.has(newest)) {
      newest = this.#replacedBy.get(newest);
    }
    return newest;
  }

  /** Why there is no place. @param {number} maximum @param {number} [all] taken in the whole fleet */
  full(maximum, all = this.taken) {
    const elsewhere = all > this.taken ? `, ${all - this.taken} with other managers` : '';
    return new CapacityError(
      `no place left: ${this.size} live, ${this.#reserved} being created and ` +
        `${this.#lost.size} awaiting replacement${elsewhere}, of maxPoolSize ${maximum}; ` +
        `end a sandbox or raise manager.config.maxPoolSize`,
    );
  }

  /**
   * A place that the store has given us.
   *
   * @param {import('./ledger').Entry} entry
   * @returns {{ entry, fill(member): void, free(): void }} exactly one of the two counts, once
   */
  place(entry) {
    this.#reserved++;
    let open = true;
    const close = () => {
      if (!open) return false;
      open = false;
      this.#reserved--;
      return true;
    };
    return {
      entry,
      fill: (member) => {
        if (close()) this.#members.set(member.id, member);
      },
      free: () => void close(),
    };
  }

  /** Forgets a sandbox that has ended, or that another manager has taken. */
  remove(member) {
    return this.#members.delete(member.id);
  }

  /** Remembers what stood in for what. */
  replaced(oldId, newId) {
    this.#replacedBy.set(oldId, newId);
    if (this.#replacedBy.size > REPLACED_MAX) {
      this.#replacedBy.delete(this.#replacedBy.keys().next().value);
    }
  }

  /** A sandbox that ended and could not be replaced yet: `facts` are kept, and with them its place. */
  lose(id, facts) {
    this.#lost.set(id, facts);
  }

  /** Ids of what was lost. */
  lost() {
    return [...this.#lost.keys()];
  }

  /** What is kept of a lost one. */
  lostFacts(id) {
    return this.#lost.get(id);
  }

  /** Takes a lost one out, to replace it. @returns {object|null} its facts */
  reclaim(id) {
    const facts = this.#lost.get(id) ?? null;
    this.#lost.delete(id);
    return facts;
  }
}

module.exports = { Pool };
