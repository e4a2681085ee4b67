'use strict';

// A budget that several managers share: reserve before a sandbox is created, settle when it has ended,
// refund when nothing came of it. What is reserved and spent stands in one small note, changed by
// compare-and-set only (budget-note.js says how); this file does the reading, writing and telling. It
// sends nothing and knows no store: it is given `read` and `write`. With `hardStop`, spent + reserved
// never passes the limit, so spending passes it at most by what one sandbox outlived its reservation.
//
// After a kill -9 the reservations are in the note, keyed by the row's token: the reconcile of the next
// start settles those whose rows are gone or whose instances are dead (`reservations`, `settle`).

const { sleep } = require('../clock');
const { ConflictError, ServerError } = require('../errors');
const { checkNumber, checkOptions, invalid, show } = require('../options');
const note = require('./budget-note');
const { checkTimeZone, dayOf } = require('./zone');

const MAX_DOLLARS = 1_000_000;
const MAX_ATTEMPTS = 64;
const MAX_WAIT_MS = 50;
const KEYS = ['daily', 'total', 'hardStop', 'timeZone', 'thresholds', 'maxReserveMs'];

/** Dollars a day where nobody has said anything (CFG-13): it warns and does not stop. */
const DEFAULT_DAILY = 5;

/**
 * @param {number|object|null|false} [given] dollars per day, or { daily?, total?, hardStop = false,
 *   timeZone = 'UTC', thresholds = [50, 80, 100], maxReserveMs = null }; null or false: no budget;
 *   undefined: COST_BUDGET_DAILY of the environment, else 5 dollars a day, which warn and do not stop
 * @param {Record<string, string|undefined>} [env]
 * @returns {object|null} frozen, complete; null: no budget
 * @throws {InvalidArgumentError}
 */
function resolveBudget(given, env = {}) {
  if (given === null || given === false) return null;
  const asked = given ?? fromEnv(env);
  const options =
    typeof asked === 'number' ? { daily: asked } : checkOptions(asked, KEYS, 'budget');
  const { daily = null, total = null, hardStop = false, maxReserveMs = null } = options;
  if (daily === null && total === null) throw invalid('budget needs daily or total, in dollars');
  for (const [key, value] of Object.entries({ daily, total })) {
    if (value !== null) checkNumber(value, `budget.${key}`, { min: 0, max: MAX_DOLLARS });
  }
  if (typeof hardStop !== 'boolean') {
    throw invalid(`budget.hardStop must be true or false, not ${show(hardStop)}`);
  }
  if (maxReserveMs !== null) checkNumber(maxReserveMs, 'budget.maxReserveMs', { min: 1 });
  return Object.freeze({
    daily,
    total,
    hardStop,
    maxReserveMs,
    timeZone: checkTimeZone(options.timeZone ?? 'UTC', 'budget.timeZone'),
    thresholds: checkThresholds(options.thresholds ?? [50, 80, 100]),
  });
}

function fromEnv({ COST_BUDGET_DAILY }) {
  if (!COST_BUDGET_DAILY) return DEFAULT_DAILY;
  const daily = Number(COST_BUDGET_DAILY);
  return checkNumber(daily, 'COST_BUDGET_DAILY', { min: 0, max: MAX_DOLLARS });
}

function checkThresholds(thresholds) {
  if (!Array.isArray(thresholds) || thresholds.length > 20) {
    throw invalid('budget.thresholds must be an array of at most 20 percentages');
  }
  for (const percent of thresholds) {
    checkNumber(percent, 'budget.thresholds', { min: 1, max: 1000 });
  }
  return Object.freeze([...new Set(thresholds)].sort((a, b) => a - b));
}

class Budget {
  #limits;
  #read;
  #write;
  #clock;
  #onCrossing;
  #queue = [];
  #isWorking = false;
  #last = note.emptyNote();

  /**
   * @param {object} limits of resolveBudget
   * @param {{ clock: object, read: () => Promise<{ value: object, version: number }|null>,
   *   write: (version: number, value: object) => Promise<number|null>,
   *   onCrossing?: (facts: object) => void }} how `write` with version 0: must not exist; null: somebody
   *   else was faster. `onCrossing` hears { period: 'YYYY-MM-DD' | 'total', percent, limit, spent,
   *   reserved }, once per period and threshold over all managers that share the note
   */
  constructor(limits, { clock, read, write, onCrossing = () => {} }) {
    this.#limits = limits;
    this.#clock = clock;
    this.#read = read;
    this.#write = write;
    this.#onCrossing = onCrossing;
  }

  get limits() {
    return this.#limits;
  }

  /**
   * Before a create is sent. Repeating it with the same token changes nothing.
   *
   * @param {string} token the row's
   * @param {number} amount dollars, as estimateCost says
   * @param {{ force?: boolean, signal?: AbortSignal }} [options] force: reserve also past the limit,
   *   for what exists already
   * @throws {BudgetError} code BUDGET: nothing was reserved
   * @throws {ConflictError} the note was changed by others faster than it could be written
   */
  async reserve(token, amount, { force = false, signal } = {}) {
    await this.#change('hold', { token: checkToken(token), ...amountOf(amount), force }, signal);
  }

  /** More for a sandbox that is renewed; as `reserve`. ConflictError: the token is not held. */
  async extend(token, amount, { force = false, signal } = {}) {
    const more = { token: checkToken(token), ...amountOf(amount), force, more: true };
    await this.#change('hold', more, signal);
  }

  /**
   * When it has ended: the true cost replaces the reservation; 0 refunds it. May be repeated, by
   * anybody: only the first counts.
   *
   * @param {number} cost dollars
   * @returns {Promise<boolean>} whether the token was still held
   */
  async settle(token, cost, { signal } = {}) {
    return this.#change('settle', { token: checkToken(token), ...amountOf(cost) }, signal);
  }

  /** What is held, as the note says now: for a reconcile. */
  async reservations() {
    const { value } = await this.#load();
    return Object.entries(value.held).map(([token, { atMs, charged, parts }]) => ({
      token,
      atMs,
      amount: note.toDollars(parts.reduce((sum, [, nano]) => sum + nano, charged)),
    }));
  }

  /** Where it stands as the note says now; as `snapshot`. */
  async state() {
    await this.#load();
    return this.snapshot();
  }

  /**
   * Where it stood when this manager last looked, in dollars; synchronous.
   *
   * @returns {{ hardStop: boolean, timeZone: string, reservations: number,
   *   day: { period: string, limit: number|null, spent: number, reserved: number, left: number|null },
   *   total: { limit: number|null, spent: number, reserved: number, left: number|null } }}
   */
  snapshot() {
    const { daily, total, hardStop, timeZone } = this.#limits;
    const period = dayOf(timeZone, this.#clock.now());
    const stands = note.standing(this.#last, period);
    const picture = (limit, { spent, reserved }) => ({
      limit,
      spent: note.toDollars(spent),
      reserved: note.toDollars(reserved),
      left: limit === null ? null : note.toDollars(note.toNano(limit) - spent - reserved),
    });
    return {
      hardStop,
      timeZone,
      reservations: Object.keys(this.#last.held).length,
      day: { period, ...picture(daily, stands.today) },
      total: picture(total, stands.total),
    };
  }

  #change(kind, what, signal) {
    return new Promise((resolve, reject) => {
      this.#queue.push({ kind, what, signal, resolve, reject });
      if (!this.#isWorking) this.#work();
    });
  }

  // One write at a time from this manager, with everything that has come meanwhile.
  async #work() {
    this.#isWorking = true;
    await null;
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0);
      try {
        await this.#commit(batch);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isWorking = false;
  }

  async #commit(batch) {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (attempt > 2) await this.#backOff(attempt);
      const { value, version } = await this.#load();
      const limits = this.#limitsNow();
      const before = JSON.stringify(value);
      const answers = batch.map((change) => this.#apply(value, change, limits));
      const crossed = note.crossings(value, limits);
      const isChanged = JSON.stringify(value) !== before;
      if (isChanged && (await this.#write(version, note.pack(value))) === null) continue;
      this.#last = value;
      for (const answer of answers) answer();
      for (const facts of crossed) this.#onCrossing(facts);
      return;
    }
    throw new ConflictError(`the note of the budget was changed by others ${MAX_ATTEMPTS} times`, {
      retryable: true,
    });
  }

  // What to tell the caller once the note is written.
  #apply(value, { kind, what, signal, resolve, reject }, limits) {
    if (signal?.aborted) return () => reject(signal.reason);
    try {
      const result = note[kind](value, { ...what, nowMs: this.#clock.now() }, limits);
      return () => resolve(result);
    } catch (error) {
      return () => reject(error);
    }
  }

  async #load() {
    const found = await this.#read();
    const value = found === null ? note.emptyNote() : note.unpack(found.value);
    if (value === null) {
      throw new ServerError('the note of the budget has a form that this version does not know');
    }
    this.#last = value;
    return { value: structuredClone(value), version: found?.version ?? 0 };
  }

  #limitsNow() {
    const { daily, total, hardStop, timeZone, thresholds } = this.#limits;
    const nanoOf = (dollars) => (dollars === null ? null : note.toNano(dollars));
    const day = dayOf(timeZone, this.#clock.now());
    const nanos = { dailyNano: nanoOf(daily), totalNano: nanoOf(total) };
    return { day, ...nanos, hardStop, thresholds, refused: new Set() };
  }

  #backOff(attempt) {
    const spanMs = Math.min(MAX_WAIT_MS, 2 ** (attempt - 2));
    return sleep(this.#clock, this.#clock.random() * spanMs);
  }
}

// A key of the note: a row's token, never a word with a meaning for objects.
function checkToken(token) {
  if (typeof token === 'string' && /^[A-Za-z0-9][\w.-]{0,63}$/.test(token)) return token;
  throw invalid(`token must be 1 to 64 letters, digits, '-', '_' or '.', not ${show(token)}`);
}

function amountOf(dollars) {
  return { nano: note.toNano(checkNumber(dollars, 'amount', { min: 0, max: MAX_DOLLARS })) };
}

module.exports = { Budget, resolveBudget };
