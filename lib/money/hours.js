'use strict';

// What was used and spent, hour by hour (UTC): the material of projections, forecasts and the weekly
// review. Pure; bounded: hours beyond the newest `maxHours` are dropped.

const { Sum } = require('./sum');
const { HOUR_MS } = require('./prices');

const MAX_HOURS = 24 * 56;
const FIELDS = ['cost', 'sandboxMs', 'leasedMs', 'creations', 'calls'];

class Hours {
  #hours = new Map();
  #newest = -Infinity;

  /** Adds to the hour in which `wallMs` lies: any of cost, sandboxMs, leasedMs, creations, calls. */
  add(wallMs, amounts) {
    const index = Math.floor(wallMs / HOUR_MS);
    let hour = this.#hours.get(index);
    if (hour === undefined) {
      if (index <= this.#newest - MAX_HOURS) return;
      hour = Object.fromEntries(FIELDS.map((field) => [field, new Sum()]));
      this.#hours.set(index, hour);
      this.#newest = Math.max(this.#newest, index);
      this.#trim();
    }
    for (const [field, amount] of Object.entries(amounts)) hour[field].add(amount);
  }

  #trim() {
    if (this.#hours.size <= MAX_HOURS) return;
    const oldest = Math.min(...this.#hours.keys());
    this.#hours.delete(oldest);
  }

  /** Dollars spent from a time on, in whole hours. */
  costSince(wallMs) {
    const from = Math.floor(wallMs / HOUR_MS);
    const sum = new Sum();
    for (const [index, { cost }] of this.#hours) if (index >= from) sum.add(cost.value);
    return sum.value;
  }

  /** @returns {{ startMs: number, cost: number, sandboxMs: number, leasedMs: number,
   *   creations: number, calls: number }[]} ascending; hours without anything are not in it */
  list() {
    return [...this.#hours.entries()]
      .sort(([a], [b]) => a - b)
      .map(([index, hour]) => ({
        startMs: index * HOUR_MS,
        ...Object.fromEntries(FIELDS.map((field) => [field, hour[field].value])),
      }));
  }
}

module.exports = { Hours };
