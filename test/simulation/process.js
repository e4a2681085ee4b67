'use strict';

// One simulated operating-system process with a manager in it. A crash ends everything that it waits
// for: its timers, answers and store operations never come back, and what it calls from then on has
// no effect. Requests that it had sent go on without it.

const { VirtualClock } = require('./virtual-clock');

class SimProcess {
  alive = true;
  stalledUntilMs = 0;
  stalledFromMs = 0;
  partitionedUntilMs = 0;
  /** Set by the world: the real SandboxManager. */
  manager = null;
  #world;
  #random;

  /** @param {object} world @param {string} name @param {import('./random').Random} random */
  constructor(world, name, random) {
    this.#world = world;
    this.#random = random;
    this.name = name;
    this.pid = world.nextPid++;
    this.startedMs = world.scheduler.nowMs;
    const onThrow = (error) => world.violate('a timer threw', error?.stack ?? String(error));
    this.clock = new VirtualClock(world.scheduler, random, this, onThrow);
    this.clockFunctions = this.clock.functions();
    this.clock.steady = this.clockFunctions.steady;
  }

  /** Stands still, and does not notice: all that it waits for comes late. */
  stall(forMs) {
    const { nowMs } = this.#world.scheduler;
    if (this.stalledUntilMs <= nowMs) this.stalledFromMs = nowMs;
    this.stalledUntilMs = Math.max(this.stalledUntilMs, nowMs + forMs);
  }

  /** For how long it has stood still by now. */
  get stillMs() {
    const { nowMs } = this.#world.scheduler;
    return this.stalledUntilMs > nowMs ? nowMs - this.stalledFromMs : 0;
  }

  /** Dice at each call out of the process. @returns {boolean} whether it is dead */
  diesAtCall() {
    if (this.alive && this.#random.chance(this.#world.faults.crashAtCall)) {
      this.#world.crash(this, 'at a call');
    }
    return !this.alive;
  }

  /** Who this process is, and whether another one lives, as the operating system knows it. */
  identity() {
    const { pid, startedMs } = this;
    return {
      self: () => ({ boot: 'simulated', pid, startedMs }),
      isAlive: (facts) => this.#world.isAlive(facts),
    };
  }
}

module.exports = { SimProcess };
