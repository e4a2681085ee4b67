'use strict';

// lib/money/report.js: the weekly review, from a meter that really ran.

const { Budget, resolveBudget } = require('../../../lib/money/budget');
const { Meter } = require('../../../lib/money/meter');
const { resolvePrice } = require('../../../lib/money/prices');
const { reviewText, weeklyReview } = require('../../../lib/money/report');
const { fakeClock } = require('./fake-clock');

const HOUR = 3_600_000;

/** Three weeks in which one sandbox is leased for eight hours a day and idles for two. */
function threeWeeks(price = 's3') {
  const clock = fakeClock('2026-11-01T00:00:00Z');
  const meter = new Meter(resolvePrice(price), clock);
  for (let day = 0; day < 21; day++) {
    meter.open(`s${day}`, {
      owner: 'ann',
      tags: { agent: 'momentum' },
      leased: true,
      createMs: 1000,
    });
    meter.calls(`s${day}`, 10);
    clock.advance(8 * HOUR);
    meter.assign(`s${day}`, { owner: null, leased: false });
    clock.advance(2 * HOUR);
    meter.close(`s${day}`);
    clock.advance(14 * HOUR);
  }
  return { clock, meter };
}

function review({ clock, meter }, more = {}) {
  const from = { history: meter.history(), snapshot: meter.snapshot(), nowMs: clock.now() };
  return weeklyReview({ ...from, ...more });
}

test('the week, the week before, days, and who', () => {
  const result = review(threeWeeks());
  expect(result).toMatchObject({
    from: '2026-11-15T00:00:00.000Z',
    to: '2026-11-22T00:00:00.000Z',
    profile: 's3',
    creations: 7,
    calls: 70,
    sandboxHours: 70,
    budget: null,
  });
  expect(result.total).toBeCloseTo(7 * (1 + 0.0013 + 0.01), 12);
  expect(result.previous).toBeCloseTo(result.total, 12);
  expect(result.change).toBeCloseTo(0, 12);
  expect(result.efficiency).toBeCloseTo(0.8, 12);
  expect(result.byDay.map(({ day }) => day.slice(8))).toEqual([
    '15',
    '16',
    '17',
    '18',
    '19',
    '20',
    '21',
  ]);
  expect(result.byDay.reduce((sum, { cost }) => sum + cost, 0)).toBeCloseTo(result.total, 12);
  expect(result.byOwner.map(({ name }) => name)).toEqual(['ann', '(none)']);
});

test('the next week is forecast with the error that such forecasts had', () => {
  const { nextWeek, total } = review(threeWeeks());
  expect(nextWeek.method).toBe('seasonal');
  expect(nextWeek.total).toBeCloseTo(total, 9);
  expect(nextWeek.error).toMatchObject({ origins: 7, mae: expect.any(Number) });
  expect(nextWeek.error.mape).toBeCloseTo(0, 9);
});

test('what deserves a look is said, with its number', async () => {
  const run = threeWeeks('e2b-published');
  const { clock, meter } = run;
  meter.open('idle', { createMs: 1000 });
  clock.advance(100 * HOUR);
  meter.pooled('idle', 5);
  clock.set('2027-01-20T00:00:00Z');
  let note = null;
  const budget = new Budget(resolveBudget(1), {
    clock,
    read: async () => note,
    write: async (version, value) => (note = { value, version: version + 1 }).version,
  });
  await budget.reserve('a', 0.9);
  const { findings } = review(run, {
    budget: budget.snapshot(),
    nowMs: Date.parse('2026-11-26T04:00Z'),
  });
  expect(findings.join('\n')).toMatch(/leased in \d+ % of the time/);
  expect(findings.join('\n')).toMatch(/warm pool has cost \$\d+/);
  expect(findings.join('\n')).toMatch(/% more than the one before/);
  expect(findings.join('\n')).toMatch(/Today \$0\.9000 of a budget of \$1\.00 is used/);
  const late = review(run, { nowMs: Date.parse('2027-03-01T00:00:00Z') });
  expect(late.findings).toEqual([expect.stringMatching(/warm pool/)]); // that is since the start
  const old = review(run, {
    snapshot: { ...meter.snapshot(), priceChecked: '2026-01-01' },
    nowMs: Date.parse('2026-11-26T04:00Z'),
  });
  expect(old.findings.join('\n')).toMatch(/looked up on 2026-01-01: look again/);
});

test('a fleet that never ran has a review', () => {
  const clock = fakeClock();
  const result = review({ clock, meter: new Meter(resolvePrice(), clock) });
  expect(result).toMatchObject({
    total: 0,
    previous: null,
    change: null,
    efficiency: null,
    findings: [],
  });
  expect(reviewText(result)).toContain('no week before to compare with');
});

test('the text has the numbers, and lines that fit a terminal', () => {
  const result = review(threeWeeks());
  const text = reviewText(result);
  expect(text).toMatch(/^Costs from 2026-11-15 to 2026-11-22: \$7\.08\n\$7\.08 the week before \(/);
  expect(text).toContain('80 % of it leased; 7 creations, 70 calls');
  expect(text).toMatch(/ann +\$17\.04/);
  expect(text).toMatch(/agent=momentum/);
  expect(text).toContain('net of waiting                 -$4.20');
  expect(text).toContain('back-tested on 7 days: off by 0 % on average');
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect(text.endsWith('\n')).toBe(true);
});
