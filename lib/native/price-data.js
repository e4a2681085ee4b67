'use strict';

// The prices that an agent gets: one file per symbol, from what the user gave, else from the prices
// that come with the package. Reads files and asks the user's function; sends nothing.

const fs = require('node:fs/promises');

const { CancelledError } = require('../errors');
const { invalid, show } = require('../options');

/**
 * @param {string[]} symbols
 * @param {object|Function|null|undefined} source { SYMBOL: path | bytes | bars[] }, or a function
 *   from symbol to one of these, perhaps by a promise
 * @param {AbortSignal|null|undefined} signal ends the wait
 * @returns {Promise<Array<{ bytes: string|Buffer, fileName: string, sample: boolean }>>} per symbol
 * @throws {InvalidArgumentError} naming the symbol that has none
 */
async function priceData(symbols, source, signal) {
  if (source != null && typeof source !== 'function' && typeof source !== 'object') {
    throw invalid(`data must be an object of prices by symbol or a function, not ${show(source)}`);
  }
  const all = Promise.all(symbols.map((symbol, index) => dataOf(symbol, index, source)));
  return untilAborted(all, signal);
}

async function dataOf(symbol, index, source) {
  const given = await find(symbol, source);
  if (given != null) {
    const bytes = await bytesOfData(symbol, given);
    const isJson = Array.isArray(given) || (typeof given === 'string' && given.endsWith('.json'));
    const extension = isJson ? '.json' : '.csv';
    return { bytes, fileName: fileNameOf(symbol, index, extension), sample: false };
  }
  const { sampleFile, sampleSymbols } = require('../agents/sample-data');
  const file = sampleFile(symbol);
  if (file === null) {
    const packaged = sampleSymbols().join(', ');
    throw invalid(
      `no data for symbol ${show(symbol)}: give it in options.data, as { ${JSON.stringify(symbol)}: ` +
        `path | Buffer | bars }. Prices of ${packaged} come with the package`,
    );
  }
  const bytes = await fs.readFile(file);
  return { bytes, fileName: fileNameOf(symbol, index, '.csv'), sample: true };
}

function find(symbol, source) {
  if (typeof source === 'function') return source(symbol);
  return source != null && Object.hasOwn(source, symbol) ? source[symbol] : null;
}

async function bytesOfData(symbol, given) {
  if (typeof given === 'string') {
    try {
      return await fs.readFile(given);
    } catch (error) {
      throw invalid(`data of symbol ${show(symbol)}: ${error.message}`, { cause: error });
    }
  }
  if (given instanceof Uint8Array) {
    return Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  }
  if (Array.isArray(given) && given.length > 0) return JSON.stringify(given);
  throw invalid(
    `data of symbol ${show(symbol)} must be the path of a file, bytes, or an array of bars that is ` +
      `not empty`,
  );
}

// Symbols are free text ("BTC/USD"); a name of a file is not.
function fileNameOf(symbol, index, extension) {
  const plain = symbol.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 40);
  return `${plain === symbol ? plain : `${index}-${plain}`}${extension}`;
}

async function untilAborted(promise, signal) {
  if (signal == null) return promise;
  let onAbort;
  const aborted = new Promise((_, reject) => {
    onAbort = () =>
      reject(
        new CancelledError('cancelled before anything was sent', {
          cause: signal.reason,
        }),
      );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

module.exports = { priceData };
