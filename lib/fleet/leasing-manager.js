'use strict';

// The typed half of the manager: leases, reconcile, drain. Its methods reject with an E2bError; the
// half that answers result objects is SandboxManager, which is built upon it. Sends nothing itself.

const { sleep } = require('../clock');
const { SafeEmitter } = require('../events');
const { checkOptions, invalid, show } = require('../options');
const { reviewText } = require('../money/report');
const { failoverSandboxes } = require('../policy/failover');
const { checkSignal } = require('./call-options');
const { ManagerConfig } = require('./config');
const { ACQUIRE_KEYS } = require('./leases');
const { fleetParts } = require('./parts');

const USE_KEYS = [...ACQUIRE_KEYS, 'recycle', 'repeatable'];

/** Where a manager keeps the parts of its fleet. */
const kParts = Symbol('e2b-swarm.parts');

/** Sandboxes in which repeatable work is tried, one after the other. */
const SANDBOXES_MAX = 3;

class LeasingManager extends SafeEmitter {
  #draining = null;

  constructor(config) {
    super();
    const emit = (name, payload) =>
      payload === undefined ? this.emit(name) : this.emit(name, payload);
    Object.defineProperty(this, kParts, { value: fleetParts(new ManagerConfig(config), emit) });
  }

  /**
   * Waits for a sandbox of one's own: an idle one made from the same spec, looked at before it is
   * handed out, else a new one as soon as there is a place. First come, first served within a
   * priority; whoever waits longer counts for more.
   *
   * @param {object} [spec] as the config of createTradingSandbox
   * @param {object} [options] signal; timeoutMs (pool.acquireTimeoutMs, 60,000); owner (whose work may
   *   meet in a recycled sandbox; default null: everybody's who names none); priority (0)
   * @returns {Promise<import('./lease').Lease>}
   * @throws {TimeoutError} nothing within timeoutMs, with the last failure as cause;
   *   {CancelledError} the signal gave up; {CapacityError} pool.maxWaiters; {ClosedError} after
   *   shutdown; and what the far end says of the spec
   */
  async acquire(spec, options) {
    const { leases, specOf } = this[kParts];
    return leases.acquire(specOf(spec), options);
  }

  /**
   * Does work with a sandbox of one's own, which is released at the end, whatever the end is.
   *
   * @template T
   * @param {object} spec as acquire
   * @param {(lease: import('./lease').Lease) => Promise<T>} work
   * @param {object} [options] as acquire; recycle (false) as lease.release; repeatable (false): the
   *   work may be done twice, so when its sandbox is lost or cannot be reached it is done again in
   *   another, three in all
   * @returns {Promise<T>}
   */
  async use(spec, work, options) {
    if (typeof work !== 'function') throw invalid(`work must be a function, not ${show(work)}`);
    const { recycle = false, repeatable = false, ...how } = checkOptions(options, USE_KEYS, 'use');
    if (typeof recycle !== 'boolean') throw invalid('recycle must be true or false');
    if (typeof repeatable !== 'boolean') throw invalid('repeatable must be true or false');
    const acquire = () => this.acquire(spec, how);
    const run = (lease) => this.#within(lease, work, recycle);
    const { core } = this[kParts];
    const onFailover = ({ from, error }) => {
      const facts = { type: 'use', from: from.sandboxId, code: error?.code };
      core.emit('failover', facts);
    };
    return failoverSandboxes(sandboxesOf(acquire, repeatable), run, {
      ...{ repeatable, signal: how.signal, onFailover },
    });
  }

  async #within(lease, work, recycle) {
    let result;
    try {
      result = await work(lease);
    } catch (error) {
      // What went wrong with the work is what is told; the release's failure is an 'error' event.
      if (lease.over === null) {
        await lease.release({ recycle }).catch((e) => {
          this[kParts].core.fail('release_sandbox', e, lease.sandboxId);
        });
      }
      throw error;
    }
    if (lease.over === null) await lease.release({ recycle });
    return result;
  }

  /**
   * Holds the far end's list of this fleet's sandboxes against the ledger, and acts: what nobody may
   * have is ended, what a dead manager began is finished or undone, what is proven gone is forgotten.
   * Touches nothing that is not of this owner name and store, nor anything of a manager that lives.
   *
   * @param {{ dryRun?: boolean }} [options] dryRun: only says what it would do
   * @returns {Promise<object>} { listed, rows, complete, dryRun, actions: [{ do, reason, sandboxId,
   *   failed }], done, failed, left }; left: what a later pass has to look at again
   */
  async reconcile(options) {
    const { core, reconciler } = this[kParts];
    const { dryRun = false } = checkOptions(options, ['dryRun'], 'reconcile');
    if (typeof dryRun !== 'boolean') throw invalid(`dryRun must be true or false`);
    core.checkOpen();
    const pass = reconciler.pass({ dryRun });
    core.track(pass.catch(() => {}));
    return pass;
  }

  /**
   * Ends the sandboxes of dead managers, and those that nobody has: what reconcile does about
   * orphans, as a command of its own.
   *
   * @param {{ dryRun?: boolean }} [options]
   * @returns {Promise<object>} { dryRun, reaped: [{ sandboxId, reason, failed }], complete }
   */
  async reap(options) {
    const { dryRun, actions, complete } = await this.reconcile(options);
    const reaped = actions
      .filter((action) => action.do === 'kill' || action.do === 'end')
      .map(({ sandboxId, reason, failed }) => ({ sandboxId, reason, failed }));
    return { dryRun, reaped, complete };
  }

  /**
   * Takes no more orders, waits until every lease is released or has expired and all work has ended,
   * then shuts down.
   *
   * @param {{ signal?: AbortSignal }} [options] gives up the waiting; the manager goes on
   * @returns {Promise<object>} of shutdown()
   */
  async drain(options) {
    const signal = checkSignal(checkOptions(options, ['signal'], 'drain').signal);
    const { core, leases } = this[kParts];
    this.#draining ??= leases.drained();
    try {
      await core.unless(signal, this.#draining);
    } catch (error) {
      this.#draining = null;
      leases.resume();
      throw error;
    }
    return this.shutdown();
  }

  /**
   * Whether what was ended is gone: waits `pool.verifyMs`, reads the far end's list once more, and ends
   * by force what it still shows.
   *
   * @param {{ signal?: AbortSignal }} [options] gives up the waiting
   * @returns {Promise<{ total: number, successful: number, leaked: number, rate: number }>} of the
   *   sandboxes that were ended and not yet proven gone; rate: successful / total, 1 when there were none
   */
  async verifyCleanup(options) {
    const signal = checkSignal(checkOptions(options, ['signal'], 'verifyCleanup').signal);
    const { core, reconciler } = this[kParts];
    core.checkOpen();
    const ended = (await core.ledger.rows()).filter(({ state }) => state === 'ended');
    const total = ended.length;
    if (total === 0) return { total, successful: 0, leaked: 0, rate: 1 };
    // Seen once before the wait, so that the second list can prove anything; what is ended now would not
    // be counted.
    await reconciler.pass({ dryRun: true });
    await core.unless(signal, sleep(core.clock, core.config.get('pool').verifyMs, core.stopping));
    const { actions } = await this.reconcile();
    const ids = new Set(ended.map(({ sandboxId }) => sandboxId));
    const leaked = actions.filter((one) => one.do === 'kill' && ids.has(one.sandboxId)).length;
    return { total, successful: total - leaked, leaked, rate: (total - leaked) / total };
  }

  /** @returns {object} CostSnapshot: what was spent, by whom and on what, and how the budget stands */
  cost() {
    return this[kParts].core.purse.snapshot();
  }

  /**
   * The week behind and the week ahead: where the money went, and a forecast with its back-tested error.
   *
   * @param {{ timeZone?: string }} [options] whose days are meant; default UTC
   * @returns {{ review: object, text: string }} CostReview, and the same for people to read
   */
  costReview(options) {
    const { timeZone = 'UTC' } = checkOptions(options, ['timeZone'], 'costReview');
    const review = this[kParts].core.purse.review(timeZone);
    return { review, text: reviewText(review) };
  }

  /** @returns {object} what the fleet is at this moment, for people and for tests; without secrets */
  inspect() {
    const { core, leases, reconciler, warmer } = this[kParts];
    const members = core.pool.members();
    return {
      owner: core.ledger.owner,
      instance: core.ledger.instance,
      store: { durability: core.ledger.store.durability, shared: core.ledger.store.shared },
      maximum: core.maximum,
      taken: core.pool.taken,
      live: members.length,
      idle: core.pool.idle().length,
      leased: members.filter(({ lease }) => lease !== null).length,
      waiting: leases.waiting,
      warmTarget: warmer.target,
      reconciled: { ...reconciler.counts },
      leases: members.filter(({ lease }) => lease).map(({ lease }) => lease.toJSON()),
    };
  }
}

// The next one is only asked for when it is wanted.
async function* sandboxesOf(acquire, repeatable) {
  for (let i = 0; i < (repeatable ? SANDBOXES_MAX : 1); i++) yield acquire();
}

module.exports = { LeasingManager, kParts };
