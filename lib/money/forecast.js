'use strict';

// What the next hours will probably cost (or use), from what past ones did: a mean for each hour of the
// week, renewed by exponential smoothing, or the flat mean of the last week, whichever was closer to
// the truth in a back-test with a rolling origin. The error of that back-test is stated with every
// forecast (COST-13); without enough history it is null, and the forecast is flat. Pure.

const { checkNumber, checkOptions, invalid } = require('../options');
const { HOUR_MS } = require('./prices');
const { Sum } = require('./sum');
const { WEEKDAYS, checkTimeZone, localTime } = require('./zone');

const DAY = 24;
const WEEK = 7 * DAY;
const MIN_TRAINING = 2 * WEEK;
const MAX_HOURS = 53 * WEEK;
const KEYS = ['nowMs', 'horizonHours', 'timeZone', 'smoothing'];

/** The mean of each hour of the week, the newer the weightier. */
class Seasonal {
  #means = new Array(WEEK).fill(null);
  #smoothing;

  constructor(smoothing) {
    this.#smoothing = smoothing;
  }

  learn(slot, value) {
    const mean = this.#means[slot];
    this.#means[slot] = mean === null ? value : mean + this.#smoothing * (value - mean);
  }

  /** @returns {number|null} null: this hour of the week has not been seen */
  at(slot) {
    return this.#means[slot];
  }
}

/** The mean of the last week. */
class Flat {
  #last = [];
  #sum = new Sum();

  learn(_, value) {
    this.#last.push(value);
    this.#sum.add(value);
    if (this.#last.length > WEEK) this.#sum.add(-this.#last.shift());
  }

  at() {
    return this.#last.length === 0 ? 0 : this.#sum.value / this.#last.length;
  }
}

/**
 * @param {{ startMs: number, value: number }[]} history hour by hour, ascending; an hour that is not in
 *   it was 0
 * @param {{ nowMs: number, horizonHours?: number, timeZone?: string, smoothing?: number }} options the
 *   hour of `nowMs` is not over and does not count; 168 hours ahead, at most 8,904; in whose clocks an
 *   hour of the week is meant (UTC); 0.3
 * @returns {{ method: 'seasonal'|'flat', hours: { startMs: number, value: number }[], total: number,
 *   error: null|{ mase: number|null, mape: number|null, mae: number, origins: number, samples: number } }}
 *   mase: mean absolute error relative to repeating the week before (null: that had none); mape: mean
 *   of |error| / actual over hours that were not 0; both of 24 hours ahead, from each midnight on, UTC,
 *   that had two weeks before it
 */
function forecast(history, options) {
  const {
    nowMs,
    horizonHours = WEEK,
    timeZone = 'UTC',
    smoothing = 0.3,
  } = checkOptions(options, KEYS, 'forecast');
  checkNumber(nowMs, 'nowMs');
  checkNumber(horizonHours, 'horizonHours', { min: 1, max: MAX_HOURS, integer: true });
  checkNumber(smoothing, 'smoothing', { min: 0, max: 1 });
  checkTimeZone(timeZone, 'timeZone');
  const end = Math.floor(nowMs / HOUR_MS);
  const { first, values } = fill(history, end);
  const slotOf = (index) => slotAt(timeZone, index * HOUR_MS);
  const slots = values.map((_, i) => slotOf(first + i));

  const { models, tests } = backTest(first, values, slots, smoothing);
  const isSeasonal = tests.samples > 0 && tests.seasonal.value < tests.flat.value;
  const value = (slot) => {
    const seen = isSeasonal ? models.seasonal.at(slot) : null;
    return Math.max(0, seen ?? models.flat.at());
  };
  const hours = Array.from({ length: horizonHours }, (_, i) => ({
    startMs: (end + i) * HOUR_MS,
    value: value(slotOf(end + i)),
  }));
  const total = hours.reduce((sum, hour) => sum.add(hour.value), new Sum()).value;
  const method = isSeasonal ? 'seasonal' : 'flat';
  return { method, hours, total, error: errorOf(tests, method) };
}

function slotAt(timeZone, epochMs) {
  const { weekday, minute } = localTime(timeZone, epochMs);
  return WEEKDAYS.indexOf(weekday) * DAY + Math.floor(minute / 60);
}

// Every hour from the first that is known to the last that is over.
function fill(history, end) {
  if (!Array.isArray(history)) throw invalid('history must be an array of { startMs, value }');
  const known = history.filter(({ startMs }) => startMs / HOUR_MS < end);
  if (known.length === 0) return { first: end, values: [] };
  const first = Math.max(Math.floor(known[0].startMs / HOUR_MS), end - MAX_HOURS);
  const values = new Array(end - first).fill(0);
  for (const { startMs, value } of known) {
    const index = Math.floor(startMs / HOUR_MS) - first;
    if (index >= 0) values[index] += checkNumber(value, 'value');
  }
  return { first, values };
}

// One pass: at each origin both models know exactly what was known then.
function backTest(first, values, slots, smoothing) {
  const models = { seasonal: new Seasonal(smoothing), flat: new Flat() };
  const tests = { origins: 0, samples: 0, shares: { seasonal: new Sum(), flat: new Sum() } };
  for (const name of ['seasonal', 'flat', 'naive']) tests[name] = new Sum();
  tests.nonZero = 0;
  values.forEach((_, i) => {
    const isOrigin = (first + i) % DAY === 0 && i >= MIN_TRAINING && i + DAY <= values.length;
    if (isOrigin) {
      tests.origins++;
      for (let j = i; j < i + DAY; j++) tryOut(models, tests, values, slots, j);
    }
    for (const model of Object.values(models)) model.learn(slots[i], values[i]);
  });
  return { models, tests };
}

function tryOut(models, tests, values, slots, j) {
  const actual = values[j];
  tests.samples++;
  tests.naive.add(Math.abs(actual - values[j - WEEK]));
  if (actual !== 0) tests.nonZero++;
  for (const [name, model] of Object.entries(models)) {
    const miss = Math.abs(actual - (model.at(slots[j]) ?? models.flat.at()));
    tests[name].add(miss);
    if (actual !== 0) tests.shares[name].add(miss / Math.abs(actual));
  }
}

function errorOf(tests, method) {
  const { origins, samples, nonZero, naive, shares } = tests;
  if (samples === 0) return null;
  const missed = tests[method].value;
  return {
    mase: naive.value > 0 ? missed / naive.value : null,
    mape: nonZero > 0 ? shares[method].value / nonZero : null,
    mae: missed / samples,
    origins,
    samples,
  };
}

module.exports = { forecast };
