'use strict';

// lib/money/forecast.js: what the next hours will cost, and how far off such forecasts were.

const { forecast } = require('../../../lib/money/forecast');

const HOUR = 3_600_000;
const WEEK = 168;
const START = Date.parse('2026-09-07T00:00:00Z'); // a Monday

const series = (hours, value) =>
  Array.from({ length: hours }, (_, i) => ({ startMs: START + i * HOUR, value: value(i) }));
const at = (hours) => START + hours * HOUR;
/** Ten in market hours on workdays, one else. */
const market = (i) => (i % WEEK < 120 && i % 24 >= 9 && i % 24 < 16 ? 10 : 1);

/** A random sequence that is always the same. */
function dice(seed) {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

test('a week that repeats itself is forecast exactly', () => {
  const { method, hours, total, error } = forecast(series(6 * WEEK, market), {
    nowMs: at(6 * WEEK),
  });
  expect(method).toBe('seasonal');
  expect(hours).toHaveLength(WEEK);
  expect(hours[0].startMs).toBe(at(6 * WEEK));
  hours.forEach(({ value }, i) => expect(value).toBeCloseTo(market(i), 12));
  expect(total).toBeCloseTo(5 * 7 * 10 + (WEEK - 35), 9);
  expect(error).toMatchObject({ mase: null, mape: 0, mae: 0, origins: 28, samples: 28 * 24 });
});

test('noise without a season is forecast flat, better than last week repeated', () => {
  const random = dice(7);
  const { method, hours, error } = forecast(series(8 * WEEK, random), { nowMs: at(8 * WEEK) });
  expect(method).toBe('flat');
  expect(new Set(hours.map(({ value }) => value)).size).toBe(1);
  expect(hours[0].value).toBeGreaterThan(0.4);
  expect(hours[0].value).toBeLessThan(0.6);
  expect(error.mase).toBeLessThan(1);
});

test('a season under noise is found, and the error is that of the noise', () => {
  const random = dice(11);
  const noisy = series(10 * WEEK, (i) => market(i) * (0.9 + 0.2 * random()));
  const { method, error } = forecast(noisy, { nowMs: at(10 * WEEK) });
  expect(method).toBe('seasonal');
  expect(error.mape).toBeLessThan(0.08);
  expect(error.mase).toBeLessThan(0.95);
});

test('a level that changes is followed', () => {
  const grown = series(10 * WEEK, (i) => market(i) * (i < 5 * WEEK ? 1 : 3));
  const { hours } = forecast(grown, { nowMs: at(10 * WEEK) });
  expect(hours[10].value).toBeGreaterThan(26);
  expect(hours[10].value).toBeLessThanOrEqual(30);
});

test('the stated error is that of forecasts which knew only what was before them', () => {
  const random = dice(3);
  const all = series(4 * WEEK, (i) => market(i) + random());
  const { method, error } = forecast(all, { nowMs: at(4 * WEEK) });
  let missed = 0;
  let naive = 0;
  let shares = 0;
  let samples = 0;
  for (let origin = 2 * WEEK; origin + 24 <= 4 * WEEK; origin += 24) {
    // A long history of the same method: the choice itself is not what is tested here.
    const means = new Array(WEEK).fill(null);
    for (let i = 0; i < origin; i++) {
      const old = means[i % WEEK];
      means[i % WEEK] = old === null ? all[i].value : 0.7 * old + 0.3 * all[i].value;
    }
    for (let i = origin; i < origin + 24; i++) {
      const miss = Math.abs(all[i].value - means[i % WEEK]);
      missed += miss;
      shares += miss / all[i].value;
      naive += Math.abs(all[i].value - all[i - WEEK].value);
      samples++;
    }
  }
  expect(method).toBe('seasonal');
  expect(error.samples).toBe(samples);
  expect(error.mase).toBeCloseTo(missed / naive, 10);
  expect(error.mape).toBeCloseTo(shares / samples, 10);
});

test('what comes after an origin changes nothing of its forecast', () => {
  const short = series(3 * WEEK, market);
  const long = [...short, ...series(4 * WEEK, () => 1000).slice(3 * WEEK)];
  const of = (history) => forecast(history, { nowMs: at(3 * WEEK) });
  expect(of(long)).toEqual(of(short));
});

test('less than two weeks: flat, and no error is claimed', () => {
  const { method, hours, error } = forecast(
    series(100, () => 4),
    { nowMs: at(100), horizonHours: 24 },
  );
  expect([method, error]).toEqual(['flat', null]);
  expect(hours.map(({ value }) => value)).toEqual(Array(24).fill(4));
});

test('nothing known: nothing is forecast', () => {
  expect(forecast([], { nowMs: at(5), horizonHours: 3 })).toMatchObject({ total: 0, error: null });
});

test('an hour that is missing was 0, and the one that is not over does not count', () => {
  const history = [
    { startMs: at(0), value: 8 },
    { startMs: at(3), value: 4 },
    { startMs: at(4), value: 1000 },
  ];
  const { hours } = forecast(history, { nowMs: at(4) + 1, horizonHours: 1 });
  expect(hours).toEqual([{ startMs: at(4), value: 3 }]);
});

test('hours of the week are those of the place: the season holds over a change of clocks', () => {
  // 14:30 UTC until 2026-11-01, 15:30 after: always the same hour in New York
  const hourThere = (ms) =>
    Number(
      new Intl.DateTimeFormat('en-US', {
        timeZone: 'America/New_York',
        hour: 'numeric',
        hourCycle: 'h23',
      }).format(ms),
    );
  const history = series(10 * WEEK, (i) => (hourThere(at(i)) === 10 ? 5 : 0));
  const options = { nowMs: at(10 * WEEK), horizonHours: 24 };
  const there = forecast(history, { ...options, timeZone: 'America/New_York' });
  expect(
    there.hours.filter(({ value }) => value > 4.99).map(({ startMs }) => hourThere(startMs)),
  ).toEqual([10]);
  expect(there.error.mae).toBe(0);
  expect(forecast(history, options).error.mae).toBeGreaterThan(0);
});

test.each([
  [{}, /nowMs/],
  [{ nowMs: 1, horizonHours: 0 }, /horizonHours/],
  [{ nowMs: 1, smoothing: 2 }, /smoothing/],
  [{ nowMs: 1, timeZone: 'X' }, /timeZone/],
])('%j is refused', (options, message) => {
  expect(() => forecast([], options)).toThrow(message);
});
