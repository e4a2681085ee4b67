'use strict';

// What must hold, whatever happens. Looked at after every step, in the quiet and at the end. Each
// rule has a name, which a failing run prints. Looks at the truth (provider, ledger), never at what a
// manager says of itself, except where the rule is about that.

/** A process of another host that stands still for so long counts as dead; less a heartbeat. */
const DEAD_AFTER_MS = 40_000;
/** An answer is at most so long on its way when there are no faults. */
const ANSWER_MS = 10_000;

const { costOf } = require('./profile');

/** Events that tell a holder that he holds nothing any more. */
const OVER = new Set(['lease:expired', 'lease:lost', 'sandbox:terminated']);

/** Looks, and ends, are repeated whatever the budget of retries says. */
const UNBUDGETED = new Set(['terminate_sandbox', 'find_sandbox', 'list_sandboxes', 'get_status']);

class Invariants {
  /** Sandbox id to who holds it, by the users' own account. */
  holders = new Map();
  /** Calls of users that have not ended. */
  waiting = new Set();
  #world;
  /** Tokens of creates that may have been carried out. */
  #unknown = new Set();
  #most = 0;
  #retriesInOutage = 0;
  #callsInOutage = 0;

  constructor(world) {
    this.#world = world;
    world.provider.onMade = (sandbox) => this.#made(sandbox);
    world.provider.onTerminate = (sandbox, by) => this.#terminated(sandbox, by);
    world.wire.onRequest = (process, request) => this.#requested(process, request);
    world.wire.onEnd = (process, request, answer) => this.#answered(request, answer);
  }

  get #ledger() {
    return this.#world.storage?.ledger ?? null;
  }

  // ---- who holds what

  /** A user was given a sandbox. */
  hold(holder) {
    const other = this.holders.get(holder.sandboxId);
    if (other && this.#isLive(other) && other.process.stillMs < DEAD_AFTER_MS) {
      const text = `${holder.sandboxId} was given to ${holder.name} while ${other.name} held it`;
      this.#world.violate('two owners of one sandbox', text);
    }
    this.holders.set(holder.sandboxId, holder);
  }

  /** He is about to give it back, or has lost it. */
  letGo(holder) {
    if (this.holders.get(holder.sandboxId) === holder) this.holders.delete(holder.sandboxId);
  }

  #isLive({ process, endsAtMs = Infinity }) {
    return process.alive && endsAtMs > process.clock.steady();
  }

  // ---- after every step

  /** Events of a manager that lives. */
  heard(process, name, payload) {
    if (name === 'recovery:success') {
      const holder = this.holders.get(payload.oldId);
      if (holder && holder.process === process) {
        this.letGo(holder);
        holder.sandboxId = payload.newId;
        this.hold(holder);
      }
    } else if (name === 'retry:scheduled' && !UNBUDGETED.has(payload.type)) {
      if (this.#outage) this.#retriesInOutage++;
    } else if (OVER.has(name)) {
      const holder = this.holders.get(payload.sandboxId);
      if (holder?.process === process) this.letGo(holder);
    }
  }

  get #outage() {
    return this.#world.wire.outageUntilMs > this.#world.scheduler.nowMs;
  }

  #requested(process, { op, token, sandboxId }) {
    if (op === 'create' && token !== null) {
      if (this.#unknown.has(token)) {
        const text = `${process.name} sends a create with token ${token} again`;
        this.#world.violate('sent again after an unknown outcome', text);
      }
      // Until its answer says something else.
      this.#unknown.add(token);
    }
    const holder = op === 'execute' ? this.holders.get(sandboxId) : undefined;
    if (holder && holder.process !== process && this.#isLive(holder)) {
      const text = `${process.name} uses ${sandboxId}, which ${holder.name} holds`;
      this.#world.violate('a stale holder is let through', text);
    }
    if (op === 'timeout' || op === 'connect') this.#prolongs(process, sandboxId);
    if (this.#outage) this.#callsInOutage++;
  }

  // Told when it is sent: what arrives late may find another state.
  #prolongs(process, sandboxId) {
    const { token } = this.#world.provider.sandboxes.get(sandboxId) ?? {};
    const { state } = this.#ledger?.rows.get(token) ?? {};
    if (state !== 'idle' && state !== 'watched' && state !== 'ended') return;
    const text = `${process.name} prolongs the life of ${sandboxId}, which is ${state}`;
    this.#world.violate('an idle life prolonged', text);
  }

  #answered({ op, token }, answer) {
    const { outcome } = answer ?? {};
    if (op === 'create' && (outcome === 'rejected' || outcome === 'not-sent')) {
      this.#unknown.delete(token);
    }
  }

  #terminated(sandbox, by) {
    if (sandbox.foreign) {
      const text = `${by.name} ends ${sandbox.id}, which is somebody else's`;
      this.#world.violate('touched what is not its own', text);
    }
    const holder = this.holders.get(sandbox.id);
    const isStill = holder?.process.stillMs >= DEAD_AFTER_MS;
    if (!this.#world.quiet && holder && holder.process !== by && this.#isLive(holder) && !isStill) {
      const text = `${by.name} ends ${sandbox.id}, which ${holder.name} holds`;
      this.#world.violate('ended under its holder', text);
    }
  }

  #made(sandbox) {
    const { provider, violate } = this.#helpers();
    const ledger = this.#ledger;
    if (!sandbox.duplicate && ledger !== null && !ledger.rows.has(sandbox.token)) {
      violate('made without a row', `${sandbox.id} with token ${sandbox.token} has no row`);
    }
    let counted = 0;
    // What the far end made on its own, or said to be gone although it lives, nobody can avoid.
    const isOurs = ({ duplicate, zombie, denied }) => !duplicate && !zombie && !denied;
    for (const one of provider.alive) if (isOurs(one)) counted++;
    this.#checkSpending();
    const most = this.#maximum();
    if (counted > most) {
      violate('more sandboxes than the maximum', `${counted} live at the provider, of ${most}`);
    }
  }

  // Without what nobody can avoid, as above: the far end's own doing.
  #checkSpending() {
    const { provider, scheduler, profile, violate } = this.#bookkeeping();
    if (profile.config.budget === undefined) return;
    let spent = 0;
    for (const { duplicate, zombie, denied, foreign, startedMs, endedMs } of provider) {
      if (duplicate || zombie || denied || foreign) continue;
      spent += costOf(Math.min(scheduler.nowMs, endedMs) - startedMs);
    }
    const { total } = profile.config.budget;
    const reservation = costOf(1000 * Math.max(300, ...profile.lives));
    if (spent > total + reservation) {
      violate('spent more than the budget', `${spent} of ${total} dollars and ${reservation}`);
    }
  }

  #bookkeeping() {
    const { provider, scheduler, profile } = this.#world;
    const violate = (name, text) => this.#world.violate(name, text);
    return { provider: provider.sandboxes.values(), scheduler, profile, violate };
  }

  #helpers() {
    const { provider } = this.#world;
    return { provider, violate: (name, text) => this.#world.violate(name, text) };
  }

  /** With one ledger the maximum is the fleet's; without one, each manager's own. */
  #maximum() {
    const { config, managers } = this.#world.profile;
    return Math.max(this.#most, config.maxPoolSize * (this.#ledger === null ? managers : 1));
  }

  /** The maximum was lowered: what is there may stay. */
  maximumChanged() {
    this.#most = Math.max(this.#most, this.#maximum());
  }

  ledgerChanged(token, row, before) {
    const { taken } = this.#ledger;
    const grew = (row?.place ?? 0) > (before?.place ?? 0);
    if (grew && taken > this.#maximum()) {
      const text = `${taken} places of ${this.#maximum()} taken with ${token}`;
      this.#world.violate('taken more than the maximum', text);
    }
  }

  afterStep() {}

  // ---- calls of users

  /** @param {{ process: object, name: string, limitMs?: number }} call */
  begin(call) {
    call.beganMs = this.#world.scheduler.nowMs;
    this.waiting.add(call);
    return call;
  }

  end(call) {
    this.waiting.delete(call);
    const tookMs = this.#world.scheduler.nowMs - call.beganMs;
    const stoodStill = call.process.stalledUntilMs > call.beganMs;
    if (call.limitMs !== undefined && tookMs > call.limitMs && !stoodStill) {
      const text = `${call.name} of ${call.process.name} took ${tookMs} of ${call.limitMs} ms`;
      this.#world.violate('a call beyond its deadline', text);
    }
  }

  // ---- in the quiet, and at the end

  afterQuiet() {
    this.#checkSpending();
    for (const call of this.waiting) {
      if (!call.process.alive) continue;
      const text = `${call.name} of ${call.process.name}, begun at ${call.beganMs.toFixed(0)} ms`;
      this.#world.violate('a waiter that does not end', text);
    }
    for (const sandbox of this.#world.provider.alive) {
      if (this.#isOwned(sandbox)) continue;
      const kind = sandbox.duplicate ? ' (a duplicate)' : sandbox.zombie ? ' (a zombie)' : '';
      const text = `${sandbox.id}${kind} lives, and nobody owns it or has said so`;
      this.#world.violate('a lost sandbox', text);
    }
    this.#retryShare();
  }

  #isOwned(sandbox) {
    // Its creator may be waiting for the answer.
    if (sandbox.startedMs > this.#world.scheduler.nowMs - ANSWER_MS) return true;
    const row = this.#ledger?.rows.get(sandbox.token);
    if (row) return row.sandboxId === sandbox.id;
    return this.#world.live().some(({ manager }) => manager.activeSandboxes.has(sandbox.id));
  }

  #retryShare() {
    const first = this.#callsInOutage - this.#retriesInOutage;
    const managers = this.#world.processes.length;
    const most = 0.1 * first + 40 * managers;
    if (this.#retriesInOutage > most) {
      const text = `${this.#retriesInOutage} retries of ${first} calls in a total outage`;
      this.#world.violate('a storm of retries', text);
    }
  }

  atEnd() {
    for (const process of this.#world.live()) {
      if (!process.stopped) this.#world.violate('a shutdown that does not end', process.name);
    }
    for (const sandbox of this.#world.provider.alive) {
      this.#world.violate('alive after shutdown', sandbox.id);
    }
  }
}

module.exports = { Invariants };
