'use strict';

// The far end's list against the ledger: level-triggered, idempotent, bounded in items, actions and
// seconds. Nothing here trusts what was believed before: each pass reads both sides anew. One pass at
// a time; a second caller gets the running one's result. Looking never prolongs a life: the control
// plane's list is all that is asked.

const { mapLimited } = require('../policy/limiter');
const { killReason, plan } = require('./reconcile-plan');
const { SLICE, slices } = require('./slices');

/** Items that one pass reads; past it the pass is not complete, and absence proves nothing. */
const ITEMS_MAX = 20_000;
/** Actions of one pass; what is left is done by the next. */
const ACTIONS_MAX = 500;
const AT_ONCE = 10;
const PASS_MS = 60_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** First wait after something is to be looked for; it doubles while anything is left. */
const SOON_MS = 1_000;
const LATE_MS = 30_000;
/** Past it a timer fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

class Reconciler {
  #core;
  #health;
  #running = null;
  /** Since this manager began. */
  counts = { passes: 0, kill: 0, adopt: 0, end: 0, watch: 0, forget: 0, doubt: 0, failed: 0 };
  #since = new Map();
  #timer = null;
  #waitMs = SOON_MS;

  /**
   * @param {import('./core').FleetCore} core
   * @param {(member: Member) => Promise<boolean>} doubt looks at one that was not in the list
   */
  constructor(core, doubt) {
    this.#core = core;
    this.#health = doubt;
    core.unproven = () => this.soon();
  }

  /**
   * One pass.
   *
   * @param {object} [how]
   * @param {boolean} [how.dryRun] says what it would do, and does nothing
   * @returns {Promise<object>} { listed, rows, complete, dryRun, actions: [{ do, reason, sandboxId }],
   *   done, failed, left }
   */
  pass({ dryRun = false } = {}) {
    if (dryRun) return this.#pass(true);
    this.#running ??= this.#pass(false).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  // What is left to be proven is looked for again, whoever asked for this pass.
  #follow(left) {
    if (left === 0) this.#waitMs = SOON_MS;
    else if (this.#timer === null && !this.#core.closed) {
      this.#arm(Math.max(this.#waitMs, this.#core.config.get('pool').verifyMs + SOON_MS));
    }
  }

  /** A pass before long, and again until nothing is left to be proven. */
  soon() {
    if (this.#core.closed) return;
    this.#waitMs = Math.min(this.#waitMs, SOON_MS * 4);
    if (this.#timer !== null) return;
    this.#arm(Math.max(this.#waitMs, this.#core.config.get('pool').verifyMs + SOON_MS));
  }

  #arm(ms) {
    const { clock } = this.#core;
    const again = () => {
      this.#timer = null;
      this.#again();
    };
    this.#timer = clock.setTimeout(again, Math.min(ms, TIMER_MAX_MS));
    this.#timer?.unref?.();
  }

  async #again() {
    if (this.#core.closed) return;
    this.#waitMs = Math.min(LATE_MS, this.#waitMs * 2);
    const failed = (error) => {
      this.#core.fail('reconcile', error);
      this.#follow(1);
    };
    await this.#core.track(this.pass().catch(failed), 'watch');
  }

  /**
   * For shutdown: ends what requests without an answer may have made. Whatever else is open stands in
   * the store; a store that outlives us needs no more than that.
   *
   * @returns {Promise<string[]>} ids of those that could not be ended
   */
  async last() {
    this.stop();
    const core = this.#core;
    if (!core.ledger.isOpen) return [];
    const rows = await core.ledger.rows().catch(() => []);
    const open = (row) =>
      row.instance === core.ledger.instance &&
      (row.state === 'watched' || row.state === 'creating' || row.state === 'ending');
    if (!rows.some((row) => open(row) && !this.#isMember(row))) return [];
    const result = await this.pass().catch((error) => ({ actions: [], error }));
    return result.actions.filter((action) => action.failed).map(({ sandboxId }) => sandboxId);
  }

  // Shutdown has tried to end it, and names it itself.
  #isMember({ token }) {
    const member = this.#core.ledger.entry(token)?.member;
    return member != null && this.#core.pool.has(member.id);
  }

  stop() {
    if (this.#timer !== null) this.#core.clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #pass(dryRun) {
    const core = this.#core;
    const { clock, ledger } = core;
    const startedAt = clock.steady();
    await this.#note(ledger.pages());
    const list = await this.#lists();
    const all = await ledger.rows();
    const { since } = await this.#note(slices(all, clock));
    // What lives where the list could not be read is left alone.
    const rows = all.filter((row) => list.read.has(core.backendOf(row)));
    const isDead = await ledger.deaths();
    if (!dryRun) await core.dropForeign(all);
    const seen = {
      sandboxes: list.sandboxes,
      complete: list.complete,
      rows,
      inHand: (row) =>
        row.instance === ledger.instance ? ledger.holds(row) : !isDead(row.instance),
      settled: (row, windowMs) => list.askedAt - since.get(row.token).at >= windowMs,
    };
    const actions = await this.#planned(seen);
    const result = {
      listed: list.sandboxes.length,
      rows: all.length,
      complete: list.complete && list.whole,
    };
    if (dryRun) {
      return {
        ...result,
        dryRun,
        actions: shown(actions),
        done: 0,
        failed: 0,
        left: actions.length,
      };
    }
    this.counts.passes++;
    const overAt = startedAt + PASS_MS;
    const tried = await mapLimited(actions.slice(0, ACTIONS_MAX), AT_ONCE, async (action) => {
      const done = clock.steady() > overAt ? null : await this.#act(action, seen);
      action.failed = done === false;
      return done;
    });
    const done = tried.filter((one) => one === true).length;
    const failed = tried.filter((one) => one === false).length;
    await core.purse.sweep(() => ledger.rows());
    const { instances, unproven } = await this.#note(ledger.pages());
    await ledger.bury(instances);
    const left = unproven + failed + actions.length - tried.length;
    this.#follow(left);
    return { ...result, dryRun, actions: shown(actions), done, failed, left };
  }

  // A big fleet is held against its list in slices, so that the loop gets its turns.
  async #planned(seen) {
    const windows = this.#core.config.get('pool');
    if (seen.rows.length + seen.sandboxes.length <= SLICE) return plan(seen, windows);
    const { clock } = this.#core;
    const byToken = new Map();
    for await (const sandboxes of slices(seen.sandboxes, clock)) {
      for (const one of sandboxes) {
        if (!byToken.has(one.token)) byToken.set(one.token, []);
        byToken.get(one.token).push(one);
      }
    }
    const actions = [];
    for await (const rows of slices(seen.rows, clock)) {
      const sandboxes = rows.flatMap(({ token }) => take(byToken, token));
      actions.push(...plan({ ...seen, rows, sandboxes }, windows));
    }
    for await (const strays of slices([...byToken.values()].flat(), clock)) {
      actions.push(...plan({ ...seen, rows: [], sandboxes: strays }, windows));
    }
    return actions;
  }

  /**
   * By a clock that never jumps: how long a row has stood as it stands, as far as we have seen.
   *
   * @param {AsyncIterable<object[]>} pages of rows
   * @returns {Promise<{ since: Map, instances: Set<string>, unproven: number }>} instances that have
   *   rows; how many rows a later list has to prove
   */
  async #note(pages) {
    const since = new Map();
    const instances = new Set();
    let unproven = 0;
    for await (const rows of pages) {
      const at = this.#core.clock.steady();
      for (const { token, version, instance, state } of rows) {
        const known = this.#since.get(token);
        since.set(token, known?.version === version ? known : { version, at });
        instances.add(instance);
        if (UNPROVEN.has(state)) unproven++;
      }
    }
    this.#since = since;
    return { since, instances, unproven };
  }

  // One list of each backend. @throws what the first said, when none could be read
  async #lists() {
    const { backends } = this.#core.config;
    const settled = await Promise.allSettled(backends.map((backend) => this.#list(backend)));
    const lists = settled.filter(({ value }) => value).map(({ value }) => value);
    const failures = settled.filter(({ reason }) => reason).map(({ reason }) => reason);
    if (lists.length === 0) throw failures[0];
    for (const reason of failures) this.#core.fail('reconcile', reason);
    const sandboxes = lists.flatMap((list) => list.sandboxes);
    return {
      sandboxes,
      read: new Set(lists.map(({ backend }) => backend)),
      whole: failures.length === 0,
      complete: lists.every(({ complete }) => complete),
      askedAt: Math.min(...lists.map(({ askedAt }) => askedAt)),
    };
  }

  async #list(backend) {
    const core = this.#core;
    const askedAt = core.clock.steady();
    const wish = {
      metadata: { 'e2b-swarm.owner': core.ledger.owner },
      limit: ITEMS_MAX,
      requestTimeoutMs: core.deadlineMs(REQUEST_TIMEOUT_MS),
      signal: undefined,
    };
    const options = core.options(wish, backend);
    const look = () => core.native.listE2bSandboxes('all', options);
    const found = await core.retry('list_sandboxes', null, look, { signal: null, backend });
    // A far end that filters otherwise than it was asked to must not make us end what is not ours.
    const { owner, prefix } = core.ledger;
    const sandboxes = [];
    for await (const slice of slices(found, core.clock)) {
      for (const { sandboxId, metadata } of slice) {
        const token = metadata?.['e2b-swarm.token'] ?? '';
        const isOurs = metadata?.['e2b-swarm.owner'] === owner && token.startsWith(prefix);
        if (isOurs) sandboxes.push({ sandboxId, backend, token });
      }
    }
    return { backend, sandboxes, complete: found.length < ITEMS_MAX, askedAt };
  }

  /** @returns {Promise<boolean|null>} false: failed; null: it was no longer so */
  async #act(action, seen) {
    const core = this.#core;
    try {
      const done = await this[ACTS[action.do]](action, seen);
      if (done && action.do !== 'forget' && action.do !== 'doubt') {
        core.emit('orphan:reaped', {
          ...{ sandboxId: action.sandboxId, action: action.do, reason: action.reason },
        });
      }
      if (done) this.counts[action.do]++;
      return done ? true : null;
    } catch (error) {
      this.counts.failed++;
      if (error?.code !== 'FENCED') core.fail('reconcile', error, action.sandboxId);
      return false;
    }
  }

  // The row may have come into being, or changed, since it was read: asked for once more.
  async _kill({ sandboxId, backend, row, reason }, { inHand, settled }) {
    const core = this.#core;
    const now = row === null ? null : await core.ledger.get(row.token);
    if (killReason(now, sandboxId, inHand) === null) return false;
    const { alreadyGone } = await core.end(sandboxId, backend, this.#patient());
    // A list may show for a moment what has just ended.
    const isLate = reason === LEAK && !settled(row, core.config.get('pool').verifyMs);
    if (reason === LEAK && !(alreadyGone && isLate)) {
      core.emit('alert', { type: 'leak', sandboxId, reason });
    }
    if (now?.state === 'watched') await this.#arrived(now, sandboxId, alreadyGone);
    return true;
  }

  // What its request made is here and ended: it needs its place no longer. A second one of the same
  // request would be ended all the same.
  async #arrived(row, sandboxId, alreadyGone) {
    const core = this.#core;
    const data = { ...row.data, foundGone: alreadyGone === true };
    const entry = await core.ledger.takeOver(row, { state: 'ended', place: 0, sandboxId, data });
    if (entry === null) return;
    entry.letGo();
    await core.settle(row.token, core.purse.costOfRow(row));
    core.changed();
  }

  async _adopt({ row, sandboxId }) {
    const core = this.#core;
    if (core.closed) return false; // somebody's who goes on
    const entry = await core.ledger.takeOver(row, { state: 'leased' });
    if (entry === null) return false;
    const member = core.adopt(entry, specOf(row));
    member.taken = true;
    const gone = await this.#health(member);
    if (gone) {
      if (core.pool.has(sandboxId)) await core.dismiss(member, 'gone');
      return true;
    }
    member.taken = false;
    return true;
  }

  async _end({ row, sandboxId }) {
    const core = this.#core;
    if (this.#isMember(row)) {
      await core.terminate(core.pool.get(sandboxId), 'released');
      return true;
    }
    const entry = await core.ledger.takeOver(row, { state: 'ending' });
    if (entry === null) return false;
    try {
      const { alreadyGone } = await core.end(sandboxId, core.backendOf(row), this.#patient());
      const data = { ...entry.row.data, foundGone: alreadyGone === true };
      await core.settle(entry.token, core.purse.costOfRow(entry.row));
      await entry.change({ state: 'ended', place: 0, data });
    } finally {
      entry.letGo();
      core.changed();
    }
    return true;
  }

  async _watch({ row }) {
    const entry = await this.#core.ledger.takeOver(row, { state: 'watched' });
    entry?.letGo();
    return entry !== null;
  }

  async _forget({ row }) {
    const core = this.#core;
    if (row.state === 'watched') await core.settle(row.token, 0);
    const removed = await core.ledger.remove(row);
    if (removed) core.changed();
    return removed;
  }

  async _doubt({ row }) {
    const member = this.#core.ledger.entry(row.token)?.member;
    if (member === undefined || !this.#core.pool.has(member.id)) return false;
    return this.#health(member);
  }

  #patient() {
    return { requestTimeoutMs: this.#core.deadlineMs(REQUEST_TIMEOUT_MS) };
  }
}

/** States of rows that end when a list has shown what became of their sandboxes. */
const UNPROVEN = new Set(['ended', 'watched', 'ending']);

const LEAK = 'it was ended, and lives';

const ACTS = {
  ...{ kill: '_kill', adopt: '_adopt', end: '_end' },
  ...{ watch: '_watch', forget: '_forget', doubt: '_doubt' },
};

function shown(actions) {
  return actions.map(({ do: what, reason, sandboxId, failed = false }) => {
    return { do: what, reason, sandboxId, failed };
  });
}

function take(map, key) {
  const found = map.get(key) ?? [];
  map.delete(key);
  return found;
}

// What the ledger knows of a sandbox that another manager made: not its environment, so it cannot be
// made again, only used and ended.
function specOf({ fingerprint, data }) {
  return Object.freeze({
    ...{ name: data.name, template: data.template, timeout: data.timeout },
    ...{ memoryMb: null, cpuCount: null, env: Object.freeze({}), metadata: Object.freeze({}) },
    ...{ fingerprint, foreign: true },
  });
}

module.exports = { Reconciler };
