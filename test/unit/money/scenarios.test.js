'use strict';

// The cost tables of the requirement documents against their own profiles, and docs/money.md, which
// says which of their rows are wrong.

const fs = require('node:fs');
const path = require('node:path');
const { MARKET_HOURS, resolveSchedule, sandboxHours } = require('../../../lib/money/schedule');
const { costOf, cents, REPRODUCED, FLEETS } = require('./scenarios');

const near = (value, expected) => expect(Math.abs(value - expected)).toBeLessThan(1e-12);
const DOC = fs.readFileSync(path.join(__dirname, '../../../docs/money.md'), 'utf8');
const DAYS = 30;
const WEEKDAYS = 22;
const WEEKEND = 8;

describe('reproduced', () => {
  test.each(REPRODUCED)('%s', (_, profile, usage, expected) => {
    near(costOf(profile, usage), expected);
  });

  test.each(FLEETS)('COST-04: $name', ({ usage, day, month, year }) => {
    const rounded = cents(costOf('s3', usage));
    expect(rounded).toBe(day);
    expect(cents(rounded * DAYS)).toBe(month);
    expect(cents(cents(rounded * DAYS) * 12)).toBe(year);
  });

  test('COST-05: a swarm of three for 8 h', () => {
    const day = cents(costOf('s3', { creations: 3, sandboxHours: 24, calls: 500 }));
    expect([day, cents(day * DAYS)]).toEqual([2.9, 87]);
  });

  test('COST-06: pooling, a hundred uses a day from a pool of ten', () => {
    const created = costOf('s3', { creations: 100 });
    const pooled = costOf('s3', { creations: 10, executionSeconds: 100 });
    near(created, 0.13);
    near(pooled, 0.023);
    expect(Math.round((1 - pooled / created) * 100)).toBe(82);
    const each = costOf('s3', { executionSeconds: 1 }) / costOf('s3', { creations: 1 });
    expect(Math.round((1 - each) * 100)).toBe(92);
    // POOL-05: a use spares 3,000 - 100 ms; the ten creations are earned back by
    const perUse = costOf('s3', { executionSeconds: 2.9 });
    expect(Math.round(costOf('s3', { creations: 10 }) / perUse)).toBe(45);
  });

  test('COST-07 and EXE-04: a thousand calls, 70 % of them from the cache', () => {
    const all = costOf('s3', { calls: 1000 });
    const cached = costOf('s3', { calls: 300, executionSeconds: 700 });
    near(all, 1);
    near(cached, 0.37);
    near(1 - cached / all, 0.63);
  });

  test('COST-09: what is left running', () => {
    near(costOf('s3', { sandboxHours: 5 * 12 * DAYS }), 180);
    near(costOf('s3', { sandboxHours: 24 }), 2.4);
    near(costOf('s3', { sandboxHours: 0.24 }), 0.024);
  });

  test('COST-08 in part: 720 for ten all month, 336 if every day has 8 market hours', () => {
    expect(cents(costOf('s3', { sandboxHours: 10 * 24 * DAYS }))).toBe(720);
    const day = 8 * 10 + 16 * 2;
    expect(cents(costOf('s3', { sandboxHours: day * DAYS }))).toBe(336);
    expect(Math.round((1 - 336 / 720) * 100)).toBe(53);
  });
});

describe('wrong in the documents, as docs/money.md says', () => {
  const listed = (id, theirs, ours) => {
    const rows = DOC.split('\n').filter((line) => line.startsWith(`| ${id}`));
    expect(rows.some((row) => row.includes(theirs) && row.includes(ours))).toBe(true);
  };

  test('COST-08: 323.20 counts a day of a weekend as 48 hours; it is 284.80, 60 %', () => {
    const workdays = (8 * 10 + 16 * 2) * WEEKDAYS;
    expect(cents(costOf('s3', { sandboxHours: workdays + 48 * 2 * WEEKEND }))).toBe(323.2);
    const ours = cents(costOf('s3', { sandboxHours: workdays + 24 * 2 * WEEKEND }));
    expect([ours, Math.round((1 - ours / 720) * 100)]).toEqual([284.8, 60]);
    expect(cents(costOf('s3', { sandboxHours: 24 * 2 * WEEKEND }))).toBe(38.4);
    listed('COST-08', '323.20', '284.80');
  });

  test('COST-07: 0.30 and 70 % leave out what looking up costs; it is 0.37, 63 %', () => {
    near(costOf('s3', { calls: 300 }), 0.3);
    listed('COST-07', '0.30', '0.37');
  });

  test('COST-06: pooling saves 3.21 a month by its own numbers, not 12.80', () => {
    expect(cents((0.13 - 0.023) * DAYS)).toBe(3.21);
    listed('COST-06', '12.80', '3.21');
  });

  test('COST-10: 781.20 to 172.40 takes 396.80 of another fleet off; 759.09 is left of it', () => {
    expect(cents(720 - 323.2)).toBe(396.8);
    expect(cents(781.2 - 3.21 - (1 - 0.37) * DAYS)).toBe(759.09);
    listed('COST-10', '172.40', '759.09');
  });

  test('C-23: the schedule 8/15/5/2 costs 496.50 a month, 402.50 with weekends at 2, not 320', () => {
    const market = resolveSchedule(MARKET_HOURS);
    const everyDay = resolveSchedule({
      ...MARKET_HOURS,
      windows: MARKET_HOURS.windows.map((window) => ({
        ...window,
        days: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
      })),
    });
    const day = [Date.parse('2026-11-20T05:00Z'), Date.parse('2026-11-21T05:00Z')];
    const hours = sandboxHours(everyDay, ...day);
    expect(cents(costOf('s3', { sandboxHours: hours * DAYS }))).toBe(496.5);
    // 22 trading days and 8 others: June 2026 in New York
    const june = [Date.parse('2026-06-01T04:00Z'), Date.parse('2026-07-01T04:00Z')];
    expect(cents(costOf('s3', { sandboxHours: sandboxHours(market, ...june) }))).toBe(402.5);
    listed('C-23', '320', '402.50');
  });
});

test('docs/money.md gives every number that is reproduced', () => {
  const numbers = [
    '0.535',
    '4.16',
    '3.15',
    '4.51',
    '26.04',
    '130.13',
    '2.90',
    '0.023',
    '0.37',
    '180',
  ];
  for (const number of numbers) expect(DOC).toContain(number);
  for (const { month, year } of FLEETS) {
    const format = { minimumFractionDigits: 2 };
    expect(DOC).toContain(month.toLocaleString('en-US', format));
    expect(DOC).toContain(year.toLocaleString('en-US', format));
  }
});
