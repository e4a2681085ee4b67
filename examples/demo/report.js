'use strict';

// What the demo shows to people: steps, lines, tables, and on a terminal a line of progress that is
// written over. Piped, it is plain lines. Knows nothing of sandboxes.

/** Faster than this nobody reads. */
const PROGRESS_EVERY_MS = 40;

class Report {
  #stream;
  #terminal;
  #progress = false;
  #step = 0;
  #shownAt = -Infinity;

  /** @param {NodeJS.WriteStream} stream */
  constructor(stream) {
    this.#stream = stream;
    this.#terminal = Boolean(stream.isTTY);
    // Nobody reads any more (a pipe into head): the demo still ends what it began.
    stream.on('error', () => {});
  }

  /** A new chapter. */
  step(title) {
    const heading = `${++this.#step}. ${title}`;
    const bold = this.#terminal && !process.env.NO_COLOR;
    this.#write(`\n${bold ? `\x1b[1m${heading}\x1b[0m` : heading}\n`);
  }

  line(text) {
    this.#write(`   ${text}\n`);
  }

  /** What is going on at this moment; only a terminal shows it. */
  progress(text) {
    if (!this.#terminal) return;
    const now = performance.now();
    if (now - this.#shownAt < PROGRESS_EVERY_MS) return;
    this.#shownAt = now;
    const width = this.#stream.columns || 80;
    this.#stream.write(`\r\x1b[2K${`   ${text}`.slice(0, width - 1)}`);
    this.#progress = true;
  }

  /** @param {Record<string, unknown>[]} rows all with the same keys */
  table(rows) {
    if (rows.length === 0) return;
    const heads = Object.keys(rows[0]);
    const cells = [heads, ...rows.map((row) => heads.map((head) => String(row[head] ?? '-')))];
    const widths = heads.map((_, at) => Math.max(...cells.map((row) => row[at].length)));
    for (const row of cells) {
      this.line(
        row
          .map((cell, at) => cell.padEnd(widths[at]))
          .join('  ')
          .trimEnd(),
      );
    }
  }

  /** The agents' numbers beside the ones they have to be. */
  results(momentum, expected) {
    this.step('Momentum, 20 bars, threshold 0.02');
    const rows = Object.entries(momentum).map(([symbol, { total, sharpe }]) => ({
      symbol,
      total: total.toFixed(12),
      'has to be': expected[symbol].total.toFixed(12),
      sharpe: sharpe.toFixed(12),
      'has to be ': expected[symbol].sharpe.toFixed(12),
    }));
    this.table(rows);
  }

  events(counts) {
    this.step('Events');
    this.table(Object.entries(counts).map(([event, count]) => ({ event, count })));
  }

  left({ sandboxes, processes }, seconds) {
    this.step('Left behind');
    this.line(`${sandboxes} sandboxes, ${processes} processes, after ${seconds.toFixed(1)} s`);
  }

  #write(text) {
    if (this.#progress) this.#stream.write('\r\x1b[2K');
    this.#progress = false;
    this.#stream.write(text);
  }
}

module.exports = { Report };
