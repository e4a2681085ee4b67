'use strict';

// At most so many at a time, the others in the order in which they came. No I/O, no timers.

/** Runs functions, at most `limit()` of them at a time; asked again whenever one ends. */
class Limiter {
  #limit;
  #running = 0;
  #queue = [];

  /** @param {() => number} limit */
  constructor(limit) {
    this.#limit = limit;
  }

  get running() {
    return this.#running;
  }

  get waiting() {
    return this.#queue.length;
  }

  /**
   * @template T
   * @param {() => Promise<T>} work
   * @param {AbortSignal} [signal] leaves the queue; rejects with its reason. Work that has begun
   *   is not touched
   * @returns {Promise<T>}
   */
  async run(work, signal) {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#running--;
      this.#next();
    }
  }

  #enter(signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const waiter = { start: resolve };
      if (signal) {
        const onAbort = () => {
          this.#queue.splice(this.#queue.indexOf(waiter), 1);
          reject(signal.reason);
        };
        signal.addEventListener('abort', onAbort, { once: true });
        waiter.start = () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
      }
      this.#queue.push(waiter);
      this.#next();
    });
  }

  #next() {
    while (this.#queue.length > 0 && this.#running < this.#limit()) {
      this.#running++;
      this.#queue.shift().start();
    }
  }
}

/** Array.map for async work, at most `limit` at a time, in order; rejects with the first failure. */
async function mapLimited(items, limit, work) {
  const limiter = new Limiter(() => limit);
  return Promise.all(items.map((item) => limiter.run(() => work(item))));
}

module.exports = { Limiter, mapLimited };
