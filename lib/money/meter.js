'use strict';

// The meter: what each sandbox, owner and tag has cost so far, from intervals that were recorded, never
// extrapolated. A sandbox is opened when it exists, closed when it is gone; between, it is paused,
// leased and handed on, and each such change ends one interval and begins the next. The length of an
// interval is taken from the steady clock, its place in time (for changes of price, days and hours)
// from the wall clock at its beginning, so that a clock that is set costs nothing. Sends nothing and
// keeps nothing on disk; memory is bounded by the sandboxes that live, and by the maxima below.

const { Hours } = require('./hours');
const { NamedSums } = require('./named-sums');
const prices = require('./prices');
const { Savings } = require('./savings');
const { Sum } = require('./sum');

const { DAY_MS, HOUR_MS, hourlyRate, intervalCost, pieceCost, ratesAt, sizeOf } = prices;
const MAX_NAMES = 1000;
const MAX_SHOWN = 100;
const MAX_TAGS = 16;

class Meter {
  #profile;
  #clock;
  #open = new Map();
  #total = new Sum();
  #owners = new NamedSums(MAX_NAMES);
  #tags = new NamedSums(MAX_NAMES);
  #closed = new NamedSums(MAX_NAMES);
  #hours = new Hours();
  #paidMs = new Sum();
  #leasedMs = new Sum();
  #counts = { creations: 0, calls: 0, executions: 0, opened: 0, closed: 0 };

  /**
   * @param {object} profile of resolvePrice
   * @param {object} clock
   */
  constructor(profile, clock) {
    this.#profile = profile;
    this.#clock = clock;
    this.savings = new Savings(profile);
  }

  get profile() {
    return this.#profile;
  }

  /**
   * A sandbox exists from now on, or since `ageMs` ago. Opening one that is open only changes what is
   * given.
   *
   * @param {string} sandboxId
   * @param {{ owner?: string|null, tags?: Record<string, string>, cpuCount?: number|null,
   *   memoryMb?: number|null, storageGb?: number, leased?: boolean, created?: boolean, ageMs?: number,
   *   createMs?: number }} [facts] `created` (default true): we made it, which is charged; false: it
   *   was adopted. `createMs`: how long the create took
   */
  open(sandboxId, { created = true, ageMs = 0, createMs, ...facts } = {}) {
    if (this.#open.has(sandboxId)) {
      this.assign(sandboxId, facts);
      return;
    }
    const member = {
      id: sandboxId,
      owner: null,
      tags: [],
      leased: false,
      paused: false,
      storageGb: 0,
      sum: new Sum(),
      sinceWallMs: this.#clock.now() - ageMs,
      sinceSteadyMs: this.#clock.steady() - ageMs,
    };
    this.#open.set(sandboxId, member);
    setFacts(member, facts, this.#profile);
    this.#counts.opened++;
    if (createMs !== undefined) this.savings.created(createMs);
    if (!created) return;
    this.#counts.creations++;
    this.#pieces(member, { creations: 1 });
  }

  /**
   * Whose it is, what for, whether somebody uses it, how large it is, from now on; what is not given
   * stays. `owner: null`: nobody's.
   *
   * @param {{ owner?: string|null, tags?: Record<string, string>, leased?: boolean,
   *   cpuCount?: number|null, memoryMb?: number|null, storageGb?: number }} facts
   */
  assign(sandboxId, facts) {
    this.#turn(sandboxId, (member) => setFacts(member, facts, this.#profile));
  }

  pause(sandboxId) {
    this.#turn(sandboxId, (member) => (member.paused = true));
  }

  resume(sandboxId) {
    this.#turn(sandboxId, (member) => (member.paused = false));
  }

  /** Calls to the far end that were made for a sandbox, or for none (null). */
  calls(sandboxId, count = 1) {
    this.#counts.calls += count;
    this.#pieces(this.#open.get(sandboxId) ?? null, { calls: count });
  }

  /** Something was run in a sandbox for so long. */
  executed(sandboxId, executionMs) {
    this.#counts.executions++;
    this.#pieces(this.#open.get(sandboxId) ?? null, { executionMs });
  }

  /** What a sandbox that is open has cost until now, in dollars; 0 for one that is not. */
  costOf(sandboxId) {
    const member = this.#open.get(sandboxId);
    if (member === undefined) return 0;
    this.#accrue(member);
    return member.sum.value;
  }

  /** It is gone since now, or since `goneMs` ago. @returns {number} what it has cost in all */
  close(sandboxId, goneMs = 0) {
    const member = this.#open.get(sandboxId);
    if (member === undefined) return 0;
    this.#accrue(member, this.#clock.steady() - goneMs);
    this.#open.delete(sandboxId);
    this.#counts.closed++;
    this.#closed.add(sandboxId, member.sum.value);
    return member.sum.value;
  }

  /** A warm member was handed out: POOL-05. */
  pooled(sandboxId, acquisitionMs) {
    this.savings.pooled(this.#clock.now(), acquisitionMs, this.#sizeFor(sandboxId));
  }

  /** An answer came from the execution cache instead of a sandbox. */
  cached(executionMs, sandboxId = null) {
    this.savings.cached(this.#clock.now(), executionMs, this.#sizeFor(sandboxId));
  }

  /** An idle sandbox was ended `leftMs` before its own end: CLN-02. Before or after `close`. */
  cleaned(sandboxId, leftMs) {
    this.savings.cleaned(this.#clock.now(), leftMs, this.#sizeFor(sandboxId));
  }

  /** One call carried what would have been `blocks` calls. */
  batched(blocks) {
    this.savings.batched(this.#clock.now(), Math.max(0, blocks - 1));
  }

  /**
   * Everything so far; synchronous.
   *
   * `efficiency` is the part of the paid running time in which a sandbox was leased, null when nothing
   * has run. A projection is what was spent since midnight (or the first of the month), UTC, and what
   * the sandboxes of this moment will cost until its end.
   *
   * @returns {object} CostSnapshot of index.d.ts, without `budget`
   */
  snapshot() {
    for (const member of this.#open.values()) this.#accrue(member);
    const nowMs = this.#clock.now();
    const burn = this.#burnPerHour(nowMs);
    const day = startOfDay(nowMs);
    const month = startOfMonth(nowMs);
    const project = ([fromMs, toMs]) =>
      this.#hours.costSince(fromMs) + (burn * (toMs - nowMs)) / HOUR_MS;
    const paidMs = this.#paidMs.value;
    return {
      currency: 'USD',
      profile: this.#profile.name,
      priceChecked: this.#profile.checked,
      total: this.#total.value,
      today: this.#hours.costSince(day[0]),
      currentBurnPerHour: burn,
      projectedDay: project(day),
      projectedMonth: project(month),
      efficiency: paidMs > 0 ? this.#leasedMs.value / paidMs : null,
      sandboxHours: paidMs / HOUR_MS,
      running: this.#open.size,
      ...this.#counts,
      byOwner: shown(this.#owners),
      byTag: shown(this.#tags),
      bySandbox: this.#bySandbox(),
      savings: this.savings.snapshot(),
    };
  }

  /** Hour by hour, for forecast.js and report.js. */
  history() {
    for (const member of this.#open.values()) this.#accrue(member);
    return this.#hours.list();
  }

  #turn(sandboxId, change) {
    const member = this.#open.get(sandboxId);
    if (member === undefined) return;
    this.#accrue(member);
    change(member);
  }

  // Ends the interval that is open and begins the next one.
  #accrue(member, steadyMs = this.#clock.steady()) {
    const lengthMs = Math.max(0, steadyMs - member.sinceSteadyMs);
    const fromMs = member.sinceWallMs;
    member.sinceSteadyMs = steadyMs;
    member.sinceWallMs = this.#clock.now();
    const { paused, leased, size, storageGb } = member;
    for (let at = 0; at < lengthMs;) {
      const startMs = fromMs + at;
      const toHourMs = (Math.floor(startMs / HOUR_MS) + 1) * HOUR_MS - startMs;
      const pieceMs = Math.min(toHourMs, lengthMs - at);
      const interval = { fromMs: startMs, lengthMs: pieceMs, ...size, storageGb, paused };
      const cost = intervalCost(this.#profile, interval);
      this.#book(member, startMs, cost);
      if (!paused) this.#hours.add(startMs, { sandboxMs: pieceMs, leasedMs: leased ? pieceMs : 0 });
      if (!paused && !leased) this.savings.idled(cost);
      at += pieceMs;
    }
    if (paused) return;
    this.#paidMs.add(lengthMs);
    if (leased) this.#leasedMs.add(lengthMs);
  }

  #pieces(member, counts) {
    const nowMs = this.#clock.now();
    const { creations = 0, calls = 0 } = counts;
    if (creations > 0 || calls > 0) this.#hours.add(nowMs, { creations, calls });
    this.#book(member, nowMs, pieceCost(this.#profile, nowMs, counts));
  }

  #book(member, wallMs, cost) {
    if (cost === 0) return;
    this.#total.add(cost);
    this.#hours.add(wallMs, { cost });
    if (member === null) return;
    member.sum.add(cost);
    this.#owners.add(member.owner ?? '(none)', cost);
    for (const tag of member.tags) this.#tags.add(tag, cost);
  }

  #burnPerHour(nowMs) {
    const rates = ratesAt(this.#profile, nowMs);
    const burn = new Sum();
    for (const { size, storageGb, paused } of this.#open.values()) {
      burn.add(hourlyRate(rates, { ...size, storageGb, paused }));
    }
    return burn.value;
  }

  #bySandbox() {
    const { top, rest } = this.#closed.list(MAX_SHOWN);
    const all = top.map(([sandboxId, cost]) => ({ sandboxId, cost, open: false }));
    for (const { id, sum } of this.#open.values()) {
      all.push({ sandboxId: id, cost: sum.value, open: true });
    }
    all.sort((a, b) => b.cost - a.cost);
    const others = new Sum(rest.cost);
    for (const { cost } of all.slice(MAX_SHOWN)) others.add(cost);
    const count = rest.count + Math.max(0, all.length - MAX_SHOWN);
    return { top: all.slice(0, MAX_SHOWN), rest: { count, cost: others.value } };
  }

  #sizeFor(sandboxId) {
    return this.#open.get(sandboxId)?.size ?? sizeOf(this.#profile);
  }
}

function setFacts(member, { owner, tags, leased, storageGb, cpuCount, memoryMb }, profile) {
  if (owner !== undefined) member.owner = owner;
  if (leased !== undefined) member.leased = leased;
  if (storageGb !== undefined) member.storageGb = storageGb;
  if (cpuCount != null) member.cpuCount = cpuCount;
  if (memoryMb != null) member.memoryMb = memoryMb;
  member.size = sizeOf(profile, member);
  if (tags === undefined) return;
  const pairs = Object.entries(tags).slice(0, MAX_TAGS);
  member.tags = pairs.map(([name, value]) => `${name}=${value}`.slice(0, 128));
}

function shown(sums) {
  const { top, rest } = sums.list(MAX_SHOWN);
  if (rest.count > 0) top.push(['(others)', rest.cost]);
  return Object.fromEntries(top);
}

function startOfDay(nowMs) {
  const fromMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  return [fromMs, fromMs + DAY_MS];
}

function startOfMonth(nowMs) {
  const now = new Date(nowMs);
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  return [Date.UTC(year, month, 1), Date.UTC(year, month + 1, 1)];
}

module.exports = { Meter };
