'use strict';

// The fleet's money: what is reserved before a create, what a sandbox costs while it lives, what is
// settled at its end. Puts lib/money to work upon the ledger's rows: a reservation is keyed by the
// row's token, so whoever finds the row after a crash can settle it. Sends nothing.

const { Budget, resolveBudget } = require('../money/budget');
const { CreationGuard } = require('../money/creation-guard');
const { Meter } = require('../money/meter');
const { estimateCost, resolvePrice } = require('../money/prices');
const { weeklyReview } = require('../money/report');
const { ANONYMOUS } = require('./member');

/** The note in the store that the managers of a fleet share. */
const NOTE = 'budget';

class Purse {
  #clock;
  #budget = null;

  /**
   * @param {object} how
   * @param {import('./config').ManagerConfig} how.config
   * @param {import('./ledger').Ledger} how.ledger
   * @param {(name: string, facts: object) => void} how.emit
   */
  constructor({ config, ledger, emit }) {
    this.#clock = config.clock;
    this.profile = resolvePrice(config.get('price'));
    this.meter = new Meter(this.profile, config.clock);
    this.guard = new CreationGuard(config.get('creationGuard'), {
      clock: config.clock,
      onThrottled: (facts) => emit('alert', { type: 'creation-guard', ...facts }),
    });
    const limits = resolveBudget(config.get('budget'), process.env);
    if (limits === null) return;
    this.#budget = new Budget(limits, {
      clock: config.clock,
      read: () => ledger.note(NOTE),
      write: (version, value) => ledger.putNote(NOTE, version, value),
      onCrossing: (facts) =>
        emit(facts.percent >= 100 ? 'budget:exceeded' : 'budget:warning', facts),
    });
  }

  /**
   * Before anything is sent: what the sandbox will cost if it lives its whole life.
   *
   * @throws {BudgetError} with a hard stop: the limit would be passed
   */
  async reserve(entry, spec, signal) {
    await this.#budget?.reserve(entry.token, this.#estimate(spec, true), { signal });
  }

  /** For a sandbox that is prolonged to its whole life again. @throws {BudgetError} */
  async extend(member, moreMs) {
    if (moreMs <= 0) return;
    const cost = estimateCost(this.profile, {
      ...this.#interval(member.spec, moreMs),
      creation: false,
    });
    await this.#budget?.extend(member.entry.token, cost);
  }

  /** Nothing came of it, or it has ended: the true cost stands in place of what was reserved. */
  async settle(token, cost) {
    await this.#budget?.settle(token, cost);
  }

  /** What the row of a sandbox that another manager ran has cost at most, until now. */
  costOfRow({ data, sandboxId }) {
    if (sandboxId === null) return 0;
    const bornMs = Date.parse(data.createdAt);
    const lifeMs = Number.isFinite(bornMs) ? Math.max(0, this.#clock.now() - bornMs) : 0;
    return estimateCost(this.profile, { nowMs: this.#clock.now() - lifeMs, lifeMs });
  }

  /** Settles what was reserved for rows that are no more. `rows`: read after this was called. */
  async sweep(readRows) {
    if (this.#budget === null) return;
    const held = await this.#budget.reservations();
    if (held.length === 0) return;
    const tokens = new Set((await readRows()).map(({ token }) => token));
    for (const { token, amount } of held) {
      if (!tokens.has(token)) await this.#budget.settle(token, amount);
    }
  }

  /** A sandbox is in our hand. @param {{ created: boolean, createMs?: number }} how */
  opened(member, { created, createMs }) {
    const { cpuCount, memoryMb, holder, taken, uptimeMs, spec } = member;
    this.meter.open(member.id, {
      ...{
        owner: holder === ANONYMOUS ? null : holder,
        tags: spec.metadata,
        leased: taken,
        created,
      },
      ...{ cpuCount, memoryMb, createMs, ageMs: uptimeMs },
    });
  }

  /** It has left us. @returns {number} what it has cost here */
  closed(member) {
    return this.meter.close(member.id);
  }

  /** @returns {object} CostSnapshot */
  snapshot() {
    return { ...this.meter.snapshot(), budget: this.#budget?.snapshot() ?? null };
  }

  /** @returns {object} CostReview of the last seven days */
  review(timeZone) {
    const { meter } = this;
    const budget = this.#budget?.snapshot() ?? null;
    const nowMs = this.#clock.now();
    return weeklyReview({
      ...{ history: meter.history(), snapshot: meter.snapshot(), budget, nowMs, timeZone },
    });
  }

  #estimate(spec, creation) {
    const { maxReserveMs } = this.#budget.limits;
    const lifeMs = Math.min(spec.timeout * 1000 || 0, maxReserveMs ?? Infinity);
    return estimateCost(this.profile, { ...this.#interval(spec, lifeMs), creation });
  }

  #interval({ cpuCount, memoryMb }, lifeMs) {
    return { nowMs: this.#clock.now(), lifeMs, cpuCount, memoryMb };
  }
}

module.exports = { Purse };
