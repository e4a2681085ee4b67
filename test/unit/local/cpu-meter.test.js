// From processor time to a percentage.
'use strict';

const { CpuMeter } = require('../../../lib/local/cpu-meter');

test('half of one of two processors is a quarter', () => {
  const meter = new CpuMeter();
  const nowMs = Date.now();
  meter.read(0, 2, nowMs + 1000);
  expect(meter.read(500_000, 2, nowMs + 2000)).toBe(25);
  expect(meter.read(500_000, 2, nowMs + 3000)).toBe(0);
});

test('more than all of it is all of it', () => {
  const meter = new CpuMeter();
  expect(meter.read(9_000_000, 1, Date.now() + 1000)).toBe(100);
});

test('a sandbox that started anew counts from there', () => {
  const meter = new CpuMeter();
  const nowMs = Date.now();
  meter.read(5_000_000, 1, nowMs + 1000);
  expect(meter.read(100_000, 1, nowMs + 2000)).toBe(10);
});

test('the same moment has the same answer', () => {
  const meter = new CpuMeter();
  const nowMs = Date.now() + 1000;
  const first = meter.read(100_000, 1, nowMs);
  expect(meter.read(900_000, 1, nowMs)).toBe(first);
});
