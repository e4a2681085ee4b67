'use strict';

// The momentum agent: the program that runs INSIDE a sandbox, uploaded as this one file.
// Usage: node momentum.js CONFIG.json. It must not require anything but Node's own modules (18 or
// later), must not use the network, and takes every path relative to its working directory.
//
// CONFIG: { agentType: 'momentum', symbols: ['SPX'], params: { ... }, data: { SPX: 'data/SPX.csv' } }
//   params.lookback   bars of the rate of change, default 20 (`period` is another name for it)
//   params.threshold  default 0.02: long above it, short below its negative, else flat
//   params.paceMs     wait between two bars that can give a signal, default 0
//   data              per symbol a file of daily bars, oldest first: CSV with a header that names
//                     `date` and `close`, or a JSON array of { date, close }
//
// On stdout, one JSON object a line, written as it comes to know it:
//   { type: 'signal', symbol, date, price, roc, signal }   signal is 'long', 'short' or 'flat'; the
//                     first that can be computed and every change after it
//   { type: 'summary', agentType, params, ignoredParams, symbols: { SPX: { bars, from, to, returns,
//     total, sharpe, sharpeReason, long, short, flat, signals, last } } }   the last line
// Exit codes: 0 done, 1 nobody reads the output, 2 bad configuration or data (reason on stderr).
//
// A signal uses closes up to and including its bar and earns from that close to the next: it never
// looks ahead. The position is the whole equity, without costs, stops or a size cap.

const { once } = require('node:events');
const fs = require('node:fs');

const AGENT_TYPE = 'momentum';
const TRADING_DAYS = 252;
const DEFAULTS = { lookback: 20, threshold: 0.02, paceMs: 0 };
const MAX_PACE_MS = 60_000;
const POSITION = { long: 1, short: -1, flat: 0 };

/** What the user has to mend: reported in one line, without a stack. */
class BadInput extends Error {}

function readText(file, what) {
  try {
    return fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw new BadInput(`cannot read ${what} "${file}": ${error.code ?? error.message}`);
  }
}

function parseJson(text, what) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadInput(`${what} is not JSON: ${error.message}`);
  }
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function readNumber(value, name, { min, max = Infinity, integer = false }) {
  const right = integer ? Number.isInteger(value) : Number.isFinite(value);
  if (right && value >= min && value <= max) return value;
  const kind = integer ? 'an integer' : 'a number';
  const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`;
  throw new BadInput(`params.${name} must be ${kind} ${range}, got ${JSON.stringify(value)}`);
}

function readParams(given = {}) {
  if (!isObject(given)) throw new BadInput('params must be an object');
  const { lookback, period, threshold, paceMs, ...others } = given;
  if (lookback != null && period != null && lookback !== period) {
    throw new BadInput(
      'params.lookback and params.period are two names of one parameter: give one',
    );
  }
  const bars = lookback ?? period ?? DEFAULTS.lookback;
  return {
    params: {
      lookback: readNumber(bars, lookback == null && period != null ? 'period' : 'lookback', {
        min: 1,
        integer: true,
      }),
      threshold: readNumber(threshold ?? DEFAULTS.threshold, 'threshold', { min: 0 }),
      paceMs: readNumber(paceMs ?? DEFAULTS.paceMs, 'paceMs', { min: 0, max: MAX_PACE_MS }),
    },
    ignoredParams: Object.keys(others),
  };
}

function readConfig(file) {
  if (!file) throw new BadInput('no configuration file given: node momentum.js CONFIG.json');
  const config = parseJson(readText(file, 'configuration'), `configuration "${file}"`);
  if (!isObject(config)) throw new BadInput('the configuration must be an object');
  const { agentType = AGENT_TYPE, symbols, data } = config;
  if (agentType !== AGENT_TYPE) {
    throw new BadInput(`this program is the ${AGENT_TYPE} agent, not ${JSON.stringify(agentType)}`);
  }
  if (!Array.isArray(symbols) || symbols.length === 0) {
    throw new BadInput('symbols must be an array of at least one symbol');
  }
  if (!symbols.every((symbol) => typeof symbol === 'string' && symbol !== '')) {
    throw new BadInput('every symbol must be a non-empty string');
  }
  if (new Set(symbols).size !== symbols.length) throw new BadInput('a symbol is given twice');
  if (data !== undefined && !isObject(data)) throw new BadInput('data must be an object');
  for (const symbol of symbols) {
    if (!Object.hasOwn(data ?? {}, symbol) || typeof data[symbol] !== 'string') {
      throw new BadInput(`symbol ${symbol} has no data: name its file in data`);
    }
  }
  return { symbols, data, ...readParams(config.params) };
}

function parseCsv(text, symbol) {
  const lines = text.split(/\r?\n/);
  const header = lines[0].split(',').map((name) => name.trim().toLowerCase());
  const [dateAt, closeAt] = ['date', 'close'].map((name) => header.indexOf(name));
  if (dateAt < 0 || closeAt < 0) {
    throw new BadInput(`the data of ${symbol} needs a header line with the columns date and close`);
  }
  const bars = [];
  lines.forEach((line, index) => {
    if (index === 0 || line.trim() === '') return;
    const cells = line.split(',');
    const close = (cells[closeAt] ?? '').trim();
    const where = `line ${index + 1}`;
    bars.push({ date: (cells[dateAt] ?? '').trim(), close: close && Number(close), where });
  });
  return bars;
}

function readBars(file, symbol, fewest) {
  const text = readText(file, `the data of ${symbol},`);
  const bars = /^\s*\[/.test(text)
    ? parseJson(text, `the data of ${symbol}`)
    : parseCsv(text, symbol);
  bars.forEach((bar, index) => {
    const where = bar?.where ?? `bar ${index + 1}`;
    if (!isObject(bar) || typeof bar.date !== 'string' || bar.date === '') {
      throw new BadInput(`the data of ${symbol} has no date at ${where}`);
    }
    if (!Number.isFinite(bar.close) || bar.close <= 0) {
      throw new BadInput(`the data of ${symbol} has no positive close at ${where} (${bar.date})`);
    }
  });
  if (bars.length < fewest) {
    throw new BadInput(`the data of ${symbol} has ${bars.length} bars, at least ${fewest} needed`);
  }
  return bars;
}

/** One symbol's run through its bars: what it decided and what that earned. */
class Track {
  #bars;
  #params;
  #signal = 'flat';
  #counts = { long: 0, short: 0, flat: 0 };
  #returns = [];
  #changes = 0;

  constructor(symbol, bars, params) {
    this.symbol = symbol;
    this.#bars = bars;
    this.#params = params;
  }

  get length() {
    return this.#bars.length;
  }

  /** Takes bar `t` (each once, in order) and returns the signal to report, or null. */
  take(t) {
    const { lookback } = this.#params;
    const { date, close } = this.#bars[t];
    if (t > 0) {
      const held = POSITION[this.#signal];
      this.#returns.push(held * (close / this.#bars[t - 1].close - 1));
    }
    if (t < lookback) {
      this.#counts.flat += 1;
      return null;
    }
    const roc = close / this.#bars[t - lookback].close - 1;
    const before = t === lookback ? null : this.#signal;
    this.#signal = this.#decide(roc);
    this.#counts[this.#signal] += 1;
    if (this.#signal === before) return null;
    this.#changes += 1;
    return { type: 'signal', symbol: this.symbol, date, price: close, roc, signal: this.#signal };
  }

  #decide(roc) {
    if (roc > this.#params.threshold) return 'long';
    return roc < -this.#params.threshold ? 'short' : 'flat';
  }

  summary() {
    return {
      bars: this.#bars.length,
      from: this.#bars[0].date,
      to: this.#bars.at(-1).date,
      returns: this.#returns.length,
      total: this.#returns.reduce((equity, r) => equity * (1 + r), 1) - 1,
      ...sharpeOf(this.#returns),
      ...this.#counts,
      signals: this.#changes,
      last: this.#signal,
    };
  }
}

/** Annualised Sharpe ratio at a risk-free rate of 0; null, with the reason, where there is none. */
function sharpeOf(returns) {
  if (returns.length < 2) return { sharpe: null, sharpeReason: 'fewer than two returns' };
  const mean = returns.reduce((sum, r) => sum + r, 0) / returns.length;
  const squares = returns.reduce((sum, r) => sum + (r - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (returns.length - 1));
  if (deviation === 0) return { sharpe: null, sharpeReason: 'the returns do not vary' };
  return { sharpe: (mean / deviation) * Math.sqrt(TRADING_DAYS), sharpeReason: null };
}

async function writeLine(value) {
  if (!process.stdout.write(`${JSON.stringify(value)}\n`)) await once(process.stdout, 'drain');
}

function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

async function main(configFile) {
  const { symbols, data, params, ignoredParams } = readConfig(configFile);
  // One return that a signal earned is the least that makes a run; hence two bars past the lookback.
  const fewest = params.lookback + 2;
  const tracks = symbols.map(
    (symbol) => new Track(symbol, readBars(data[symbol], symbol, fewest), params),
  );
  if (ignoredParams.length > 0) {
    process.stderr.write(`momentum: parameters without effect here: ${ignoredParams.join(', ')}\n`);
  }
  const longest = Math.max(...tracks.map((track) => track.length));
  for (let t = 0; t < longest; t += 1) {
    if (params.paceMs > 0 && t > params.lookback) await pause(params.paceMs);
    for (const track of tracks) {
      const signal = t < track.length ? track.take(t) : null;
      if (signal) await writeLine(signal);
    }
  }
  const results = Object.fromEntries(tracks.map((track) => [track.symbol, track.summary()]));
  await writeLine({
    type: 'summary',
    agentType: AGENT_TYPE,
    params,
    ignoredParams,
    symbols: results,
  });
}

process.stdout.on('error', () => process.exit(1));
main(process.argv[2]).catch((error) => {
  process.stderr.write(`momentum: ${error instanceof BadInput ? error.message : error.stack}\n`);
  process.exitCode = error instanceof BadInput ? 2 : 1;
});
