'use strict';

// What the far end turned out to allow. A refusal for concurrency names no number that can be
// trusted, but says that what runs now is the most: that becomes the ceiling, and it is tried again,
// one place higher, after a while. Pure of I/O; nobody is told but by `places`.

/** Between two tries above a ceiling that was met. */
const PROBE_MS = 30_000;

class Ceiling {
  #clock;
  #places = Infinity;
  #metAt = 0;

  constructor(clock) {
    this.#clock = clock;
  }

  /** Places that the far end allows, as far as we know; one more for each PROBE_MS without refusal. */
  get places() {
    if (this.#places === Infinity) return Infinity;
    return this.#places + Math.floor((this.#clock.steady() - this.#metAt) / PROBE_MS);
  }

  /** Refused for concurrency. @param {number} running how many places were taken beside this one */
  met(running) {
    this.#places = Math.max(1, Math.min(this.places, running));
    this.#metAt = this.#clock.steady();
  }

  /** A create came through. @param {number} running places that are taken now */
  passed(running) {
    if (running < this.#places) return;
    this.#places = running;
    this.#metAt = this.#clock.steady();
  }
}

module.exports = { Ceiling, PROBE_MS };
