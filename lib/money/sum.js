'use strict';

// A sum of money that does not drift: Neumaier's compensated summation, whose error does not grow
// with the number of terms, so that a million small amounts are exact to far below 1e-12. Pure; it
// knows nothing of prices.

class Sum {
  #sum;
  #lost = 0;

  constructor(initial = 0) {
    this.#sum = initial;
  }

  /** @param {number} amount finite */
  add(amount) {
    const next = this.#sum + amount;
    const isLarger = Math.abs(this.#sum) >= Math.abs(amount);
    this.#lost += isLarger ? this.#sum - next + amount : amount - next + this.#sum;
    this.#sum = next;
    return this;
  }

  get value() {
    return this.#sum + this.#lost;
  }
}

/** @param {Iterable<number>} amounts */
function sumOf(amounts) {
  const sum = new Sum();
  for (const amount of amounts) sum.add(amount);
  return sum.value;
}

module.exports = { Sum, sumOf };
