'use strict';

// How many warm sandboxes a time of day asks for, by the clocks of a place: market hours, weekends,
// holidays (POOL-03, SCL-04, SCL-10). Pure: given a schedule and a time, it answers a number, when it
// will be another one, and how many sandbox-hours a schedule comes to. A window may pass midnight; it
// then belongs to the day on which it begins. When clocks are set forward or back, what they show
// decides.

const { checkNumber, checkOptions, invalid, nearest, show } = require('../options');
const { HOUR_MS } = require('./prices');
const { DAY_MINUTES, WEEKDAYS, checkTimeZone, epochsOf, localTime } = require('./zone');

const MAX_WINDOWS = 100;
const MAX_HOLIDAYS = 1000;
const MAX_TARGET = 10_000;
const LOOK_AHEAD_DAYS = 9;
const WORKDAYS = Object.freeze(['mon', 'tue', 'wed', 'thu', 'fri']);
const KEYS = ['timeZone', 'base', 'windows', 'holidays', 'leadMinutes'];

/**
 * SCL-04's: New York, 06:00-09:30 8, 09:30-16:00 15, 16:00-20:00 5, else and at weekends 2: 165.5
 * sandbox-hours a trading day (C-23).
 */
const MARKET_HOURS = Object.freeze({
  timeZone: 'America/New_York',
  base: 2,
  windows: [
    { from: '06:00', to: '09:30', size: 8 },
    { from: '09:30', to: '16:00', size: 15 },
    { from: '16:00', to: '20:00', size: 5 },
  ],
});

/**
 * @param {object} given { timeZone = 'UTC', base = 0, windows: [{ days = mon..fri, from: 'HH:MM',
 *   to: 'HH:MM', size }], holidays = ['YYYY-MM-DD'], leadMinutes = 0 }. Where windows overlap, the
 *   largest counts. `to` not after `from`: on the next day; '24:00' is the end of the day. A holiday
 *   has the base only. `leadMinutes`: each window begins so much earlier (SCL-05)
 * @returns {object} checked and frozen, for the functions below
 * @throws {InvalidArgumentError}
 */
function resolveSchedule(given) {
  const {
    timeZone = 'UTC',
    base = 0,
    windows = [],
    holidays = [],
    leadMinutes = 0,
  } = checkOptions(given, KEYS, 'schedule');
  if (!Array.isArray(windows) || windows.length > MAX_WINDOWS) {
    throw invalid(`schedule.windows must be an array of at most ${MAX_WINDOWS}`);
  }
  checkNumber(leadMinutes, 'schedule.leadMinutes', { min: 0, max: 720, integer: true });
  return Object.freeze({
    timeZone: checkTimeZone(timeZone, 'schedule.timeZone'),
    base: checkTarget(base, 'schedule.base'),
    windows: Object.freeze(windows.map((window, i) => buildWindow(window, i, leadMinutes))),
    holidays: checkHolidays(holidays),
  });
}

function buildWindow(window, index, leadMinutes) {
  const where = `schedule.windows[${index}]`;
  const known = ['days', 'from', 'to', 'size'];
  const { days = WORKDAYS, from, to, size } = checkOptions(window, known, where);
  if (!Array.isArray(days) || days.length === 0) throw invalid(`${where}.days must name weekdays`);
  for (const day of days) {
    if (WEEKDAYS.includes(day)) continue;
    throw invalid(`${where}.days: ${show(day)} is none of ${WEEKDAYS.join(', ')}` + near(day));
  }
  const start = minuteOf(from, `${where}.from`);
  const end = minuteOf(to, `${where}.to`);
  const length = end > start ? end - start : end + DAY_MINUTES - start;
  return Object.freeze({
    days: new Set(days),
    start: start - leadMinutes,
    end: start + length,
    size: checkTarget(size, `${where}.size`),
  });
}

const near = (day) =>
  typeof day === 'string' ? `; did you mean '${nearest(day.slice(0, 20), WEEKDAYS)}'?` : '';

const checkTarget = (value, field) =>
  checkNumber(value, field, { min: 0, max: MAX_TARGET, integer: true });

function minuteOf(text, field) {
  const found = typeof text === 'string' ? /^(\d{1,2}):(\d{2})$/.exec(text) : null;
  const minute = found ? Number(found[1]) * 60 + Number(found[2]) : NaN;
  if (minute <= DAY_MINUTES && Number(found[2]) < 60) return minute;
  throw invalid(`${field} must be a time such as '09:30', not ${show(text)}`);
}

function checkHolidays(holidays) {
  if (!Array.isArray(holidays) || holidays.length > MAX_HOLIDAYS) {
    throw invalid(`schedule.holidays must be an array of at most ${MAX_HOLIDAYS} days`);
  }
  for (const day of holidays) {
    if (typeof day === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(day) && !isNaN(Date.parse(day)))
      continue;
    throw invalid(`schedule.holidays must be days such as '2026-12-25', not ${show(day)}`);
  }
  return new Set(holidays);
}

const dayBefore = (day, days = 1) =>
  new Date(Date.parse(day) - days * 86_400_000).toISOString().slice(0, 10);
const weekdayOf = (day) => WEEKDAYS[new Date(`${day}T00:00:00Z`).getUTCDay()];

function isOpenOn({ holidays }, { days }, day) {
  return days.has(weekdayOf(day)) && !holidays.has(day);
}

/**
 * @param {object} schedule of resolveSchedule
 * @param {number} epochMs
 * @returns {number} how many
 */
function targetAt(schedule, epochMs) {
  const { day, minute } = localTime(schedule.timeZone, epochMs);
  let target = schedule.base;
  let isInside = false;
  for (const window of schedule.windows) {
    // Yesterday's, past midnight; today's; tomorrow's, begun early by leadMinutes.
    for (const shift of [-1, 0, 1]) {
      const at = minute - shift * DAY_MINUTES;
      if (at < window.start || at >= window.end) continue;
      if (!isOpenOn(schedule, window, dayBefore(day, -shift))) continue;
      target = isInside ? Math.max(target, window.size) : window.size;
      isInside = true;
    }
  }
  return target;
}

/**
 * When the target changes next.
 *
 * @returns {{ atMs: number, target: number }|null} null: not in the next nine days
 */
function nextChange(schedule, epochMs) {
  const now = targetAt(schedule, epochMs);
  const { day } = localTime(schedule.timeZone, epochMs);
  const candidates = new Set();
  for (let ahead = -1; ahead <= LOOK_AHEAD_DAYS; ahead++) {
    const date = dayBefore(day, -ahead);
    for (const { start, end } of schedule.windows) {
      for (const minute of [start, end]) {
        for (const atMs of epochsOf(schedule.timeZone, date, minute)) candidates.add(atMs);
      }
    }
  }
  // Clocks are set at full hours of UTC, or half ones; the whole hours find that.
  const hour = Math.floor(epochMs / HOUR_MS) * HOUR_MS;
  for (let i = 1; i <= LOOK_AHEAD_DAYS * 48; i++) candidates.add(hour + (i * HOUR_MS) / 2);
  for (const atMs of [...candidates].sort((a, b) => a - b)) {
    if (atMs <= epochMs) continue;
    const target = targetAt(schedule, atMs);
    if (target !== now) return { atMs, target };
  }
  return null;
}

/** What the schedule comes to between two times, in sandbox-hours: what it costs is that times a rate. */
function sandboxHours(schedule, fromMs, toMs) {
  let hours = 0;
  for (let at = fromMs; at < toMs;) {
    const end = Math.min(toMs, nextChange(schedule, at)?.atMs ?? toMs);
    hours += (targetAt(schedule, at) * (end - at)) / HOUR_MS;
    at = end;
  }
  return hours;
}

module.exports = { MARKET_HOURS, resolveSchedule, targetAt, nextChange, sandboxHours };
