'use strict';

// Checks of what users hand in. A leaf: no I/O, nothing is sent from here. Every refusal names the
// field and the valid values. Ranges of the five native functions are checked in C (csrc/*.c), the
// single place for them; here is what C never sees: unknown keys, JSON texts, configuration objects.

const { InvalidArgumentError } = require('./errors');

/** Number of single-character edits between two short words (Levenshtein). */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + change);
    }
    row = next;
  }
  return row[b.length];
}

/** The known word nearest to `word`, case-insensitively; ties go to the first. */
function nearest(word, known) {
  let best = known[0];
  let least = Infinity;
  for (const candidate of known) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase());
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}

/**
 * Refuses anything but a plain options object with known keys.
 *
 * @param {unknown} options undefined is an empty object
 * @param {readonly string[]} known
 * @param {string} where what the options belong to, for the message
 * @returns {object} options
 * @throws {InvalidArgumentError} code UNKNOWN_OPTION, naming the nearest known key
 */
function checkOptions(options, known, where) {
  if (options === undefined || options === null) return {};
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw invalid(`options of ${where} must be an object`);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new InvalidArgumentError(
        `unknown option '${key}' of ${where}; did you mean '${nearest(key, known)}'? ` +
          `Known: ${known.join(', ')}`,
        { code: 'UNKNOWN_OPTION' },
      );
    }
  }
  return options;
}

/** An InvalidArgumentError with the usual code. */
function invalid(message, fields) {
  return new InvalidArgumentError(message, { code: 'INVALID_ARGUMENT', ...fields });
}

/** @returns {number} value, a finite number in [min, max]; else throws, naming the field. */
function checkNumber(value, field, { min = -Infinity, max = Infinity, integer = false } = {}) {
  const fits =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    value >= min &&
    value <= max &&
    (!integer || Number.isInteger(value));
  if (fits) return value;
  const kind = integer ? 'a whole number' : 'a number';
  const range =
    max !== Infinity ? ` from ${min} to ${max}` : min !== -Infinity ? ` of at least ${min}` : '';
  throw invalid(`${field} must be ${kind}${range}, not ${show(value)}`);
}

/** @returns {string} value, a string that is not empty; else throws, naming the field. */
function checkString(value, field) {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw invalid(`${field} must be a string that is not empty, not ${show(value)}`);
}

/**
 * An object given as such or as JSON text.
 *
 * @throws {InvalidArgumentError} for text that is not JSON, with line, column and offset
 */
function parseObject(value, field) {
  let parsed = value;
  if (typeof value === 'string') {
    try {
      parsed = JSON.parse(value);
    } catch (error) {
      throw invalid(`${field} is not valid JSON${position(value, error)}`, { cause: error });
    }
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw invalid(`${field} must be an object, or JSON text of one, not ${show(value)}`);
  }
  return parsed;
}

function position(text, error) {
  const early = endsTooEarly(text, error);
  const offset = early ? text.length : offsetOf(text, error);
  const before = text.slice(0, offset).split('\n');
  const what = early
    ? 'it ends too early'
    : error.message.replace(/( in JSON at position|, (\.\.\.)?").*$/s, '');
  return ` at position ${offset} (line ${before.length}, column ${before.at(-1).length + 1}): ${what}`;
}

function endsTooEarly(text, { message }) {
  return /end of JSON|^Unterminated string/.test(message) || statedOffset(message) === text.length;
}

function statedOffset(message) {
  const found = /at position (\d+)/.exec(message);
  return found ? Number(found[1]) : null;
}

// V8 names the position, or only the wrong token: then the longest beginning of the text that could
// still become JSON ends before it.
function offsetOf(text, error) {
  const stated = statedOffset(error.message);
  if (stated !== null) return stated;
  let good = 0;
  let bad = text.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (couldBecomeJson(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function couldBecomeJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    return endsTooEarly(text, error);
  }
}

/** A short, safe picture of a refused value. */
function show(value) {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return `${value}`;
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

module.exports = {
  nearest,
  checkOptions,
  checkNumber,
  checkString,
  parseObject,
  invalid,
  show,
};
