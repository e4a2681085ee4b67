'use strict';

// lib/money/prices.js and sum.js: what things cost.

const prices = require('../../../lib/money/prices');
const { Sum, sumOf } = require('../../../lib/money/sum');

const { HOUR_MS, DAY_MS, resolvePrice, intervalCost, pieceCost, estimateCost } = prices;
const BASE = { vcpu: 2, gib: 0.5 };
const near = (value, expected) => expect(Math.abs(value - expected)).toBeLessThan(1e-12);

describe('profiles', () => {
  test('the default is the published one, with a date and a source', () => {
    const profile = resolvePrice();
    expect(profile).toMatchObject({ name: 'e2b-published', checked: '2026-06-16' });
    expect(profile.source).toMatch(/E2B/);
  });

  test('the published one: 2 vCPU and 0.5 GiB cost 0.1089 an hour, 8 and 4 cost 0.468', () => {
    const profile = resolvePrice('e2b-published');
    near(intervalCost(profile, { fromMs: 0, lengthMs: HOUR_MS, ...BASE }), 0.1089);
    near(intervalCost(profile, { fromMs: 0, lengthMs: HOUR_MS, vcpu: 8, gib: 4 }), 0.468);
  });

  test('the published one charges nothing by the piece', () => {
    const counts = { creations: 5, calls: 1000, executionMs: 1e6 };
    expect(pieceCost(resolvePrice(), 0, counts)).toBe(0);
  });

  test('profile A (s2): creation, hour, call and GB-day are exact to 1e-12', () => {
    const s2 = resolvePrice('s2');
    near(pieceCost(s2, 0, { creations: 7 }), 0.007);
    near(pieceCost(s2, 0, { calls: 12_345 }), 1.2345);
    near(intervalCost(s2, { fromMs: 0, lengthMs: 72 * HOUR_MS, ...BASE }), 3.6);
    const stored = { fromMs: 0, lengthMs: 3 * DAY_MS, ...BASE, storageGb: 2, paused: true };
    near(intervalCost(s2, stored), 0.06);
  });

  test('profile B (s3): creation, hour, call and second of execution are exact to 1e-12', () => {
    const s3 = resolvePrice('s3');
    near(pieceCost(s3, 0, { creations: 100 }), 0.13);
    near(pieceCost(s3, 0, { calls: 500 }), 0.5);
    near(pieceCost(s3, 0, { executionMs: 2900 }), 0.00029);
    near(intervalCost(s3, { fromMs: 0, lengthMs: 24 * HOUR_MS, ...BASE }), 2.4);
  });

  test('a creation of profile B is one call and three seconds of execution', () => {
    const s3 = resolvePrice('s3');
    near(pieceCost(s3, 0, { calls: 1, executionMs: 3000 }), pieceCost(s3, 0, { creations: 1 }));
  });
});

describe('an interval', () => {
  test('costs no compute while paused, also where storage does', () => {
    const paused = { fromMs: 0, lengthMs: DAY_MS, ...BASE, paused: true };
    for (const name of prices.PROFILES) expect(intervalCost(resolvePrice(name), paused)).toBe(0);
  });

  test('is split at the date of a change of price', () => {
    const profile = resolvePrice({
      rates: [
        { perSandboxHour: 0.05 },
        { from: '2026-12-01', perSandboxHour: 0.1 },
        { from: '2026-12-01T02:00:00Z', perSandboxHour: 1 },
      ],
    });
    const fromMs = Date.parse('2026-11-30T20:00:00Z');
    near(intervalCost(profile, { fromMs, lengthMs: 8 * HOUR_MS, ...BASE }), 0.2 + 0.2 + 2);
    near(intervalCost(profile, { fromMs, lengthMs: 4 * HOUR_MS, ...BASE }), 0.2);
  });

  test('of fractions of a millisecond far from 1970 is exact to 1e-12', () => {
    const profile = resolvePrice({ perSandboxHour: 100 });
    const cost = intervalCost(profile, { fromMs: 1.79e12, lengthMs: 1000.1234, ...BASE });
    near(cost, (100 * 1000.1234) / 3_600_000);
  });

  test('of no length costs nothing', () => {
    expect(intervalCost(resolvePrice(), { fromMs: 5, lengthMs: 0, ...BASE })).toBe(0);
  });
});

test('an estimate is the creation and the whole life, by size where it is known', () => {
  const hour = { nowMs: 0, lifeMs: HOUR_MS };
  near(estimateCost(resolvePrice('s3'), hour), 0.1013);
  near(estimateCost(resolvePrice('s3'), { ...hour, creation: false, calls: 10 }), 0.11);
  near(estimateCost(resolvePrice(), { ...hour, cpuCount: 8, memoryMb: 4096 }), 0.468);
  near(estimateCost(resolvePrice(), { ...hour, cpuCount: null, memoryMb: null }), 0.1089);
});

test('a million small amounts add up exactly', () => {
  const sum = new Sum();
  for (let i = 0; i < 1_000_000; i++) sum.add(0.0001);
  near(sum.value, 100);
  near(sumOf([1e9, 1e-7, -1e9]), 1e-7);
});

describe('a price of the user', () => {
  test('is one set of rates; what it does not name is free', () => {
    const profile = resolvePrice({
      name: 'ours',
      perVcpuSecond: 0.00001,
      size: { vcpu: 4, gib: 8 },
    });
    expect(profile).toMatchObject({ name: 'ours', size: { vcpu: 4, gib: 8 } });
    near(estimateCost(profile, { nowMs: 0, lifeMs: HOUR_MS }), 0.144);
  });

  test.each([
    ['s4', /price must be one of s2, s3, e2b-published.*did you mean/],
    [7, /price must be the name of a profile/],
    [
      { perSandboxHours: 1 },
      /unknown option 'perSandboxHours' of price; did you mean 'perSandboxHour'/,
    ],
    [{ perCall: -1 }, /price\.perCall must be a number from 0/],
    [{ perCall: NaN }, /price\.perCall/],
    [{ rates: [] }, /price\.rates must be an array of 1 to 1000/],
    [{ rates: [{}], perCall: 1 }, /both rates and perCall/],
    [{ rates: [{}, { perCall: 1 }] }, /price\.rates\[1\]\.from is missing/],
    [{ rates: [{}, { from: 'soon' }] }, /price\.rates\[1\]\.from must be an ISO date/],
    [{ rates: [{ from: '2026-02-01' }, { from: '2026-01-01' }] }, /must be later/],
    [{ checked: 'yesterday' }, /price\.checked must be an ISO date/],
    [{ size: { vcpu: -1 } }, /price\.size\.vcpu/],
  ])('%j is refused, with the field', (price, message) => {
    expect(() => resolvePrice(price)).toThrow(message);
  });
});
