'use strict';

// One sandbox as the manager knows it: what it was made from, who uses it, how it fared. Holds
// state and answers questions about it; sends nothing and emits nothing. `record()` is the only form
// in which it leaves the manager: without the values of its environment.

/** Latencies kept to average over: enough to be steady, few enough to forget an old incident. */
const LATENCY_SAMPLES = 20;

/** Whoever names no owner: a holder like every other, whose work is not shown to those that do. */
const ANONYMOUS = '(anonymous)';

class Member {
  /** Whose lease it is; null of one that is taken by id. */
  lease = null;
  /** For whom alone it may be used again; null: for anybody. */
  holder = null;
  /** Leases that it has seen end. */
  uses = 0;
  /** Name of the far end where it lives. */
  backend;
  /** What stands of it in the store. */
  entry = null;
  /** Told when nobody has to do with it any more. */
  onVacant = null;
  /** The agents running in it, by agentId. */
  agents = new Map();
  /** 'running', 'stopped' (paused), 'error' (unreachable or gone), 'terminating', 'recovering' */
  status = 'running';
  health = 'healthy';
  /** The far end said that there is none, and nobody has replaced it. */
  gone = false;
  /** Executions, of commands and strategies, whatever their end. */
  executionCount = 0;
  /** Agents ever deployed here. */
  agentCount = 0;
  /** Failed operations, also those that never reached the sandbox. */
  errorCount = 0;
  /** Work that reached the sandbox, and how much of it failed: the error rate. */
  runs = 0;
  failures = 0;

  #taken = false;
  #work = 0;
  #latencies = [];
  #clock;

  /**
   * @param {object} sandbox { sandboxId, name, template, createdAt, endsAt, ... } as C answered it
   * @param {object} spec what it was made from
   * @param {object} clock
   * @param {number} bornAt clock.steady() at the moment when its creation was asked for
   */
  constructor(sandbox, spec, clock, bornAt) {
    this.#clock = clock;
    this.id = sandbox.sandboxId;
    this.spec = spec;
    this.url = sandbox.url ?? null;
    this.cpuCount = sandbox.cpuCount ?? spec.cpuCount;
    this.memoryMb = sandbox.memoryMb ?? spec.memoryMb;
    this.created = new Date(clock.now()).toISOString();
    this.bornAt = bornAt;
    this.lifeMs = spec.timeout * 1000;
    /** Up to 2.5 % less age for each, so that what was made together does not retire together. */
    this.youth = 1 - 0.025 * clock.random();
    /** By the steady clock: when its life ends, unless it is prolonged. */
    this.diesAt = bornAt + this.lifeMs;
    this.touch();
    this.seen();
  }

  /** The size that the far end tells, where nobody asked for one. */
  learnSize({ cpuCount, memoryMb }) {
    this.cpuCount ??= cpuCount;
    this.memoryMb ??= memoryMb;
  }

  /** Known to be alive just now: it did some work, or was looked at. */
  seen() {
    this.seenAt = this.#clock.steady();
  }

  /** Used just now. */
  touch() {
    this.lastUsed = new Date(this.#clock.now()).toISOString();
    this.lastUsedAt = this.#clock.steady();
  }

  /** Takes over when another was used last: a replacement is as inactive as what it replaces. */
  inheritUse({ lastUsed, lastUsedAt }) {
    this.lastUsed = lastUsed;
    this.lastUsedAt = lastUsedAt;
  }

  /** By a lease, or by getOrCreateSandbox until releaseSandbox. */
  get taken() {
    return this.#taken;
  }

  set taken(taken) {
    this.#taken = taken;
    this.#tellVacant();
  }

  /** An agent has ended. @returns {boolean} whether it was one of ours */
  removeAgent(agentId) {
    const removed = this.agents.delete(agentId);
    this.#tellVacant();
    return removed;
  }

  #tellVacant() {
    if (!this.busy) this.onVacant?.(this);
  }

  /** Work in flight, or an agent running, or taken by somebody. */
  get busy() {
    return this.taken || this.working;
  }

  get working() {
    return this.#work > 0 || this.agents.size > 0;
  }

  /** In the pool: alive, and nobody has to do with it. */
  get idle() {
    return !this.busy && this.status === 'running';
  }

  get uptimeMs() {
    return this.#clock.steady() - this.bornAt;
  }

  get idleMs() {
    return this.working && !this.gone ? 0 : this.#clock.steady() - this.lastUsedAt;
  }

  get errorRate() {
    return this.runs === 0 ? 0 : this.failures / this.runs;
  }

  /** @returns {number|null} null without a sample */
  get averageLatencyMs() {
    const n = this.#latencies.length;
    return n === 0 ? null : this.#latencies.reduce((sum, ms) => sum + ms, 0) / n;
  }

  /** A round trip to the sandbox, without the run time of what was started there. */
  addLatency(ms) {
    this.#latencies.push(ms);
    if (this.#latencies.length > LATENCY_SAMPLES) this.#latencies.shift();
  }

  /** Counts work that reached the sandbox. */
  addRun(succeeded) {
    this.runs++;
    if (succeeded) this.seen();
    else this.failures++;
    this.touch();
  }

  /** Does `work` as work in flight here. */
  async during(work) {
    this.#work++;
    this.touch();
    try {
      return await work();
    } finally {
      this.#work--;
      this.touch();
      this.#tellVacant();
    }
  }

  /** The record of EVT-01: a plain copy; of the environment the names alone. */
  record() {
    return {
      id: this.id,
      name: this.spec.name,
      template: this.spec.template,
      timeout: this.spec.timeout,
      memoryMb: this.memoryMb,
      cpuCount: this.cpuCount,
      envKeys: Object.keys(this.spec.env),
      metadata: { ...this.spec.metadata },
      url: this.url,
      created: this.created,
      lastUsed: this.lastUsed,
      status: this.status,
      state: this.busy ? 'busy' : 'idle',
      health: this.health,
      agentCount: this.agentCount,
      runningAgents: this.agents.size,
      executionCount: this.executionCount,
      errorCount: this.errorCount,
    };
  }
}

module.exports = { ANONYMOUS, Member };
