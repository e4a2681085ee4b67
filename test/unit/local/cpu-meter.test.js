// Percentages from processor ticks.
'use strict';

const { CpuMeter } = require('../../../lib/local/cpu-meter');

const entry = (pid, cpuTicks, startTicks = 1) => ({ pid, cpuTicks, startTicks });

test('a processor that is busy all the time is its share of all', () => {
  const meter = new CpuMeter();
  meter.read([entry(1, 0)], 2, 1_000_000_000_000);
  expect(meter.read([entry(1, 100)], 2, 1_000_000_001_000)).toBe(50);
});

test('processes that come count, those that go take nothing away', () => {
  const meter = new CpuMeter();
  meter.read([entry(1, 5000), entry(2, 10)], 1, 1_000_000_000_000);
  expect(meter.read([entry(2, 20), entry(3, 30)], 1, 1_000_000_001_000)).toBe(40);
});

test('a number that is used again is another process', () => {
  const meter = new CpuMeter();
  meter.read([entry(1, 5000)], 1, 1_000_000_000_000);
  expect(meter.read([entry(1, 10, 99)], 1, 1_000_000_001_000)).toBe(10);
});

test('more than everything is everything', () => {
  const meter = new CpuMeter();
  expect(meter.read([entry(1, 1e9)], 1, Date.now() + 10)).toBe(100);
});
