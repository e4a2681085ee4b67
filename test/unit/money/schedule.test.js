'use strict';

// lib/money/schedule.js and zone.js: how many sandboxes a time of day asks for, in the clocks of a place.

const schedules = require('../../../lib/money/schedule');
const { dayOf, epochsOf, localTime } = require('../../../lib/money/zone');

const { MARKET_HOURS, resolveSchedule, targetAt, nextChange, sandboxHours } = schedules;
const at = (iso) => Date.parse(iso);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const STEP = 300_000;

describe('market hours in New York', () => {
  const market = resolveSchedule(MARKET_HOURS);

  test.each([
    ['2026-11-20T10:59:59Z', 2], // 05:59:59, Friday, winter
    ['2026-11-20T11:00:00Z', 8],
    ['2026-11-20T14:29:59Z', 8],
    ['2026-11-20T14:30:00Z', 15],
    ['2026-11-20T20:59:59Z', 15],
    ['2026-11-20T21:00:00Z', 5],
    ['2026-11-21T00:59:59Z', 5],
    ['2026-11-21T01:00:00Z', 2],
    ['2026-11-21T15:00:00Z', 2], // Saturday
    ['2026-07-20T13:30:00Z', 15], // summer: the same 09:30 is an hour earlier in UTC
    ['2026-07-20T13:29:59Z', 8],
  ])('at %s: %i', (iso, target) => {
    expect(targetAt(market, at(iso))).toBe(target);
  });

  test('a trading day is 165.5 sandbox-hours', () => {
    expect(sandboxHours(market, at('2026-11-20T05:00Z'), at('2026-11-21T05:00Z'))).toBe(165.5);
  });

  test('the days on which clocks are set have 23 and 25 hours', () => {
    const spring = sandboxHours(market, at('2026-03-08T05:00Z'), at('2026-03-09T04:00Z'));
    const autumn = sandboxHours(market, at('2026-11-01T04:00Z'), at('2026-11-02T05:00Z'));
    expect([spring, autumn]).toEqual([46, 50]);
  });

  test('the week over a change of clocks opens at 09:30 on both sides of it', () => {
    expect(nextChange(market, at('2026-10-30T12:00Z'))).toEqual({
      atMs: at('2026-10-30T13:30Z'),
      target: 15,
    });
    expect(nextChange(market, at('2026-11-02T12:00Z'))).toEqual({
      atMs: at('2026-11-02T14:30Z'),
      target: 15,
    });
  });

  test('over a weekend the next change is Monday 06:00', () => {
    expect(nextChange(market, at('2026-11-21T12:00Z'))).toEqual({
      atMs: at('2026-11-23T11:00Z'),
      target: 8,
    });
  });
});

describe('windows', () => {
  test('over midnight belong to the day on which they begin', () => {
    const night = resolveSchedule({
      base: 1,
      windows: [{ days: ['fri'], from: '22:00', to: '03:00', size: 7 }],
    });
    expect(targetAt(night, at('2026-11-20T21:59Z'))).toBe(1);
    expect(targetAt(night, at('2026-11-20T22:00Z'))).toBe(7);
    expect(targetAt(night, at('2026-11-21T02:59Z'))).toBe(7);
    expect(targetAt(night, at('2026-11-21T03:00Z'))).toBe(1);
    expect(targetAt(night, at('2026-11-20T01:00Z'))).toBe(1);
  });

  test('may end at 24:00, and may have fewer than the base', () => {
    const quiet = resolveSchedule({ base: 5, windows: [{ from: '20:00', to: '24:00', size: 0 }] });
    expect(targetAt(quiet, at('2026-11-20T23:59Z'))).toBe(0);
    expect(targetAt(quiet, at('2026-11-21T00:00Z'))).toBe(5);
  });

  test('that overlap give the larger', () => {
    const both = resolveSchedule({
      windows: [
        { from: '08:00', to: '18:00', size: 3 },
        { from: '09:00', to: '10:00', size: 9 },
        { from: '09:30', to: '11:00', size: 1 },
      ],
    });
    expect(targetAt(both, at('2026-11-20T09:45Z'))).toBe(9);
    expect(targetAt(both, at('2026-11-20T10:30Z'))).toBe(3);
  });

  test('are shut on a holiday of that place', () => {
    const market = resolveSchedule({ ...MARKET_HOURS, holidays: ['2026-11-26'] });
    expect(targetAt(market, at('2026-11-26T16:00Z'))).toBe(2);
    expect(targetAt(market, at('2026-11-27T04:59Z'))).toBe(2); // still the 26th there
    expect(targetAt(market, at('2026-11-27T16:00Z'))).toBe(15);
  });

  test('begin earlier by leadMinutes, also before midnight', () => {
    const early = resolveSchedule({
      leadMinutes: 15,
      windows: [{ days: ['mon'], from: '00:05', to: '01:00', size: 4 }],
    });
    expect(targetAt(early, at('2026-11-22T23:49Z'))).toBe(0);
    expect(targetAt(early, at('2026-11-22T23:50Z'))).toBe(4);
    expect(targetAt(early, at('2026-11-23T00:59Z'))).toBe(4);
  });
});

describe('clocks that are set', () => {
  const odd = resolveSchedule({
    timeZone: 'America/New_York',
    windows: [{ days: ['sun'], from: '01:30', to: '02:30', size: 6 }],
  });

  test('forward: a window inside the hour that is skipped is as long as clocks show it', () => {
    // 2026-03-08: 01:59:59 EST is followed by 03:00 EDT
    expect(sandboxHours(odd, at('2026-03-08T05:00Z'), at('2026-03-08T12:00Z'))).toBe(6 * 0.5);
  });

  test('back: a window over the hour that comes twice is open whenever clocks show it', () => {
    // 2026-11-01: 01:30 EDT-02:00, 01:00 EST-01:30 shut, 01:30-02:30 EST
    expect(sandboxHours(odd, at('2026-11-01T04:00Z'), at('2026-11-01T12:00Z'))).toBe(6 * 1.5);
    expect(nextChange(odd, at('2026-11-01T05:45Z'))).toEqual({
      atMs: at('2026-11-01T06:00Z'),
      target: 0,
    });
  });

  test('a time that comes twice, once, never', () => {
    expect(epochsOf('America/New_York', '2026-11-01', 90)).toEqual([
      at('2026-11-01T05:30Z'),
      at('2026-11-01T06:30Z'),
    ]);
    expect(epochsOf('America/New_York', '2026-11-02', 90)).toEqual([at('2026-11-02T06:30Z')]);
    expect(epochsOf('America/New_York', '2026-03-08', 150)).toEqual([at('2026-03-08T07:30Z')]);
  });

  test('days and minutes of places far from UTC', () => {
    expect(localTime('Asia/Kathmandu', at('2026-11-21T18:20Z'))).toEqual({
      day: '2026-11-22',
      weekday: 'sun',
      minute: 5,
    });
    expect(dayOf('Pacific/Kiritimati', at('2026-11-21T10:00Z'))).toBe('2026-11-22');
    expect(localTime('UTC', at('1969-12-31T23:59Z'))).toMatchObject({
      day: '1969-12-31',
      minute: 1439,
    });
  });
});

test.each(['America/New_York', 'Europe/London', 'Australia/Lord_Howe'])(
  'nextChange and targetAt agree, every five minutes, around both changes of clocks in %s',
  (timeZone) => {
    const schedule = resolveSchedule({
      timeZone,
      base: 1,
      windows: [
        { days: ['sat', 'sun', 'mon'], from: '00:45', to: '02:15', size: 3 },
        { days: ['sun'], from: '23:10', to: '01:05', size: 5 },
      ],
    });
    for (const start of [
      '2026-03-07',
      '2026-03-28',
      '2026-04-04',
      '2026-10-03',
      '2026-10-24',
      '2026-10-31',
    ]) {
      let due = null;
      for (let ms = at(start); ms < at(start) + 3 * DAY; ms += STEP) {
        const target = targetAt(schedule, ms);
        if (due !== null && ms >= due.atMs) expect([ms, target]).toEqual([due.atMs, due.target]);
        else if (due !== null) expect(target).toBe(targetAt(schedule, ms - STEP));
        if (due === null || ms >= due.atMs) due = nextChange(schedule, ms);
      }
    }
  },
);

test('a schedule that never changes has no next change', () => {
  expect(nextChange(resolveSchedule({ base: 5 }), at('2026-11-21'))).toBeNull();
  expect(sandboxHours(resolveSchedule({ base: 5 }), 0, DAY)).toBe(120);
});

test.each([
  [{ timeZone: 'New York' }, /schedule\.timeZone/],
  [{ base: -1 }, /schedule\.base/],
  [{ windows: [{ from: '9', to: '10:00', size: 1 }] }, /windows\[0\]\.from must be a time/],
  [{ windows: [{ from: '09:00', to: '25:00', size: 1 }] }, /windows\[0\]\.to/],
  [{ windows: [{ from: '09:00', to: '10:00', size: 1.5 }] }, /windows\[0\]\.size/],
  [{ windows: [{ days: ['monday'], from: '09:00', to: '10:00', size: 1 }] }, /did you mean 'mon'/],
  [{ holidays: ['26.11.2026'] }, /schedule\.holidays/],
  [{ leadMinutes: 1.5 }, /schedule\.leadMinutes/],
  [{ window: [] }, /did you mean 'windows'/],
])('%j is refused', (given, message) => {
  expect(() => resolveSchedule(given)).toThrow(message);
});
