'use strict';

// The wall clock of a place: which day, weekday and minute it is there at a time, and back. Pure,
// over Intl, whose time zone data know every change of the clocks. Formatters are costly to make and
// are kept, a bounded number of them.

const { invalid, show } = require('../options');

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;
const MAX_FORMATTERS = 64;
const WEEKDAYS = Object.freeze(['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']);

// process-global: a cache of immutable formatters, the same for every user.
const formatters = new Map();

function formatterOf(timeZone) {
  let formatter = formatters.get(timeZone);
  if (formatter !== undefined) return formatter;
  formatter = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  if (formatters.size >= MAX_FORMATTERS) formatters.delete(formatters.keys().next().value);
  formatters.set(timeZone, formatter);
  return formatter;
}

/**
 * @returns {string} an IANA time zone such as 'America/New_York'
 * @throws {InvalidArgumentError} for one that this Node does not know
 */
function checkTimeZone(timeZone, field) {
  try {
    if (typeof timeZone === 'string' && timeZone !== '') {
      // The default needs no formatter, and the first one costs some 20 ms.
      if (timeZone !== 'UTC') formatterOf(timeZone);
      return timeZone;
    }
  } catch {
    // RangeError: the same message as for something that is no string
  }
  throw invalid(`${field} must be a time zone such as 'America/New_York', not ${show(timeZone)}`);
}

/** What clocks in the zone show, as ms since 1970 as if it were UTC. */
function shownMs(timeZone, epochMs) {
  if (timeZone === 'UTC') return Math.floor(epochMs / 1000) * 1000;
  const shown = {};
  for (const { type, value } of formatterOf(timeZone).formatToParts(epochMs)) {
    shown[type] = Number(value);
  }
  const { year, month, day, hour, minute, second } = shown;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/**
 * @param {number} epochMs
 * @returns {{ day: string, weekday: string, minute: number }} '2026-11-21', 'sat', minutes since the
 *   clocks there showed midnight
 */
function localTime(timeZone, epochMs) {
  const shown = shownMs(timeZone, epochMs);
  const minutes = Math.floor(shown / MINUTE_MS);
  return {
    day: new Date(shown).toISOString().slice(0, 10),
    weekday: WEEKDAYS[new Date(shown).getUTCDay()],
    minute: ((minutes % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES,
  };
}

/** '2026-11-21' in that zone. */
function dayOf(timeZone, epochMs) {
  return new Date(shownMs(timeZone, epochMs)).toISOString().slice(0, 10);
}

/**
 * When the clocks there show this time: once, twice when they are set back over it, and for a time
 * that they skip the moment as far behind the jump as it lies behind its beginning.
 *
 * @param {string} day '2026-11-21'; minutes may pass 24 h
 * @returns {number[]} epoch ms, ascending, one or two
 */
function epochsOf(timeZone, day, minute) {
  const wanted = Date.parse(`${day}T00:00:00Z`) + minute * MINUTE_MS;
  const found = new Set();
  for (const probe of [wanted - DAY_MINUTES * MINUTE_MS, wanted + DAY_MINUTES * MINUTE_MS]) {
    found.add(wanted - (shownMs(timeZone, probe) - probe));
  }
  const all = [...found].sort((a, b) => a - b);
  const exact = all.filter((epochMs) => shownMs(timeZone, epochMs) === wanted);
  return exact.length > 0 ? exact : [all.at(-1)];
}

module.exports = { WEEKDAYS, MINUTE_MS, DAY_MINUTES, checkTimeZone, localTime, dayOf, epochsOf };
