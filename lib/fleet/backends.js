'use strict';

// `config.backends`: the far ends in the order in which they are tried, each with its own way in. A
// sandbox stays where it was made. Checks and looks up; sends nothing. The ways in are never shown.

const { checkOptions, checkString, invalid, show } = require('../options');

/** Of the only one, where no list was given. */
const DEFAULT_BACKEND = 'default';
const MAX_BACKENDS = 20;

/**
 * @param {unknown} given [{ name, ...connection options }]
 * @param {Record<string, (value: unknown, name: string) => unknown>} checks of the connection options
 * @returns {ReadonlyMap<string, object>} what each adds to, or changes of, the manager's own options
 * @throws {InvalidArgumentError}
 */
function checkBackends(given, checks) {
  if (given == null) return new Map([[DEFAULT_BACKEND, {}]]);
  if (!Array.isArray(given) || given.length === 0 || given.length > MAX_BACKENDS) {
    throw invalid(`backends must be an array of 1 to ${MAX_BACKENDS} backends, not ${show(given)}`);
  }
  const backends = new Map();
  given.forEach((one, index) => {
    const where = `backends[${index}]`;
    if (typeof one !== 'object' || one === null) throw invalid(`${where} must be an object`);
    const { name, ...own } = checkOptions(one, ['name', ...Object.keys(checks)], where);
    checkString(name, `${where}.name`);
    if (name.length > 64) throw invalid(`${where}.name must have at most 64 characters`);
    if (backends.has(name)) throw invalid(`${where}.name '${name}' is there twice`);
    const connection = {};
    for (const [key, value] of Object.entries(own)) {
      connection[key] = checks[key](value, `${where}.${key}`);
    }
    backends.set(name, connection);
  });
  return backends;
}

module.exports = { DEFAULT_BACKEND, checkBackends };
