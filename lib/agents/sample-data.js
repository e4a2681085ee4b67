'use strict';

// The packaged daily prices, for demos and for a first run without a data source: real, but old and
// few, so whoever uses them marks the result (`sample: true`). Source and licence of the figures:
// examples/data/README.md. Read when first asked for; must not be read at load.

const fs = require('node:fs');
const path = require('node:path');

const FOLDER = path.join(__dirname, '..', '..', 'examples', 'data');
const FILES = { SPX: 'sp500.csv', AAPL: 'aapl.csv' };
const NUMBERS = ['open', 'high', 'low', 'close', 'volume'];

const cache = new Map();

/** @returns {string[]} the symbols with packaged prices */
function sampleSymbols() {
  return Object.keys(FILES);
}

/** @returns {string|null} the path of the CSV file of `symbol`, null when none is packaged */
function sampleFile(symbol) {
  return Object.hasOwn(FILES, symbol) ? path.join(FOLDER, FILES[symbol]) : null;
}

/**
 * The packaged bars of a symbol, oldest first, frozen; the same array every time.
 *
 * @param {string} symbol 'SPX' (2000 to 2020, all columns) or 'AAPL' (2007 to 2012, closes only)
 * @returns {ReadonlyArray<{ date: string, open?: number, high?: number, low?: number,
 *   close: number, volume?: number }>|null} null when no prices of `symbol` are packaged
 */
function sampleBars(symbol) {
  const file = sampleFile(symbol);
  if (file === null) return null;
  if (!cache.has(symbol)) cache.set(symbol, parseBars(fs.readFileSync(file, 'utf8')));
  return cache.get(symbol);
}

function parseBars(text) {
  const [header, ...rows] = text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
  const bars = rows.map((cells) => {
    const bar = { date: cells[header.indexOf('date')] };
    for (const name of NUMBERS) {
      const at = header.indexOf(name);
      if (at >= 0) bar[name] = Number(cells[at]);
    }
    return Object.freeze(bar);
  });
  return Object.freeze(bars);
}

module.exports = { sampleBars, sampleFile, sampleSymbols };
