// Query parameters and paging of the control plane's lists. Pure.
'use strict';

const { HttpError, json } = require('../answer');

/**
 * @param {URLSearchParams} query
 * @param {string} name
 * @param {{ min?: number, max?: number, fallback: number|undefined }} options
 * @returns {number|undefined}
 * @throws {HttpError} 400
 */
function integer(query, name, { min = 0, max = Number.MAX_SAFE_INTEGER, fallback }) {
  const text = query.get(name);
  if (text === null || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`;
    throw new HttpError(400, `validation error: ${name} must be an integer, ${range}`);
  }
  return value;
}

/** @returns {string|undefined} one of a few words */
function word(query, name, words, fallback) {
  const text = query.get(name);
  if (text === null || text === '') return fallback;
  if (!words.includes(text)) {
    throw new HttpError(400, `validation error: ${name} must be one of ${words.join(', ')}`);
  }
  return text;
}

/**
 * One page of a list whose items have an id; the token is the last id that was shown.
 * @template T
 * @param {T[]} items
 * @param {URLSearchParams} query  `limit`, `nextToken`
 * @param {(item: T) => string} idOf
 * @param {(item: T) => object} view
 * @returns {import('../answer').Answer}
 */
function page(items, query, idOf, view) {
  const limit = integer(query, 'limit', { min: 1, max: 100, fallback: 100 });
  const token = query.get('nextToken');
  let from = 0;
  if (token) {
    const id = Buffer.from(token, 'base64url').toString();
    from = items.findIndex((item) => idOf(item) === id) + 1;
    if (from === 0) throw new HttpError(400, 'Invalid next token');
  }
  const shown = items.slice(from, from + limit);
  const more = from + limit < items.length;
  const next = more ? Buffer.from(idOf(shown.at(-1))).toString('base64url') : null;
  return json(200, shown.map(view), next === null ? {} : { 'x-next-token': next });
}

module.exports = { integer, page, word };
