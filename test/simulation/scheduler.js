'use strict';

// The simulation's time and order: a heap of events, one done at a time, and between two of them
// everything that JavaScript has left to do runs to its end. Time jumps from event to event. It
// knows nothing of sandboxes. An event belongs to a domain (a process that can die or stall) or none.

const { setImmediate: turn } = require('node:timers');

/** So many events without end are a loop, not a run. */
const MAX_STEPS = 200_000;
/** Events between two turns of the real loop. */
const SLICE = 2_000;

class Scheduler {
  nowMs = 0;
  steps = 0;
  #heap = [];
  #random;

  /** @param {import('./random').Random} random breaks ties */
  constructor(random) {
    this.#random = random;
  }

  /**
   * @param {number} delayMs
   * @param {() => unknown} run false: no promise was settled, nothing needs to be drained
   * @param {{ alive: boolean, stalledUntilMs: number }|null} [domain] whose death drops the event
   * @returns {object} event, for cancel
   */
  after(delayMs, run, domain = null) {
    const dueMs = this.nowMs + Math.max(0, delayMs);
    const event = { dueMs, tie: this.#random.next(), run, domain };
    this.#push(event);
    return event;
  }

  cancel(event) {
    event.run = null;
  }

  /**
   * Runs events until the time has come, or nothing is left.
   *
   * @param {number} untilMs
   * @param {() => void} onStep after each event, drained; what it throws ends the run
   */
  runUntil(untilMs, onStep) {
    return new Promise((resolve, reject) => {
      // In the loop's own turn, where promise jobs can be run to their end; see drain.
      const slice = () => {
        try {
          drain();
          for (let i = 0; i < SLICE; i++) {
            if (!this.#step(untilMs, onStep)) {
              this.nowMs = Math.max(this.nowMs, untilMs);
              resolve();
              return;
            }
          }
          turn(slice);
        } catch (error) {
          reject(error);
        }
      };
      turn(slice);
    });
  }

  /** @returns {boolean} whether there was an event */
  #step(untilMs, onStep) {
    if (this.#heap.length === 0 || this.#heap[0].dueMs > untilMs) return false;
    const event = this.#pop();
    if (event.run === null || event.domain?.alive === false) return true;
    if (event.domain?.stalledUntilMs > event.dueMs) {
      event.dueMs = event.domain.stalledUntilMs + this.#random.next();
      this.#push(event);
      return true;
    }
    this.nowMs = Math.max(this.nowMs, event.dueMs);
    if (++this.steps > MAX_STEPS) throw new Error(`no end after ${MAX_STEPS} events`);
    if (event.run() !== false) drain();
    onStep();
    return true;
  }

  #push(event) {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #pop() {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

function isBefore(a, b) {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.tie < b.tie);
}

/**
 * Runs all promise jobs, ticks and reports of unhandled rejections to their end, as Node does between
 * two of its callbacks. Not documented, and a hundred times as fast as a turn of the loop.
 */
function drain() {
  process._tickCallback();
}

module.exports = { Scheduler };
