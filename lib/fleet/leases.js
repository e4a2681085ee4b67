'use strict';

// Who waits for a sandbox, and who gets it: priorities, first come first served within them, and a
// deadline for each. Whoever waits longer counts for more, so nobody starves. What is fetched (taken
// from the pool, or made) goes to whoever is first when it is there, not to whom it was fetched for.

const { CapacityError, ClosedError, TimeoutError } = require('../errors');
const { checkNumber, checkOptions, checkString } = require('../options');
const { linkSignals } = require('../policy/signals');
const { checkSignal } = require('./call-options');
const { cancelled } = require('./give-up');
const { Lease } = require('./lease');
const { ANONYMOUS } = require('./member');

/** With what other managers free nobody wakes us; and a ceiling opens by time. */
const POLL_SHARED_MS = 250;
const POLL_MS = 2_000;
/** Failures of a create after which waiting makes sense: something of ours has to end first. */
const WAIT_FOR_ROOM = new Set(['CAPACITY', 'CONCURRENCY_LIMIT']);
/** The reset hook's deadline. */
const RESET_MS = 30_000;

const ACQUIRE_KEYS = ['signal', 'timeoutMs', 'owner', 'priority'];

class Leases {
  #core;
  #handout;
  #creation;
  #watch;
  #waiters = [];
  #order = 0;
  #fetching = new Map();
  /** Of a wish that met a full fleet: how many of its waiters may ask at a time. */
  #window = new Map();
  #epoch = 0;
  #poll = null;
  #draining = false;
  #onChange = () => {};

  constructor(core, { handout, creation, watch }) {
    this.#core = core;
    this.#handout = handout;
    this.#creation = creation;
    this.#watch = watch;
    this.clock = core.clock;
    this.meter = core.purse.meter;
    core.changed = () => {
      this.#epoch++;
      this.#pump();
      this.#onChange();
    };
  }

  /** How many wait. */
  get waiting() {
    return this.#waiters.length;
  }

  /**
   * @param {object} spec of createSpec
   * @param {object} [options] signal, timeoutMs (pool.acquireTimeoutMs), owner (null), priority (0)
   * @returns {Promise<Lease>}
   */
  async acquire(spec, options) {
    const core = this.#core;
    const given = checkOptions(options, ACQUIRE_KEYS, 'acquire');
    const pool = core.config.get('pool');
    const timeoutMs = given.timeoutMs ?? pool.acquireTimeoutMs;
    checkNumber(timeoutMs, 'timeoutMs', { min: 1, max: 2 ** 31 - 1 });
    const signal = checkSignal(given.signal);
    const priority = checkNumber(given.priority ?? 0, 'priority', { min: -1000, max: 1000 });
    const owner = given.owner == null ? null : checkString(given.owner, 'owner');
    core.checkOpen();
    if (this.#draining) throw new ClosedError('the manager is being drained');
    if (signal?.aborted) throw cancelled(signal, 'not-sent');
    if (this.#waiters.length >= pool.maxWaiters) {
      throw new CapacityError(`pool.maxWaiters ${pool.maxWaiters} already wait for a sandbox`);
    }
    return this.#wait({ spec, owner, priority, timeoutMs, signal });
  }

  #wait({ spec, owner, priority, timeoutMs, signal }) {
    const { clock } = this;
    return new Promise((resolve, reject) => {
      const waiter = {
        ...{ spec, owner, priority, key: `${spec.fingerprint} ${owner ?? ''}` },
        ...{ since: clock.steady(), order: this.#order++, lastError: null },
      };
      const leave = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        clock.clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        if (this.#waiters.length === 0) this.#stopPolling();
        this.#onChange();
      };
      waiter.take = (member) => {
        leave();
        resolve(this.#lease(member, owner));
      };
      waiter.fail = (error) => {
        leave();
        reject(error);
      };
      const onAbort = () => waiter.fail(cancelled(signal, 'not-sent'));
      const timer = clock.setTimeout(() => waiter.fail(this.#late(waiter, timeoutMs)), timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.push(waiter);
      this.#startPolling();
      this.#pump();
    });
  }

  #late(waiter, timeoutMs) {
    const { pool, maximum } = this.#core;
    const why = waiter.lastError === null ? '' : `; the last try: ${waiter.lastError.message}`;
    const message =
      `no sandbox within ${timeoutMs} ms: ${pool.taken} of ${maximum} places taken here, ` +
      `${this.#waiters.length} waiting${why}`;
    return new TimeoutError(message, { cause: waiter.lastError, outcome: 'not-sent' });
  }

  #lease(member, owner) {
    const { maxLeaseMs } = this.#core.config.get('pool');
    const lease = new Lease(this, member, { owner, maxLeaseMs });
    this.#core.purse.meter.assign(member.id, { owner, leased: true });
    this.#core.emit('lease:acquired', {
      ...{ sandboxId: member.id, owner, token: lease.token, expiresAt: lease.expiresAt },
    });
    return lease;
  }

  // ---- supply ----

  #ordered() {
    const { agingMs } = this.#core.config.get('pool');
    const now = this.clock.steady();
    const rank = ({ priority, since }) => priority + Math.floor((now - since) / agingMs);
    return [...this.#waiters].sort((a, b) => rank(b) - rank(a) || a.order - b.order);
  }

  // One fetch for each that waits, beyond what is being fetched for the same wish. Where the fleet was
  // full one alone asks, and twice as many after each that got something: a thousand that wait must not
  // be a thousand questions to the store at every turn.
  #pump() {
    if (this.#core.closed) {
      for (const waiter of this.#ordered()) waiter.fail(this.#core.closedError());
      return;
    }
    const wanted = new Map();
    for (const waiter of this.#ordered()) {
      const { key } = waiter;
      wanted.set(key, (wanted.get(key) ?? 0) + 1);
      const most = Math.min(wanted.get(key), this.#window.get(key) ?? Infinity);
      if (most <= (this.#fetching.get(key) ?? 0)) continue;
      this.#fetching.set(key, (this.#fetching.get(key) ?? 0) + 1);
      this.#core.track(this.#fetch(waiter));
    }
    for (const key of this.#window.keys()) if (!wanted.has(key)) this.#window.delete(key);
  }

  #widen(key) {
    if (!this.#window.has(key)) return;
    this.#window.set(key, this.#window.get(key) * 2);
    this.#pump();
  }

  async #fetch({ key, spec, owner }) {
    const epoch = this.#epoch;
    let outcome;
    try {
      const member =
        (await this.#handout.claimFit(spec, owner, () => !this.#isWanted(key))) ??
        (this.#isWanted(key) ? await this.#create(key, spec, owner) : null);
      outcome = { member };
    } catch (error) {
      outcome = { error };
    }
    const left = this.#fetching.get(key) - 1;
    if (left === 0) this.#fetching.delete(key);
    else this.#fetching.set(key, left);
    if (outcome.member) {
      this.#supply(key, outcome.member);
      this.#widen(key);
    } else if (outcome.error) {
      await this.#failed(key, outcome.error);
    }
    // Something became free, or somebody came, while this one was under way.
    if (outcome.member === null || this.#epoch !== epoch) this.#pump();
  }

  #isWanted(key) {
    return this.#waiters.some((waiter) => waiter.key === key);
  }

  async #create(key, spec, owner) {
    const prepare = (member) => {
      member.holder = owner ?? ANONYMOUS;
      member.taken = true;
    };
    const place = await this.#core.reserve(spec);
    this.#widen(key);
    return this.#creation.create(spec, place, { prepare });
  }

  #supply(key, member) {
    const first = this.#ordered().find((waiter) => waiter.key === key);
    if (first === undefined || this.#core.closed) member.taken = false;
    else first.take(member);
  }

  async #failed(key, error) {
    const waiters = this.#ordered().filter((waiter) => waiter.key === key);
    if (WAIT_FOR_ROOM.has(error?.code)) {
      for (const waiter of waiters) waiter.lastError = error;
      this.#window.set(key, 1);
      if (error.code === 'CAPACITY' && waiters.length > 0) await this.#makeRoom();
      return;
    }
    this.#core.fail('acquire', error);
    waiters[0]?.fail(error);
  }

  // Full of idle sandboxes that nobody waits for: the one not used for longest makes room.
  async #makeRoom() {
    // One that was recycled for another owner is of no use to who waits, whatever its spec.
    const isWanted = ({ spec, holder }) =>
      this.#waiters.some(
        (waiter) =>
          waiter.spec.fingerprint === spec.fingerprint &&
          (holder === null || holder === (waiter.owner ?? ANONYMOUS)),
      );
    const spare = this.#core.pool
      .idle()
      .filter((member) => !isWanted(member))
      .sort((a, b) => a.lastUsedAt - b.lastUsedAt);
    for (const member of spare) {
      const ended = await this.#core.discard(member, 'evicted', { onlyIdle: true }).then(
        () => true,
        () => false,
      );
      if (ended) return;
    }
  }

  /** Takes orders again: nobody waits for the end any more. */
  resume() {
    this.#draining = false;
    this.#onChange();
  }

  #startPolling() {
    if (this.#poll !== null) return;
    const { sharesStore } = this.#core.config;
    const pollMs = sharesStore ? POLL_SHARED_MS : POLL_MS;
    this.#poll = this.clock.setInterval(() => this.#pump(), pollMs);
  }

  #stopPolling() {
    this.clock.clearInterval(this.#poll);
    this.#poll = null;
  }

  /** Refuses new orders; resolves when nobody waits, no lease is held and no work is under way. */
  async drained() {
    const core = this.#core;
    this.#draining = true;
    const isBusy = () => this.#waiters.length > 0 || core.pool.members().some(({ busy }) => busy);
    while (this.#draining && isBusy()) {
      await new Promise((resolve) => {
        this.#onChange = resolve;
      });
    }
  }

  // ---- what a lease asks for ----

  /** Does a lease's work in its sandbox. */
  run(member, work) {
    const core = this.#core;
    // A signal of the holder's own ends the call, and so does the end of shutdown's grace.
    let linked = null;
    const how = (options) => {
      checkSignal(options?.signal);
      if (options?.signal == null || options.background) {
        return core.options(options, member.backend);
      }
      linked = linkSignals(core.aborting, options.signal);
      return core.options({ ...options, signal: linked.signal }, member.backend);
    };
    const running = member.during(() =>
      this.#watch.over(member, async () => {
        core.purse.meter.calls(member.id);
        const result = await work(core.native, how);
        member.seen();
        if (result?.durationMs >= 0) core.purse.meter.executed(member.id, result.durationMs);
        return result;
      }),
    );
    core.track(running.catch(() => {}).finally(() => linked?.unlink()));
    return running;
  }

  /** Whether the sandbox is still ours. */
  async confirm(member) {
    try {
      await this.#core.ledger.confirm(member.entry);
    } catch (error) {
      if (error?.code === 'FENCED') this.#core.lose(member);
      throw error;
    }
  }

  async prolong(member, lease) {
    const core = this.#core;
    const seconds = member.spec.timeout;
    const goneMs = member.lifeMs - (member.diesAt - core.clock.steady());
    await core.purse.extend(member, Math.min(goneMs, member.lifeMs));
    const { backend } = member;
    const ask = async () => {
      // Between two attempts it may have been released: nobody may prolong an idle one's life.
      await lease.check();
      return core.native.setE2bSandboxTimeout(member.id, seconds, core.options({}, backend));
    };
    await core.retry('renew', member.id, ask, { backend });
  }

  async giveBack(member, { token, owner }, recycle) {
    const core = this.#core;
    const told = { sandboxId: member.id, owner, token };
    const recycled = recycle && (await this.#isReusable(member));
    try {
      if (recycled) {
        member.taken = false;
        await member.entry.quiet(); // idle in the store, for everybody
      } else {
        await core.discard(member, 'released');
      }
    } finally {
      // The lease is over also when its sandbox could not be ended yet.
      core.emit('lease:released', { ...told, recycled });
    }
    return { sandboxId: member.id, recycled };
  }

  async #isReusable(member) {
    const core = this.#core;
    const { reset } = core.config.get('pool');
    member.uses++;
    if (!core.pool.has(member.id) || member.status !== 'running') return false;
    if (this.#handout.isSpent(member)) return false;
    if (reset === null) return true;
    const deadline = new AbortController();
    const late = () => deadline.abort(new TimeoutError(`pool.reset took over ${RESET_MS} ms`));
    const timer = this.clock.setTimeout(late, RESET_MS);
    timer?.unref?.();
    try {
      const { signal } = deadline;
      const run = (command, args, options) =>
        core.native.executeE2bProcess(
          ...[
            member.id,
            command,
            args,
            undefined,
            true,
            core.options({ ...options, signal }, member.backend),
          ],
        );
      const done = member.during(() => reset({ sandboxId: member.id, execute: run, signal }));
      done.catch(() => {}); // it may go on when nobody waits for it any more
      await core.unless(signal, done);
      member.holder = null;
      return true;
    } catch (error) {
      core.fail('reset_sandbox', error, member.id);
      return false;
    } finally {
      this.clock.clearTimeout(timer);
    }
  }

  async expired(member, { owner, token }) {
    const core = this.#core;
    core.emit('lease:expired', { sandboxId: member.id, owner, token });
    await core.discard(member, 'expired').catch((error) => {
      core.fail('terminate_sandbox', error, member.id);
    });
  }

  report(error, sandboxId) {
    this.#core.fail('renew', error, sandboxId);
  }
}

module.exports = { ACQUIRE_KEYS, Leases };
