// The daemon's own events of one sandbox: what was started, ended, written and removed; never what a
// command prints. Bounded, the oldest are forgotten. The control plane's two log routes read it.
'use strict';

const MAX_ENTRIES = 2_000;
const MAX_TEXT = 1_000;
const LEVELS = ['debug', 'info', 'warn', 'error'];

class SandboxLogs {
  #entries = [];

  /**
   * @param {'debug'|'info'|'warn'|'error'} level
   * @param {string} message
   * @param {Record<string, string|number>} [fields]  no secrets: they are shown as they are
   */
  add(level, message, fields = {}) {
    if (this.#entries.length >= MAX_ENTRIES) this.#entries.shift();
    const texts = Object.entries(fields).map(([name, value]) => {
      return [name, String(value).slice(0, MAX_TEXT)];
    });
    this.#entries.push({ atMs: Date.now(), level, message, fields: Object.fromEntries(texts) });
  }

  /**
   * @param {object} query
   * @param {number} [query.fromMs]  inclusive
   * @param {number} [query.toMs]  inclusive
   * @param {number} query.limit
   * @param {'forward'|'backward'} query.direction  forward: the oldest first
   * @param {string} [query.level]  the least
   * @param {string} [query.search]  a part of the message or of a field
   * @returns {{ timestamp: string, level: string, message: string, fields: object }[]}
   */
  read({ fromMs = 0, toMs = Infinity, limit, direction, level = 'debug', search = '' }) {
    const least = LEVELS.indexOf(level);
    const found = this.#entries.filter((entry) => {
      return (
        entry.atMs >= fromMs &&
        entry.atMs <= toMs &&
        LEVELS.indexOf(entry.level) >= least &&
        [entry.message, ...Object.values(entry.fields)].some((text) => text.includes(search))
      );
    });
    if (direction === 'backward') found.reverse();
    return found.slice(0, limit).map(({ atMs, ...entry }) => ({
      timestamp: new Date(atMs).toISOString(),
      ...entry,
    }));
  }
}

module.exports = { LEVELS, SandboxLogs };
