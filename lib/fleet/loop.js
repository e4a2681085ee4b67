'use strict';

// Something done again and again in the background. A round that is still running when the next is
// due makes that one be skipped: rounds never overlap. Starting again replaces; it never adds.

class Loop {
  #clock;
  #round;
  #running = false;
  #timer = null;

  /**
   * @param {object} clock
   * @param {() => Promise<unknown>} round must not reject
   */
  constructor(clock, round) {
    this.#clock = clock;
    this.#round = round;
  }

  /** Null when stopped. */
  get timer() {
    return this.#timer;
  }

  /**
   * @param {number} intervalMs 0 stops
   * @param {boolean} keepAlive whether the timer keeps the process alive
   */
  start(intervalMs, keepAlive) {
    this.stop();
    if (intervalMs === 0) return;
    this.#timer = this.#clock.setInterval(() => this.#tick(), intervalMs);
    if (!keepAlive) this.#timer?.unref?.();
  }

  stop() {
    if (this.#timer === null) return;
    this.#clock.clearInterval(this.#timer);
    this.#timer = null;
  }

  async #tick() {
    if (this.#running) return;
    this.#running = true;
    try {
      await this.#round();
    } finally {
      this.#running = false;
    }
  }
}

module.exports = { Loop };
