'use strict';

// Who is in the fleet, how many places are taken, and which idle sandbox fits. Synchronous and pure
// of I/O: two callers cannot interleave inside it, so a sandbox is never handed out twice and the
// maximum never passed. A place is one of: a live sandbox, one being created, one that was lost and
// waits for its replacement.

const { CapacityError, NotFoundError } = require('../errors');

/** Ids of replaced sandboxes that are remembered, to say by what they were replaced. */
const REPLACED_MAX = 1000;

class Pool {
  #members = new Map();
  #reserved = 0;
  #lost = new Map();
  #replacedBy = new Map();
  #maximum;

  /** @param {() => number} maximum asked anew for each reservation */
  constructor(maximum) {
    this.#maximum = maximum;
  }

  /** Live sandboxes. */
  get size() {
    return this.#members.size;
  }

  /** Places taken: live, being created, lost. */
  get taken() {
    return this.#members.size + this.#reserved + this.#lost.size;
  }

  get free() {
    return Math.max(0, this.#maximum() - this.taken);
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

  /**
   * One place, before anything is sent.
   *
   * @returns {{ fill(member): void, free(): void }} exactly one of the two counts, once
   * @throws {CapacityError} at once when there is none
   */
  reserve() {
    const maximum = this.#maximum();
    if (this.taken >= maximum) {
      throw new CapacityError(
        `no place left: ${this.size} live, ${this.#reserved} being created and ` +
          `${this.#lost.size} awaiting replacement, of maxPoolSize ${maximum}; ` +
          `end a sandbox or raise manager.config.maxPoolSize`,
      );
    }
    return this.#place();
  }

  #place() {
    this.#reserved++;
    let open = true;
    const close = () => {
      if (!open) return false;
      open = false;
      this.#reserved--;
      return true;
    };
    return {
      fill: (member) => {
        if (close()) this.#members.set(member.id, member);
      },
      free: () => void close(),
    };
  }

  /** An idle sandbox made from the same spec, the one used last first; it is taken from now on. */
  take(fingerprint, except) {
    let best = null;
    for (const member of this.#members.values()) {
      if (!member.idle || member.spec.fingerprint !== fingerprint || except.has(member)) continue;
      if (best === null || member.lastUsedAt > best.lastUsedAt) best = member;
    }
    if (best !== null) best.taken = true;
    return best;
  }

  /** Forgets a sandbox that has ended. */
  remove(member) {
    return this.#members.delete(member.id);
  }

  /** Forgets a sandbox that has ended and keeps its place for a replacement. */
  removeKeepingPlace(member) {
    if (!this.#members.delete(member.id)) throw new Error(`${member.id} is not in the pool`);
    return this.#place();
  }

  /** Remembers what stood in for what. */
  replaced(oldId, newId) {
    this.#replacedBy.set(oldId, newId);
    if (this.#replacedBy.size > REPLACED_MAX) {
      this.#replacedBy.delete(this.#replacedBy.keys().next().value);
    }
  }

  /** A sandbox that ended and could not be replaced yet: `facts` are kept, and so is the place. */
  lose(id, facts, place) {
    place.free();
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

  /** Takes a lost one out, to replace it. @returns {{ facts, place }|null} */
  reclaim(id) {
    const facts = this.#lost.get(id);
    if (facts === undefined) return null;
    this.#lost.delete(id);
    return { facts, place: this.#place() };
  }
}

module.exports = { Pool };
