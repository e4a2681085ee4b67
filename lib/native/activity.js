'use strict';

// What this process has done in each sandbox: how often, when last, and the last lines of output that
// came through here. The far end keeps none of this. Bounded in sandboxes, lines and bytes, forgets
// the sandbox that was not used for longest, and must never grow with what a program prints.

const MAX_SANDBOXES = 1_000;
const MAX_LINES = 100;
const MAX_LINE_CHARS = 4_096;
const MAX_CHUNK_BYTES = 64 * 1024; // the end of a chunk that is looked at; 100 lines and more
const FEW_LINES = 10; // of a chunk: so few must not keep all of it
const NEAR_CHARS = 16 * 1024; // and the part of that which is looked at first

class Activity {
  executions = 0;
  #lastAt = null;
  #lines = [];
  #partial = ['', ''];

  /** @returns {string|null} ISO time of the last use */
  get lastActivity() {
    return this.#lastAt === null ? null : new Date(this.#lastAt).toISOString();
  }

  /** @returns {string[]} the last 100 lines, oldest first; one that is not finished is the last */
  get logs() {
    const open = this.#partial.filter((text) => text !== '');
    return [...this.#lines, ...open].slice(-MAX_LINES);
  }

  touch() {
    this.#lastAt = Date.now();
  }

  /**
   * @param {0|1} stream stdout or stderr
   * @param {string|Buffer} chunk
   */
  add(stream, chunk) {
    const text =
      typeof chunk === 'string'
        ? chunk.slice(-MAX_CHUNK_BYTES)
        : chunk.subarray(-MAX_CHUNK_BYTES).toString();
    let ends = newlinesOf(text, Math.max(0, text.length - NEAR_CHARS));
    if (ends.length <= MAX_LINES && text.length > NEAR_CHARS) ends = newlinesOf(text, 0);
    if (ends.length === 0) {
      this.#partial[stream] = copyOf((this.#partial[stream] + text).slice(0, MAX_LINE_CHARS));
      return;
    }
    for (let i = Math.max(0, ends.length - MAX_LINES); i < ends.length; i += 1) {
      const head = i === 0 ? this.#partial[stream] : '';
      const from = i === 0 ? 0 : ends[i - 1] + 1;
      const line = (head + text.slice(from, ends[i])).slice(0, MAX_LINE_CHARS);
      this.#lines.push(ends.length > FEW_LINES ? line : copyOf(line));
    }
    // Not each time: the rest would have to be moved for every line.
    if (this.#lines.length > 2 * MAX_LINES) this.#lines.splice(0, this.#lines.length - MAX_LINES);
    const last = ends.at(-1);
    this.#partial[stream] = copyOf(text.slice(last + 1, last + 1 + MAX_LINE_CHARS));
  }

  /** A program has ended: what it left without a newline is a line. */
  closeLines() {
    for (const stream of [0, 1]) if (this.#partial[stream] !== '') this.add(stream, '\n');
  }
}

// V8 keeps all of a text for a piece of it; of one that is put together anew only that.
const copyOf = (text) => ` ${text}`.slice(1);

// Forwards, because V8 is twenty times slower backwards.
function newlinesOf(text, from) {
  const found = [];
  for (let at = text.indexOf('\n', from); at >= 0; at = text.indexOf('\n', at + 1)) found.push(at);
  return found;
}

const NOTHING = Object.freeze({ executions: 0, lastActivity: null, logs: Object.freeze([]) });
const sandboxes = new Map();

/** @returns {Activity} of a sandbox; made when it is new, and now the youngest */
function activityOf(sandboxId) {
  const known = sandboxes.get(sandboxId);
  if (known) sandboxes.delete(sandboxId);
  else if (sandboxes.size >= MAX_SANDBOXES) sandboxes.delete(sandboxes.keys().next().value);
  const activity = known ?? new Activity();
  sandboxes.set(sandboxId, activity);
  return activity;
}

/** @returns {{ executions: number, lastActivity: string|null, logs: readonly string[] }} */
function seenOf(sandboxId) {
  return sandboxes.get(sandboxId) ?? NOTHING;
}

/** Something was done there just now. */
function touch(sandboxId) {
  activityOf(sandboxId).touch();
}

/** It is terminated. */
function forget(sandboxId) {
  sandboxes.delete(sandboxId);
}

module.exports = { activityOf, forget, seenOf, touch };
