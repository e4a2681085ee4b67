'use strict';

// Tests of lib/agents/sample-data: the packaged prices are there, whole and unchanged.

const fs = require('node:fs');

const { sampleBars, sampleFile, sampleSymbols } = require('../../../lib/agents/sample-data');

test('SPX has every daily bar with all its columns', () => {
  const bars = sampleBars('SPX');
  expect(bars).toHaveLength(5105);
  expect(bars[0]).toEqual({
    date: '2000-01-03',
    open: 1469.25,
    high: 1478,
    low: 1438.359985,
    close: 1455.219971,
    volume: 931800000,
  });
  expect(bars.at(-1)).toMatchObject({ date: '2020-04-17', close: 2874.560059 });
});

test('AAPL has all 1,280 closes', () => {
  const bars = sampleBars('AAPL');
  expect(bars).toHaveLength(1280);
  expect(bars[0]).toEqual({ date: '2007-04-24', close: 93.24 });
  expect(bars.at(-1)).toEqual({ date: '2012-05-01', close: 582.13 });
});

test.each(sampleSymbols())('the dates of %s ascend and every figure is a number', (symbol) => {
  let before = '';
  for (const { date, ...figures } of sampleBars(symbol)) {
    expect(date > before).toBe(true);
    expect(Object.values(figures).every(Number.isFinite)).toBe(true);
    before = date;
  }
});

test('buying and holding earns the golden totals', () => {
  const total = (symbol) => sampleBars(symbol).at(-1).close / sampleBars(symbol)[0].close - 1;
  expect(total('SPX')).toBeCloseTo(0.975344014159, 11);
  expect(total('AAPL')).toBeCloseTo(5.243350493351, 11);
});

test('bars are read once and cannot be changed', () => {
  expect(sampleBars('AAPL')).toBe(sampleBars('AAPL'));
  expect(Object.isFrozen(sampleBars('AAPL'))).toBe(true);
  expect(Object.isFrozen(sampleBars('AAPL')[0])).toBe(true);
});

test('the file of a symbol is the CSV itself', () => {
  expect(fs.readFileSync(sampleFile('AAPL'), 'utf8')).toMatch(/^date,close\n2007-04-24,93\.24\n/);
});

test.each(['MSFT', 'toString', ''])('no prices are invented for %p', (symbol) => {
  expect(sampleBars(symbol)).toBeNull();
  expect(sampleFile(symbol)).toBeNull();
});
