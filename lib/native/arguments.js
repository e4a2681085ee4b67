'use strict';

// Arguments that more than one public function takes, checked and brought into the form that the
// addon wants. What C checks itself (ranges, types of positional arguments) is not checked here.

const { invalid, show } = require('../options');
const { PREFIX } = require('./shapes');

/**
 * Key and value, one after the other.
 *
 * @param {Record<string, string>|null|undefined} value
 * @returns {string[]|undefined}
 */
function pairs(value, field) {
  if (value == null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(`${field} must be an object of strings, not ${show(value)}`);
  }
  const flat = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw invalid(`${field}.${key} must be a string, not ${show(text)}`);
    }
    flat.push(key, text);
  }
  return flat;
}

/** Metadata of a user: `e2b-swarm.` is this package's own. */
function userMetadata(value) {
  const flat = pairs(value, 'metadata') ?? [];
  for (let i = 0; i < flat.length; i += 2) {
    if (flat[i].startsWith(PREFIX)) {
      throw invalid(`metadata: keys that begin with '${PREFIX}' are reserved, as ${flat[i]}`);
    }
  }
  return flat;
}

/**
 * @param {unknown} value text or bytes
 * @returns {string|Buffer}
 */
function bytesOf(value, field) {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  throw invalid(`${field} must be a string or bytes, not ${show(value)}`);
}

/** @returns {'utf8'|'buffer'} */
function encodingOf(value, known = ['utf8', 'buffer']) {
  if (value == null || value === 'utf8') return 'utf8';
  if (value === 'buffer') return 'buffer';
  const list = known.map((name) => `'${name}'`).join(' or ');
  throw invalid(`encoding must be ${list}, not ${show(value)}`);
}

/** @returns {Function|null} */
function callbackOf(value, field) {
  if (value == null) return null;
  if (typeof value === 'function') return value;
  throw invalid(`${field} must be a function, not ${show(value)}`);
}

/** @returns {boolean} */
function flagOf(value, field, otherwise = false) {
  if (value == null) return otherwise;
  if (typeof value === 'boolean') return value;
  throw invalid(`${field} must be true or false, not ${show(value)}`);
}

module.exports = { bytesOf, callbackOf, encodingOf, flagOf, pairs, userMetadata };
