'use strict';

// The sandboxes of a fleet, from place to end: reserved, admitted, taken, occupied, put back, lost,
// ended. The only file that enters one into the pool or takes it out. Order everywhere: state, then
// event, then promise.

const { ConflictError } = require('../errors');
const { Limiter } = require('../policy/limiter');
const { Base } = require('./base');
const { Ceiling } = require('./ceiling');
const { ANONYMOUS, Member } = require('./member');

/** A change that a crash may undo: whoever held the sandbox is dead then. */
const SOON = { durable: false };

class FleetCore extends Base {
  /** Told whenever a sandbox or a place may have become free. */
  changed = () => {};
  /** The scaling that is under way, if any. */
  scaling = Promise.resolve();
  /** Told when something has to be looked for in a later list. */
  unproven = () => {};

  constructor(config, emit) {
    super(config, emit);
    this.ceiling = new Ceiling(config.clock);
    this.creations = new Limiter(() => config.get('maxConcurrentCreations'));
  }

  /** Places that the whole fleet may take: what was asked for, or less where the far end has less. */
  get maximum() {
    return Math.min(this.config.get('maxPoolSize'), this.ceiling.places);
  }

  /**
   * A place in the fleet's quota, and the durable intent to fill it.
   *
   * @param {object} spec of createSpec
   * @param {{ replaces?: import('./ledger').Entry|null }} [how] an ended one that hands its place on
   * @returns {Promise<{ entry, fill(member), free() }>}
   * @throws {CapacityError} at once when there is none
   */
  async reserve(spec, { replaces } = {}) {
    this.checkOpen();
    const { maximum } = this;
    const entry = await this.ledger.intend(spec, { maximum, replaces });
    if (entry === null) throw this.pool.full(maximum, await this.ledger.taken());
    return this.pool.place(entry);
  }

  /** Enters a sandbox into the fleet: state, statistics, event. */
  admit(member, place, { created = true, createMs } = {}) {
    place.fill(member);
    this.purse.opened(member, { created, createMs });
    member.onVacant = () => this.track(this.vacate(member));
    this.stats.add('sandboxesCreated');
    this.emit('sandbox:created', member.record());
    this.changed();
  }

  /**
   * Takes an idle sandbox that was made from such a spec, ours or another manager's.
   *
   * @param {{ spec: object, holder?: string|null, except?: Set<Member> }} wish
   * @returns {Promise<Member|null>} taken; not looked at yet
   */
  async claim({ spec, holder: named = null, except = new Set() }) {
    const holder = named ?? ANONYMOUS;
    const tokens = [...except].map(({ entry }) => entry.token);
    const { fingerprint } = spec;
    const entry = await this.ledger.claim({ fingerprint, holder, except: tokens });
    if (entry === null) return null;
    const member = entry.member ?? this.adopt(entry, spec);
    member.taken = true;
    member.holder = holder;
    this.handedOut();
    return member;
  }

  /** One that another manager made, in our hand from now on. */
  adopt(entry, spec) {
    const { sandboxId, data } = entry.row;
    const made = { ...spec, name: data.name };
    const ageMs = Math.max(0, this.clock.now() - Date.parse(data.createdAt));
    const member = new Member({ sandboxId }, made, this.clock, this.clock.steady() - ageMs);
    member.entry = entry;
    member.backend = this.backendOf(entry.row);
    entry.member = member;
    this.admit(member, this.pool.place(entry), { created: false });
    return member;
  }

  /**
   * Does work in a sandbox whose id somebody knows, whoever holds it: as long as it lasts nobody may
   * take the sandbox out of the pool.
   */
  async occupied(member, work) {
    const { entry } = member;
    return member.during(async () => {
      const isIdle = (row) => row.state === 'idle';
      // What it does there is its own, even when the sandbox was made for nobody.
      member.holder ??= ANONYMOUS;
      const taken = { state: 'leased', holder: member.holder };
      await this.#orFenced(member, entry.change(taken, { ...SOON, when: isIdle }));
      await this.#orFenced(member, this.ledger.confirm(entry));
      return work();
    });
  }

  /** Puts a sandbox back into the pool when nobody has to do with it any more. */
  async vacate(member) {
    if (this.closed || !this.pool.has(member.id)) return;
    const when = (row) => row.state === 'leased' && member.idle;
    try {
      const back = { state: 'idle', holder: member.holder };
      const changed = member.entry.change(back, { ...SOON, when });
      if (!(await this.#orFenced(member, changed))) return;
      this.purse.meter.assign(member.id, { owner: null, leased: false, tags: {} });
      this.changed();
    } catch (error) {
      this.fail('release_sandbox', error, member.id);
    }
  }

  async #orFenced(member, change) {
    try {
      return await change;
    } catch (error) {
      if (error?.code === 'FENCED') this.lose(member);
      throw error;
    }
  }

  /** Lets go of idle sandboxes that other managers have taken. @param {object[]} rows of the store */
  async dropForeign(rows) {
    const idle = new Map(this.pool.idle().map((member) => [member.entry.token, member]));
    const isOurs = ({ token, instance }) => instance === this.ledger.instance && idle.has(token);
    for (const { token } of rows.filter(isOurs)) idle.delete(token);
    // The rows may be older than the sandbox: each is asked for.
    for (const member of idle.values()) {
      await this.#orFenced(member, member.entry.reread()).catch((error) => {
        if (error?.code !== 'FENCED') this.fail('reconcile', error, member.id);
      });
    }
  }

  /** Another manager has it: it is no business of ours any more, and it lives. */
  lose(member) {
    if (this.#leave(member, 'fenced') !== null) member.entry.letGo();
  }

  #leave(member, reason) {
    if (!this.pool.remove(member)) return null;
    const cost = this.purse.closed(member);
    const { id, lease } = member;
    member.status = 'terminated';
    this.stats.add('sandboxesDestroyed');
    lease?.lose();
    if (lease)
      this.emit('lease:lost', { sandboxId: id, owner: lease.owner, token: lease.token, reason });
    this.emit('sandbox:terminated', { sandboxId: id, reason });
    this.changed();
    return cost;
  }

  /** What a place has cost in the end; a store that fails now is settled by a later reconcile. */
  async settle(token, cost) {
    await this.purse.settle(token, cost).catch((error) => this.fail('settle', error));
  }

  /**
   * Ends a sandbox for good; already gone is a success. One request at a time for each sandbox.
   * Goes on during shutdown: ending things is what shutdown is for.
   *
   * @param {Member} member
   * @param {string} reason 'cleanup', 'recovery', 'shutdown', 'released', 'retired' or 'gone'
   * @param {object} [how] { keepPlace: answer its entry for a replacement, onlyIdle: not when somebody
   *   was quicker to take it, options }
   * @returns {Promise<import('./ledger').Entry|null>} the entry that keeps the place
   */
  async terminate(member, reason, { keepPlace = false, onlyIdle = false, options } = {}) {
    member.ending ??= { done: this.#end(member, onlyIdle, options), from: member.status };
    const { ending } = member;
    member.status = reason === 'recovery' ? 'recovering' : 'terminating';
    try {
      await ending.done;
    } catch (error) {
      // Several may have waited for it: back to what was before the first of them.
      if (member.ending === ending) {
        member.ending = null;
        if (member.status !== 'terminated') member.status = ending.from;
      }
      throw error;
    }
    return this.dismiss(member, reason, keepPlace);
  }

  /**
   * Ends a sandbox that nobody here goes on with: where that fails, reconcile ends it later. As
   * terminate.
   */
  async discard(member, reason, how) {
    try {
      await this.terminate(member, reason, how);
    } catch (error) {
      if (member.entry.state === 'ending') {
        member.entry.endFailed = true;
        this.unproven();
      }
      throw error;
    }
  }

  async #end(member, onlyIdle, options) {
    const { id, entry } = member;
    // 'ending': an end of ours that failed before.
    const isOpen = ({ state }) =>
      onlyIdle ? state === 'idle' || state === 'ending' : state !== 'ended';
    const marked = await this.#orFenced(
      member,
      entry.change({ state: 'ending' }, { when: isOpen }),
    );
    if (entry.state === 'ended') return;
    if (!marked) throw new ConflictError(`sandbox '${id}' was taken`, { sandboxId: id });
    const { alreadyGone } = await this.end(id, member.backend, options);
    entry.foundGone = alreadyGone;
  }

  /** Ends a sandbox by its id, whatever it is. */
  end(sandboxId, backend, options) {
    const how = this.options({ ...options, signal: undefined }, backend);
    const ask = () => this.native.terminateE2bSandbox(sandboxId, true, how);
    return this.retry('terminate_sandbox', sandboxId, ask, { signal: null, backend });
  }

  /**
   * Takes a sandbox that has ended out of the fleet; the second of two callers changes nothing. Its
   * row stays until a later list has shown that it is gone.
   */
  async dismiss(member, reason, keepPlace = false) {
    const { entry } = member;
    const data = { ...entry.row.data, foundGone: entry.foundGone === true };
    const isOpen = (row) => row.state !== 'ended';
    const ended = { state: 'ended', place: keepPlace ? 1 : 0, data };
    // Where the store fails it stays 'ending', which reconcile will end once more.
    const kept = await entry.change(ended, { when: isOpen }).catch((error) => {
      this.fail('terminate_sandbox', error, member.id);
      return false;
    });
    const cost = this.#leave(member, reason);
    if (cost === null) return null;
    await this.settle(entry.token, cost);
    if (!(kept && keepPlace)) entry.letGo();
    this.unproven();
    return kept && keepPlace ? entry : null;
  }
}

module.exports = { FleetCore };
