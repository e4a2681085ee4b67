'use strict';

// Sums by name (owners, tags, sandboxes that have ended) in bounded memory: past the maximum, the
// cheapest name is folded into the rest, so that what is shown is what matters. Pure.

const { Sum } = require('./sum');

class NamedSums {
  #sums = new Map();
  #rest = new Sum();
  #folded = 0;
  #max;

  /** @param {number} max names kept apart */
  constructor(max) {
    this.#max = max;
  }

  add(name, amount) {
    let sum = this.#sums.get(name);
    if (sum === undefined) {
      this.#sums.set(name, (sum = new Sum()));
      sum.add(amount);
      if (this.#sums.size > this.#max * 2) this.#fold();
      return;
    }
    sum.add(amount);
  }

  // Folding many at once makes each addition cheap on average.
  #fold() {
    const ranked = [...this.#sums].sort(([, a], [, b]) => b.value - a.value);
    for (const [name, sum] of ranked.slice(this.#max)) {
      this.#rest.add(sum.value);
      this.#folded++;
      this.#sums.delete(name);
    }
  }

  /** @returns {{ top: [string, number][], rest: { count: number, cost: number } }} dearest first */
  list(limit = this.#max) {
    const ranked = [...this.#sums].map(([name, sum]) => [name, sum.value]);
    ranked.sort(([, a], [, b]) => b - a);
    const rest = new Sum(this.#rest.value);
    for (const [, cost] of ranked.slice(limit)) rest.add(cost);
    const count = this.#folded + Math.max(0, ranked.length - limit);
    return { top: ranked.slice(0, limit), rest: { count, cost: rest.value } };
  }
}

module.exports = { NamedSums };
