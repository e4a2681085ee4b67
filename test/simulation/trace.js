'use strict';

// What happened in a run, in order: lines for people, and one number over all of them, by which two
// runs are compared. Keeps everything of one run; a run is short.

class Trace {
  #lines = [];
  #scheduler;

  constructor(scheduler) {
    this.#scheduler = scheduler;
  }

  /** @param {string} who a process, 'provider', 'world' @param {string} what */
  add(who, what) {
    this.#lines.push(`${(this.#scheduler.nowMs / 1000).toFixed(3)} ${who} ${what}`);
  }

  get length() {
    return this.#lines.length;
  }

  /** The last lines that mention one of the words; all of them without words. */
  last(count, words = []) {
    const wanted =
      words.length === 0
        ? this.#lines
        : this.#lines.filter((line) => words.some((word) => line.includes(word)));
    return wanted.slice(-count);
  }

  /** FNV-1a over everything. */
  hash() {
    let hash = 0x811c9dc5;
    for (const line of this.#lines) {
      for (let i = 0; i < line.length; i++) {
        hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
      }
    }
    return (hash >>> 0).toString(16).padStart(8, '0');
  }
}

module.exports = { Trace };
