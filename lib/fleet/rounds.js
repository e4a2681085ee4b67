'use strict';

// The manager's three background rounds: which interval each follows, and what a changed configuration
// means for them. What a round does is not decided here.

const { Loop } = require('./loop');

class Rounds {
  #core;
  #loops;

  /**
   * @param {import('./core').FleetCore} core
   * @param {{ health: () => Promise, cleanup: () => Promise, fleet: () => Promise }} rounds must not reject
   */
  constructor(core, { health, cleanup, fleet }) {
    this.#core = core;
    this.#loops = {
      healthCheckInterval: new Loop(core.clock, health),
      cleanupInterval: new Loop(core.clock, cleanup),
      pool: new Loop(core.clock, fleet),
    };
  }

  /** The timer behind a configuration key; null when stopped. */
  timer(key) {
    return this.#loops[key].timer;
  }

  /** Starts or starts again; nothing after shutdown began. */
  start(key) {
    const { config, closed } = this.#core;
    const intervalMs = key === 'pool' ? config.get('pool').reconcileMs : config.get(key);
    if (!closed) this.#loops[key].start(intervalMs, config.get('keepAlive'));
  }

  stop() {
    for (const loop of Object.values(this.#loops)) loop.stop();
  }

  /** A key of the configuration has changed. A round that was stopped stays stopped. */
  reconfigured(name) {
    for (const [key, loop] of Object.entries(this.#loops)) {
      if (loop.timer !== null && (name === key || name === 'keepAlive')) this.start(key);
    }
  }
}

module.exports = { Rounds };
