'use strict';

// What an agent prints, read as it comes: JSON objects, one a line. Signals and the summary are taken
// out; any other line is the agent's own business. Bounded in the length of a line and in number.

const MAX_LINE_CHARS = 64 * 1024;
const MAX_SIGNALS = 100_000; // kept for the result; callbacks get all of them

class AgentLines {
  #partial = '';
  #skipping = false;
  #onSignal;
  #onFirstLine;

  /** @type {object[]} the first 100,000 */
  signals = [];
  /** @type {object|null} the last one that was seen */
  summary = null;

  /**
   * @param {((signal: object) => unknown)|null} onSignal may return a promise that holds back more
   * @param {() => void} onFirstLine
   */
  constructor(onSignal, onFirstLine) {
    this.#onSignal = onSignal;
    this.#onFirstLine = onFirstLine;
  }

  /**
   * @param {string} text as it arrives, cut anywhere
   * @returns {Promise|undefined} what the callback asks to wait for
   */
  push(text) {
    const waits = [];
    let from = 0;
    for (;;) {
      const end = text.indexOf('\n', from);
      if (end < 0) break;
      const line = this.#partial + text.slice(from, end);
      this.#partial = '';
      from = end + 1;
      if (this.#skipping) this.#skipping = false;
      else this.#take(line, waits);
    }
    this.#partial += from === 0 ? text : text.slice(from);
    if (this.#partial.length > MAX_LINE_CHARS) {
      this.#partial = '';
      this.#skipping = true;
    }
    return waits.length > 0 ? Promise.all(waits) : undefined;
  }

  #take(line, waits) {
    if (line.trim() === '') return;
    this.#onFirstLine();
    const entry = parse(line);
    if (entry?.type === 'signal') {
      if (this.signals.length < MAX_SIGNALS) this.signals.push(entry);
      const answer = this.#onSignal?.(entry);
      if (typeof answer?.then === 'function') waits.push(answer);
    } else if (entry?.type === 'summary') {
      this.summary = entry;
    }
  }
}

function parse(line) {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

module.exports = { AgentLines };
