'use strict';

// Counts of the last so many milliseconds, in a fixed number of buckets: memory does not depend on the
// traffic. Judges nothing; the breaker and the throttle do. Ages come from the steady clock.

/** Named counters over a window that slides by one bucket at a time. */
class SlidingWindow {
  #clock;
  #bucketMs;
  #buckets;
  #fields;
  #slots = [];

  /**
   * @param {object} shape
   * @param {object} shape.clock
   * @param {number} shape.windowMs what is older has left it; up to one bucket earlier
   * @param {number} [shape.buckets] 10
   * @param {readonly string[]} shape.fields names of the counters
   */
  constructor({ clock, windowMs, buckets = 10, fields }) {
    this.#clock = clock;
    this.#bucketMs = windowMs / buckets;
    this.#buckets = buckets;
    this.#fields = fields;
  }

  /**
   * The counters of this moment. Who counts the beginning and the end of one thing keeps them: both
   * then leave the window together.
   *
   * @returns {Record<string, number>}
   */
  now() {
    const index = this.#index();
    this.#forget(index);
    let newest = this.#slots.at(-1);
    if (newest?.index !== index) this.#slots.push((newest = this.#slot(index)));
    return newest.counts;
  }

  /** @returns {Record<string, number>} each counter over the window, or its `newest` buckets only */
  sum(newest = this.#buckets) {
    const index = this.#index();
    this.#forget(index);
    const total = this.#slot(index).counts;
    for (const slot of this.#slots) {
      if (slot.index <= index - newest) continue;
      for (const field of this.#fields) total[field] += slot.counts[field];
    }
    return total;
  }

  clear() {
    this.#slots = [];
  }

  /** @returns {{ ageMs: number, counts: Record<string, number> }[]} oldest first */
  toJSON() {
    const steady = this.#clock.steady();
    this.#forget(this.#index());
    return this.#slots.map(({ index, counts }) => ({
      ageMs: Math.max(0, Math.round(steady - index * this.#bucketMs)),
      counts: { ...counts },
    }));
  }

  /** Takes over what toJSON gave, `elapsedMs` later; entries that are none are left out. */
  restore(saved, elapsedMs) {
    this.#slots = [];
    const newest = this.#index();
    for (const { ageMs, counts } of Array.isArray(saved) ? saved : []) {
      if (!Number.isFinite(ageMs) || counts === null || typeof counts !== 'object') continue;
      const index = Math.min(newest, this.#index(ageMs + elapsedMs));
      const last = this.#slots.at(-1);
      if (last !== undefined && index < last.index) continue;
      const slot = last?.index === index ? last : this.#slot(index);
      if (slot !== last) this.#slots.push(slot);
      for (const field of this.#fields) slot.counts[field] += countOf(counts[field]);
    }
    this.#forget(newest);
  }

  #slot(index) {
    return { index, counts: Object.fromEntries(this.#fields.map((field) => [field, 0])) };
  }

  #index(ageMs = 0) {
    return Math.floor((this.#clock.steady() - ageMs) / this.#bucketMs);
  }

  #forget(index) {
    while (this.#slots.length > 0 && this.#slots[0].index <= index - this.#buckets) {
      this.#slots.shift();
    }
  }
}

function countOf(value) {
  return Number.isInteger(value) && value > 0 ? value : 0;
}

module.exports = { SlidingWindow };
