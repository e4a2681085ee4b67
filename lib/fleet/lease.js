'use strict';

// A sandbox in somebody's hand until a deadline. Every call asks first whether the lease still holds;
// a stale holder's call is refused and reaches nothing. The lease renews itself, with the life that
// was asked for, until it is released; it never outlives `pool.maxLeaseMs`.

const { ConflictError, NotFoundError } = require('../errors');
const { runBatch } = require('./batch');
const { checkOptions, invalid, show } = require('../options');

/** What lies between a lease's deadline and its sandbox's: a share of the life, at most so long. */
const GRACE_SHARE = 0.1;
const GRACE_MAX_MS = 5_000;

class Lease {
  #leases;
  #member;
  #fence;
  #endsAt;
  #mostAt;
  #over = null;
  #timer = null;

  /**
   * @param {import('./leases').Leases} leases
   * @param {import('./member').Member} member taken
   * @param {{ owner: string, maxLeaseMs: number }} how
   */
  constructor(leases, member, { owner, maxLeaseMs }) {
    this.#leases = leases;
    this.#member = member;
    this.#fence = member.entry.fence;
    this.#mostAt = leases.clock.steady() + maxLeaseMs;
    this.owner = owner;
    member.lease = this;
    this.#extend();
  }

  get sandboxId() {
    return this.#member.id;
  }

  /** The fencing token: greater with each lease of one sandbox. */
  get token() {
    return this.#fence;
  }

  /** ISO time of this machine's clock. */
  get expiresAt() {
    const { clock } = this.#leases;
    return new Date(clock.now() + (this.#endsAt - clock.steady())).toISOString();
  }

  /** Null while it holds; else 'released', 'expired' or 'lost'. */
  get over() {
    if (this.#over !== null) return this.#over;
    if (this.#member.status === 'terminated') return 'lost';
    // The timer that ends it may be late.
    return this.#leases.clock.steady() >= this.#endsAt ? 'expired' : null;
  }

  /**
   * Runs a command; as executeE2bProcess.
   *
   * @param {string} command
   * @param {string[]} [args] without them the command is a line for the shell
   * @param {object} [options] of executeE2bProcess, and timeout (s; default 300)
   */
  execute(command, args, { timeout, ...options } = {}) {
    return this.#call((native, id, how) =>
      native.executeE2bProcess(id, command, args, timeout, true, how(options)),
    );
  }

  /**
   * Several blocks of code in one call; see batch.js.
   *
   * @param {Array<string|object>} blocks a line for bash; { language: 'bash' | 'python' |
   *   'javascript', code, args, timeoutMs }; or { command: [program, ...args], timeoutMs }
   * @param {object} [how] timeout (s), stopOnFailure (false), maxBlockBytes, options
   * @returns {Promise<object>} { results: one for each block, whatever the others did, failed,
   *   timedOut, durationMs }
   */
  batch(blocks, how = {}) {
    return this.#call((native, id, options) => {
      const asked = { ...how, options: options(how.options) };
      this.#leases.meter.batched(blocks?.length ?? 0);
      return runBatch(native.executeE2bProcess, id, blocks, asked, this.#leases.clock);
    });
  }

  /** As runE2bAgent. */
  runAgent(agentType, symbols, strategyParams, useGpu, options) {
    return this.#call((native, id, how) =>
      native.runE2bAgent(id, agentType, symbols, strategyParams, useGpu, how(options)),
    );
  }

  /** As writeE2bFile. */
  writeFile(path, data, options) {
    return this.#call((native, id, how) => native.writeE2bFile(id, path, data, how(options)));
  }

  /** As readE2bFile. */
  readFile(path, options) {
    return this.#call((native, id, how) => native.readE2bFile(id, path, how(options)));
  }

  async #call(work) {
    await this.check();
    return this.#leases.run(this.#member, (native, how) => work(native, this.sandboxId, how));
  }

  /**
   * Gives the sandbox its whole life again, from now. A lease that is not released does it by itself.
   *
   * @returns {Promise<string>} the new deadline, ISO
   */
  async renew() {
    await this.check();
    const { clock } = this.#leases;
    const askedAt = clock.steady();
    await this.#leases.prolong(this.#member, this);
    this.#member.diesAt = askedAt + this.#member.lifeMs;
    if (this.#over === null) this.#extend();
    return this.expiresAt;
  }

  /**
   * Gives the sandbox up. By default it is ended: nobody else ever sees what was done in it.
   *
   * @param {{ recycle?: boolean }} [options] recycle: back into the pool; for the same owner, or for
   *   anybody after `pool.reset` has run
   * @returns {Promise<{ sandboxId: string, recycled: boolean }>}
   * @throws {ConflictError} LEASE_OVER when it was released or lost before
   */
  async release(options) {
    const { recycle = false } = checkOptions(options, ['recycle'], 'lease.release');
    if (typeof recycle !== 'boolean') {
      throw invalid(`recycle must be true or false, not ${show(recycle)}`);
    }
    if (this.over !== null) throw this.#refusal();
    this.#finish('released');
    return this.#leases.giveBack(this.#member, this, recycle);
  }

  /** @throws {ConflictError|NotFoundError} LEASE_OVER, FENCED, SANDBOX_GONE */
  async check() {
    if (this.over !== null) throw this.#refusal();
    await this.#leases.confirm(this.#member);
    if (this.over !== null || this.#member.entry.fence !== this.#fence) throw this.#refusal();
  }

  async [Symbol.asyncDispose]() {
    if (this.over === null) await this.release();
  }

  toJSON() {
    const { sandboxId, token, owner, over } = this;
    return { sandboxId, token, owner, expiresAt: this.expiresAt, over };
  }

  /** No more calls; for whoever ends the sandbox under it. */
  lose(why = 'lost') {
    if (this.#over === null) this.#finish(why);
  }

  #finish(why) {
    this.#over = why;
    this.#leases.clock.clearTimeout(this.#timer);
    this.#member.lease = null;
  }

  #extend() {
    const { clock } = this.#leases;
    const { diesAt, lifeMs } = this.#member;
    this.#endsAt = Math.min(diesAt - Math.min(GRACE_MAX_MS, lifeMs * GRACE_SHARE), this.#mostAt);
    clock.clearTimeout(this.#timer);
    const leftMs = Math.max(0, this.#endsAt - clock.steady());
    const isLast = this.#endsAt === this.#mostAt;
    const work = () => (isLast ? this.#expire() : this.#renewItself());
    this.#timer = clock.setTimeout(work, isLast ? leftMs : leftMs / 2);
    this.#timer?.unref?.();
  }

  async #renewItself() {
    try {
      await this.renew();
    } catch (error) {
      if (this.#over !== null || this.#member.status === 'terminated') return;
      if (this.#leases.clock.steady() >= this.#endsAt) {
        await this.#expire();
        return;
      }
      this.#leases.report(error, this.sandboxId);
      this.#extend();
    }
  }

  async #expire() {
    if (this.#over !== null) return;
    this.#finish('expired');
    await this.#leases.expired(this.#member, this);
  }

  #refusal() {
    const why = this.over ?? 'lost';
    const fields = { sandboxId: this.sandboxId };
    if (why === 'lost' && this.#member.status === 'terminated') {
      const gone = `the sandbox '${this.sandboxId}' of this lease has ended`;
      return new NotFoundError(gone, { ...fields, code: 'SANDBOX_GONE', outcome: 'rejected' });
    }
    const message = `the lease of sandbox '${this.sandboxId}' is ${why}`;
    return new ConflictError(message, { ...fields, code: 'LEASE_OVER' });
  }
}

module.exports = { Lease };
