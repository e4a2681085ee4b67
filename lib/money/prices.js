'use strict';

// What things cost: three named profiles with their dates and sources, a user's own one checked, and
// the cost of an interval, of a creation and of calls. Pure arithmetic in US dollars: no clock, no
// store. A profile is a list of rates with the date from which each holds; an interval over such a
// date is split there. A paused sandbox costs storage, never compute.

const { checkNumber, checkOptions, checkString, invalid, nearest, show } = require('../options');
const { sumOf } = require('./sum');

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Everything that a profile can charge for. What it does not name is free. */
const RATES = Object.freeze({
  perCreation: 0,
  perSandboxHour: 0,
  perVcpuSecond: 0,
  perGibSecond: 0,
  perCall: 0,
  perExecutionSecond: 0,
  perGbDay: 0,
});

/** What a sandbox is taken to have until somebody has asked: E2B's base template. */
const DEFAULT_SIZE = Object.freeze({ vcpu: 2, gib: 0.5 });

const PROFILES = {
  s2: {
    source: 'requirement document S2 (profile A, COST-01); not the price of any provider',
    checked: null,
    rates: [{ perCreation: 0.001, perSandboxHour: 0.05, perCall: 0.0001, perGbDay: 0.01 }],
  },
  s3: {
    source: 'requirement document S3 (profile B, COST-02); not the price of any provider',
    checked: null,
    rates: [
      { perCreation: 0.0013, perSandboxHour: 0.1, perCall: 0.001, perExecutionSecond: 0.0001 },
    ],
  },
  // $0.0504 per vCPU-hour and $0.0162 per GiB-hour, billed by the second for the whole running time.
  'e2b-published': {
    source: "E2B's published usage prices, per vCPU-second and GiB-second of allocated size",
    checked: '2026-06-16',
    rates: [{ perVcpuSecond: 0.000014, perGibSecond: 0.0000045 }],
  },
};
const DEFAULT_PROFILE = 'e2b-published';
const PROFILE_KEYS = ['name', 'source', 'checked', 'size', 'rates', ...Object.keys(RATES)];

/**
 * The profile behind a configuration value.
 *
 * @param {string|object} [price] 's2' | 's3' | 'e2b-published' (the default), or one's own:
 *   `{ name?, source?, checked?, size?: { vcpu, gib }, ...rates }` with one set of rates, or
 *   `rates: [{ from?: ISO date, ...rates }, ...]`: the first holds from the beginning of time when it
 *   has no `from`; the others need one
 * @returns {{ name: string, source: string, checked: string|null, size: { vcpu: number, gib: number },
 *   rates: object[] }} frozen; each of `rates` has all of RATES and `fromMs`, ascending
 * @throws {InvalidArgumentError} naming the field
 */
function resolvePrice(price = DEFAULT_PROFILE) {
  if (typeof price === 'string') {
    if (Object.hasOwn(PROFILES, price)) return buildProfile({ name: price, ...PROFILES[price] });
    const names = Object.keys(PROFILES);
    throw invalid(
      `price must be one of ${names.join(', ')}, or an object of rates; not ${show(price)}; ` +
        `did you mean '${nearest(price, names)}'?`,
    );
  }
  if (price === null || typeof price !== 'object' || Array.isArray(price)) {
    throw invalid(`price must be the name of a profile or an object of rates, not ${show(price)}`);
  }
  return buildProfile(checkOptions(price, PROFILE_KEYS, 'price'));
}

function buildProfile({
  name = 'own',
  source = 'given by the user',
  checked,
  size,
  rates,
  ...flat
}) {
  if (rates !== undefined && Object.keys(flat).length > 0) {
    throw invalid(`price has both rates and ${Object.keys(flat)[0]}: give one of them`);
  }
  if (rates !== undefined && (!Array.isArray(rates) || rates.length === 0 || rates.length > 1000)) {
    throw invalid('price.rates must be an array of 1 to 1000 sets of rates');
  }
  const list = (rates ?? [flat]).map((set, index) => buildRates(set, index));
  for (let i = 1; i < list.length; i++) {
    if (list[i].fromMs > list[i - 1].fromMs) continue;
    throw invalid(`price.rates[${i}].from must be later than that of the set before it`);
  }
  return Object.freeze({
    name: checkString(name, 'price.name'),
    source: checkString(source, 'price.source'),
    checked:
      checked == null
        ? null
        : new Date(dateMs(checked, 'price.checked')).toISOString().slice(0, 10),
    size: buildSize(size),
    rates: Object.freeze(list),
  });
}

function buildRates(set, index) {
  const where = `price.rates[${index}]`;
  if (set === null || typeof set !== 'object') throw invalid(`${where} must be an object of rates`);
  const { from, ...given } = checkOptions(set, ['from', ...Object.keys(RATES)], where);
  for (const [key, value] of Object.entries(given)) {
    checkNumber(value, `price.${key}`, { min: 0, max: 1_000_000 });
  }
  if (from == null && index > 0) throw invalid(`${where}.from is missing: when does it begin?`);
  const fromMs = from == null ? -Infinity : dateMs(from, `${where}.from`);
  return Object.freeze({ ...RATES, ...given, fromMs });
}

function buildSize(size) {
  const { vcpu, gib } = { ...DEFAULT_SIZE, ...checkOptions(size, ['vcpu', 'gib'], 'price.size') };
  checkNumber(vcpu, 'price.size.vcpu', { min: 0, max: 1024 });
  checkNumber(gib, 'price.size.gib', { min: 0, max: 65_536 });
  return Object.freeze({ vcpu, gib });
}

function dateMs(value, field) {
  const ms = typeof value === 'string' || value instanceof Date ? new Date(value).getTime() : NaN;
  if (Number.isFinite(ms)) return ms;
  throw invalid(`${field} must be an ISO date such as 2026-11-21, not ${show(value)}`);
}

/** The rates that hold at a time; before the first date, the first. */
function ratesAt({ rates }, wallMs) {
  let found = rates[0];
  for (const set of rates) {
    if (set.fromMs > wallMs) break;
    found = set;
  }
  return found;
}

/** Size for the arithmetic: what is known of a sandbox, else what the profile assumes. */
function sizeOf({ size }, { cpuCount, memoryMb } = {}) {
  return { vcpu: cpuCount ?? size.vcpu, gib: memoryMb == null ? size.gib : memoryMb / 1024 };
}

/** Dollars per hour of a sandbox under one set of rates. */
function hourlyRate(rates, { vcpu, gib, storageGb = 0, paused = false }) {
  const storage = (rates.perGbDay * storageGb) / 24;
  if (paused) return storage;
  const seconds = rates.perVcpuSecond * vcpu + rates.perGibSecond * gib;
  return rates.perSandboxHour + seconds * 3600 + storage;
}

/**
 * What a sandbox costs for existing for so long. The length is taken as it is: the difference of two
 * wall-clock times is coarser than what a steady clock has measured.
 *
 * @param {object} profile of resolvePrice
 * @param {{ fromMs: number, lengthMs: number, vcpu: number, gib: number, storageGb?: number,
 *   paused?: boolean }} interval `fromMs` wall clock; split where the prices change
 * @returns {number} dollars
 */
function intervalCost(profile, { fromMs, lengthMs, ...what }) {
  const pieces = [];
  for (let at = 0; at < lengthMs;) {
    const next = profile.rates.find((set) => set.fromMs > fromMs + at)?.fromMs ?? Infinity;
    const pieceMs = Math.min(lengthMs - at, next - (fromMs + at));
    pieces.push((hourlyRate(ratesAt(profile, fromMs + at), what) * pieceMs) / HOUR_MS);
    at += pieceMs;
  }
  return sumOf(pieces);
}

/**
 * What is charged by the piece, at the prices of one time.
 *
 * @param {{ creations?: number, calls?: number, executionMs?: number }} counts
 * @returns {number} dollars
 */
function pieceCost(profile, wallMs, { creations = 0, calls = 0, executionMs = 0 }) {
  const { perCreation, perCall, perExecutionSecond } = ratesAt(profile, wallMs);
  return sumOf([
    perCreation * creations,
    perCall * calls,
    (perExecutionSecond * executionMs) / 1000,
  ]);
}

/**
 * What a sandbox will cost at most if it lives for so long from now on: what a budget reserves.
 *
 * @param {{ nowMs: number, lifeMs: number, cpuCount?: number|null, memoryMb?: number|null,
 *   creation?: boolean, calls?: number, executionMs?: number }} plan `creation` false: it exists
 * @returns {number} dollars
 */
function estimateCost(profile, { nowMs, lifeMs, creation = true, calls, executionMs, ...size }) {
  const interval = { fromMs: nowMs, lengthMs: lifeMs, ...sizeOf(profile, size) };
  const pieces = { creations: creation ? 1 : 0, calls, executionMs };
  return intervalCost(profile, interval) + pieceCost(profile, nowMs, pieces);
}

module.exports = {
  PROFILES: Object.freeze(Object.keys(PROFILES)),
  DEFAULT_PROFILE,
  HOUR_MS,
  DAY_MS,
  resolvePrice,
  ratesAt,
  sizeOf,
  hourlyRate,
  intervalCost,
  pieceCost,
  estimateCost,
};
