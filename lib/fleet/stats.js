'use strict';

// The ten statistics. Seven are counted, three are read off the pool and the last report, so they
// cannot drift: activeSandboxes = sandboxesCreated - sandboxesDestroyed holds at every moment because
// a sandbox enters or leaves the pool in the same turn in which it is counted.

const COUNTERS = [
  'sandboxesCreated',
  'sandboxesDestroyed',
  'agentsDeployed',
  'strategiesExecuted',
  'healthChecks',
  'recoveryAttempts',
  'errors',
];

class Stats {
  #counts = Object.fromEntries(COUNTERS.map((name) => [name, 0]));
  #healthy = 0;
  #pool;

  constructor(pool) {
    this.#pool = pool;
  }

  /** One more. */
  add(name) {
    this.#counts[name]++;
  }

  /** What the last health report found. */
  setHealthy(n) {
    this.#healthy = n;
  }

  snapshot() {
    return {
      ...this.#counts,
      activeSandboxes: this.#pool.size,
      poolSize: this.#pool.idle().length,
      healthyCount: this.#healthy,
    };
  }

  /** A read-only object whose properties are always current. */
  facade() {
    const live = {};
    for (const name of Object.keys(this.snapshot())) {
      Object.defineProperty(live, name, { enumerable: true, get: () => this.snapshot()[name] });
    }
    return Object.freeze(live);
  }
}

module.exports = { Stats };
