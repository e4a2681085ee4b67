'use strict';

// The simulated E2B: its sandboxes, with the truth about each of them, and what its endpoints do. It
// knows no client: requests come through wire.js. Sandboxes end at their time, by a delete, silently,
// or (a zombie) not although a delete was answered. Listings are old, fresh ones are hidden.

const { BASE_MS } = require('./virtual-clock');
const { wireError } = require('./wire');

const iso = (ms) => new Date(BASE_MS + ms).toISOString();

class Provider {
  faults;
  /** Everything ever made, by id. */
  sandboxes = new Map();
  /** The ones of them that live; without those of somebody else. */
  alive = new Set();
  /** Told of each change: what a run's invariants hang on. */
  onMade = () => {};
  onTerminate = () => {};
  #scheduler;
  #random;
  #trace;
  #ended = [];

  constructor(scheduler, random, trace) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#trace = trace;
  }

  /** @returns {object} the sandbox @throws {ConcurrencyError} */
  create({ template, timeout, metadata, maker, duplicate, foreign = false }) {
    const { nowMs } = this.#scheduler;
    if (this.#counted() >= this.faults.ceiling) {
      throw wireError('ConcurrencyError', 'CONCURRENCY_LIMIT', {
        outcome: 'rejected',
        status: 429,
      });
    }
    const sandbox = {
      id: `sb${this.sandboxes.size + 1}`,
      template,
      metadata: { ...metadata },
      token: metadata['e2b-swarm.token'] ?? null,
      maker,
      duplicate,
      foreign,
      startedMs: nowMs,
      endMs: nowMs + timeout * 1000,
      endedMs: Infinity,
      hiddenUntilMs: nowMs + this.faults.hiddenMs * this.#random.next(),
      zombie: false,
      /** Somebody was told that there is none. */
      denied: false,
      files: new Map(),
      running: new Set(),
    };
    this.sandboxes.set(sandbox.id, sandbox);
    if (!foreign) this.alive.add(sandbox);
    this.#trace.add(
      'provider',
      `made ${sandbox.id}${duplicate ? ' (duplicate)' : ''} for ${maker}`,
    );
    this.#watchEnd(sandbox);
    if (this.#random.chance(this.faults.silentDeaths)) {
      const inMs = this.#random.between(0, 60_000);
      this.#scheduler.after(inMs, () => this.#end(sandbox, 'died'));
    }
    if (!foreign) this.onMade(sandbox);
    return sandbox;
  }

  /** Sandboxes of somebody else on the same account, for as long as the run lasts. */
  addForeign(metadata) {
    const wish = { template: 'base', timeout: 86_400, metadata, maker: 'somebody else' };
    const { faults } = this;
    this.faults = { ...faults, ceiling: Infinity, silentDeaths: 0 };
    this.create({ ...wish, duplicate: false, foreign: true });
    this.faults = faults;
  }

  /** What the far end's own cap counts: it lags behind what has ended. */
  #counted() {
    const { nowMs } = this.#scheduler;
    while (this.#ended.length > 0 && this.#ended[0] < nowMs - this.faults.ceilingLagMs) {
      this.#ended.shift();
    }
    return this.alive.size + this.#ended.length;
  }

  #watchEnd(sandbox) {
    const look = () => {
      if (!this.alive.has(sandbox)) return false;
      if (sandbox.endMs <= this.#scheduler.nowMs) this.#end(sandbox, 'timed out');
      else this.#watchEnd(sandbox);
      return false;
    };
    this.#scheduler.after(sandbox.endMs - this.#scheduler.nowMs, look);
  }

  #end(sandbox, why) {
    if (!this.alive.delete(sandbox)) return false;
    sandbox.endedMs = this.#scheduler.nowMs;
    this.#ended.push(sandbox.endedMs);
    this.#trace.add('provider', `${sandbox.id} ${why}`);
    for (const die of sandbox.running) die();
    sandbox.running.clear();
    return false;
  }

  /** @throws {NotFoundError} unknown, ended, or so fresh that this look-up does not see it */
  find(id) {
    const sandbox = this.sandboxes.get(id);
    const visible = sandbox !== undefined && sandbox.hiddenUntilMs <= this.#scheduler.nowMs;
    if (visible && isThere(sandbox, this.#scheduler.nowMs)) return sandbox;
    if (sandbox) sandbox.denied = true;
    const facts = { sandboxId: id, outcome: 'rejected', status: 404 };
    throw wireError('NotFoundError', 'NOT_FOUND', facts);
  }

  terminate(id, by) {
    const sandbox = this.find(id);
    this.onTerminate(sandbox, by);
    if (!sandbox.zombie && this.#random.chance(this.faults.zombies)) {
      sandbox.zombie = true;
      this.#trace.add('provider', `${id} lives on as a zombie`);
    } else {
      this.#end(sandbox, 'ended');
    }
  }

  setTimeout(id, seconds) {
    const sandbox = this.find(id);
    const endMs = this.#scheduler.nowMs + seconds * 1000;
    sandbox.endMs = endMs;
    this.#watchEnd(sandbox);
    return sandbox;
  }

  /** As the official connect: prolongs, never shortens. */
  connect(id, seconds) {
    const sandbox = this.find(id);
    const endMs = this.#scheduler.nowMs + seconds * 1000;
    if (endMs <= sandbox.endMs) return sandbox;
    return this.setTimeout(id, seconds);
  }

  /**
   * One page of a listing, newest first, of a state that may be some seconds old.
   *
   * @returns {{ items: object[], next: number|null }} next: serial number to go on below
   */
  page(metadata, below, size) {
    const atMs = this.#scheduler.nowMs - this.faults.listLagMs * this.#random.next();
    const items = [];
    const all = [...this.sandboxes.values()];
    let at = Math.min(all.length, below ?? Infinity) - 1;
    for (; at >= 0 && items.length < size; at--) {
      const sandbox = all[at];
      if (isThere(sandbox, atMs) && matches(sandbox.metadata, metadata))
        items.push(describe(sandbox, atMs));
    }
    return { items, next: at >= 0 ? at + 1 : null };
  }

  status(id, { unreachable = false } = {}) {
    const shape = describe(this.find(id), this.#scheduler.nowMs);
    if (unreachable) return { ...shape, status: 'error', health: 'unhealthy', logs: [] };
    return { ...shape, logs: [], memoryUsage: 64, cpuUsage: 1 };
  }

  /**
   * Starts something in a sandbox.
   *
   * @param {string} id
   * @param {number} lengthMs of its run
   * @param {(dead: boolean) => void} onEnd dead: its sandbox ended under it
   * @returns {{ pid: number, kill(): void }}
   * @throws {NotFoundError} SANDBOX_GONE, as the proxy in front says it
   */
  start(id, lengthMs, onEnd) {
    const sandbox = this.sandboxes.get(id);
    if (sandbox === undefined || !this.alive.has(sandbox)) {
      const facts = { sandboxId: id, outcome: 'rejected', status: 502 };
      throw wireError('NotFoundError', 'SANDBOX_GONE', facts);
    }
    const die = () => onEnd(true);
    const finish = () => {
      if (sandbox.running.delete(die)) onEnd(false);
      return false;
    };
    sandbox.running.add(die);
    this.#scheduler.after(lengthMs, finish);
    return { pid: this.#random.whole(100, 9999), kill: finish };
  }

  /** What was billed: seconds of all sandboxes ever made, until now. */
  seconds() {
    const { nowMs } = this.#scheduler;
    let sum = 0;
    for (const { startedMs, endedMs } of this.sandboxes.values()) {
      sum += Math.min(nowMs, endedMs) - startedMs;
    }
    return sum / 1000;
  }
}

function isThere({ startedMs, endedMs }, atMs) {
  return startedMs <= atMs && endedMs > atMs;
}

function matches(metadata, wanted) {
  for (const key in wanted) if (metadata[key] !== wanted[key]) return false;
  return true;
}

/** SandboxStatus without measurements. */
function describe(sandbox, atMs) {
  return {
    sandboxId: sandbox.id,
    name: sandbox.metadata['e2b-swarm.name'] ?? null,
    template: sandbox.template,
    status: 'running',
    health: 'healthy',
    uptime: Math.max(0, Math.round((atMs - sandbox.startedMs) / 1000)),
    memoryUsage: null,
    cpuUsage: null,
    cpuCount: 2,
    memoryMb: 512,
    executionCount: 0,
    lastActivity: null,
    startedAt: iso(sandbox.startedMs),
    endsAt: iso(sandbox.endMs),
    metadata: { ...sandbox.metadata },
  };
}

module.exports = { Provider };
