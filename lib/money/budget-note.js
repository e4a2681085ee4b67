'use strict';

// The document that managers share about one budget, and what may be done to it. Pure: a function
// takes the document and changes it in place or refuses; budget.js owns the reading and writing.
//
// Amounts are whole nano-dollars, so that sums are exact and the same in every process. A reservation
// is counted in the day in which it was made, also when its sandbox ends on a later one: what was
// promised to a day never passes that day's limit. Whether a token is still held says whether it has
// been settled, so every settlement can be repeated. The document is bounded: so many reservations,
// so many days.

const { BudgetError, ConflictError } = require('../errors');

const NANO = 1e9;
// A store's note has 64 KiB; an entry has some 80 bytes, and 150 at the very most.
const MAX_HELD = 400;
const MAX_DAYS = 35;
const MAX_PARTS = 3;

const DAY_MS = 86_400_000;

const emptyNote = () => ({ v: 1, spent: 0, told: 0, days: {}, held: {} });

/** Up, so that a reservation is never smaller than what it stands for. */
const toNano = (dollars) => Math.ceil(dollars * NANO - 1e-3);
const toDollars = (nano) => nano / NANO;

/** The note as it is stored: the same, shorter. */
function pack({ v, spent, told, days, held }) {
  const number = (day) => Date.parse(day) / DAY_MS;
  const packed = (entries, to) =>
    Object.fromEntries(entries.map(([key, value]) => [key, to(value)]));
  return {
    v,
    spent,
    told,
    days: packed(Object.entries(days), (day) => [day.spent, day.told]),
    held: packed(Object.entries(held), ({ atMs, charged, parts }) => [
      Math.floor(atMs / 1000),
      charged,
      ...parts.flatMap(([day, nano]) => [number(day), nano]),
    ]),
  };
}

/** @returns {object|null} the note of what `pack` made; null: this version does not know its form */
function unpack(packed) {
  if (packed?.v !== 1) return null;
  const note = { v: 1, spent: packed.spent, told: packed.told, days: {}, held: {} };
  for (const [day, [spent, told]] of Object.entries(packed.days)) note.days[day] = { spent, told };
  for (const [token, [atSeconds, charged, ...flat]] of Object.entries(packed.held)) {
    const parts = [];
    for (let i = 0; i < flat.length; i += 2) {
      parts.push([new Date(flat[i] * DAY_MS).toISOString().slice(0, 10), flat[i + 1]]);
    }
    note.held[token] = { atMs: atSeconds * 1000, charged, parts };
  }
  return note;
}

function dayIn(note, day) {
  if (note.days[day] === undefined) {
    note.days[day] = { spent: 0, told: 0 };
    const oldest = Object.keys(note.days).sort();
    for (const name of oldest) {
      if (Object.keys(note.days).length <= MAX_DAYS) break;
      if (name !== day) delete note.days[name];
    }
  }
  return note.days[day];
}

/** Reserved and not yet settled: in all, and in one day. */
function heldIn(note, day) {
  let all = 0;
  let today = 0;
  for (const { parts } of Object.values(note.held)) {
    for (const [name, nano] of parts) {
      all += nano;
      if (name === day) today += nano;
    }
  }
  return { all, today };
}

/** Where the budget stands, in nano-dollars. */
function standing(note, day) {
  const held = heldIn(note, day);
  const spent = note.days[day]?.spent ?? 0;
  return {
    today: { spent, reserved: held.today },
    total: { spent: note.spent, reserved: held.all },
  };
}

function refuseOver(note, nano, { day, dailyNano, totalNano, refused }) {
  const { today, total } = standing(note, day);
  for (const [period, limit, { spent, reserved }] of [
    [day, dailyNano, today],
    ['total', totalNano, total],
  ]) {
    if (limit === null || spent + reserved + nano <= limit) continue;
    refused.add(period);
    const what = period === 'total' ? 'in total' : `for ${period}`;
    const [all, used, waiting, asked] = [limit, spent, reserved, nano].map(toDollars);
    throw new BudgetError(
      `the budget ${what} is $${all}: $${used} is spent, $${waiting} is reserved, and this would ` +
        `reserve $${asked} more. Raise the budget, shorten the timeout, or let sandboxes end`,
    );
  }
}

/**
 * Holds an amount for a token, or more for one that is held (`more`). To hold the same token again
 * changes nothing.
 *
 * @throws {BudgetError} the limit of the day or in total would be passed (`hardStop` and not `force`),
 *   or too many reservations are held
 * @throws {ConflictError} `more` for a token that is not held
 */
function hold(note, { token, nano, more = false, force = false, nowMs }, limits) {
  const entry = Object.hasOwn(note.held, token) ? note.held[token] : null;
  if (entry === null && more) {
    throw new ConflictError('nothing is reserved for this sandbox: it has been settled');
  }
  if (entry !== null && !more) return false;
  if (limits.hardStop && !force) refuseOver(note, nano, limits);
  if (entry === null) {
    if (Object.keys(note.held).length >= MAX_HELD) {
      throw new BudgetError(`${MAX_HELD} reservations are held, which is the most`);
    }
    note.held[token] = { atMs: nowMs, charged: 0, parts: [[limits.day, nano]] };
    return true;
  }
  const part = entry.parts.find(([name]) => name === limits.day);
  if (part) part[1] += nano;
  else entry.parts.push([limits.day, nano]);
  if (entry.parts.length > MAX_PARTS) chargeOldest(note, entry);
  return true;
}

// A sandbox that is renewed for days: what was held for its first day has long been spent.
function chargeOldest(note, entry) {
  const [day, nano] = entry.parts.shift();
  charge(note, day, nano);
  entry.charged += nano;
}

// A day that has been dropped from the document still counts in total.
function charge(note, day, nano) {
  note.spent += nano;
  if (note.days[day] !== undefined) note.days[day].spent += nano;
}

/**
 * Puts the true cost in place of what was held; 0 refunds. A token that is not held changes nothing.
 *
 * @returns {boolean} whether it was held
 */
function settle(note, { token, nano }) {
  if (!Object.hasOwn(note.held, token)) return false;
  const { parts, charged } = note.held[token];
  delete note.held[token];
  let left = Math.max(0, nano - charged);
  parts.forEach(([day, held], index) => {
    const share = index === parts.length - 1 ? left : Math.min(left, held);
    charge(note, day, share);
    left -= share;
  });
  return true;
}

/**
 * The thresholds that have been reached and not yet told, marked as told: once a day for the daily
 * limit, once for ever for the total. A threshold counts what is spent and what is reserved; a refusal
 * (`refused`) is the hundredth percent, however much is left.
 *
 * @returns {{ period: string, percent: number, limit: number, spent: number, reserved: number }[]}
 */
function crossings(note, { day, dailyNano, totalNano, thresholds, refused }) {
  const { today, total } = standing(note, day);
  const found = [];
  const look = (period, limit, { spent, reserved }, place) => {
    if (limit === null) return;
    for (const percent of thresholds) {
      // Refused: that is the hundredth percent, and says nothing of the lower ones.
      const isFull = refused.has(period) && percent === 100;
      if (percent <= place.told || !(isFull || (spent + reserved) * 100 >= percent * limit))
        continue;
      const [limitUsd, spentUsd, reservedUsd] = [limit, spent, reserved].map(toDollars);
      found.push({ period, percent, limit: limitUsd, spent: spentUsd, reserved: reservedUsd });
      place.told = percent;
    }
  };
  look(day, dailyNano, today, dayIn(note, day));
  look('total', totalNano, total, note);
  return found;
}

module.exports = {
  MAX_HELD,
  MAX_DAYS,
  emptyNote,
  pack,
  unpack,
  toNano,
  toDollars,
  dayIn,
  standing,
  hold,
  settle,
  crossings,
};
