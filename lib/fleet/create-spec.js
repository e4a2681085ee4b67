'use strict';

// What a sandbox is made from: the checked, copied form of the `config` that users hand to
// createTradingSandbox, and its fingerprint. Two sandboxes are interchangeable when their
// fingerprints are equal. Ranges (timeout, memory, ...) are checked once, in C.

const { createHash } = require('node:crypto');
const { checkOptions, invalid, show } = require('../options');

const KEYS = [
  'name',
  'template',
  'timeout',
  'memoryMb',
  'cpuCount',
  'env',
  'metadata',
  'autoPause',
  'autoPauseMemory',
  'autoResume',
  'allowInternetAccess',
  'network',
];

/** Handed on as they are; what is not given is not sent. */
const HANDED_ON = ['autoPause', 'autoPauseMemory', 'autoResume', 'allowInternetAccess', 'network'];

/**
 * @param {object} [given] { name, template = 'base', timeout = 3600 (s), memoryMb, cpuCount, env,
 *   metadata, autoPause, autoPauseMemory, autoResume, allowInternetAccess, network }
 * @param {() => string} makeName for a sandbox without a name
 * @returns {Readonly<object>} spec, with `fingerprint`
 * @throws {InvalidArgumentError} UNKNOWN_OPTION, INVALID_ARGUMENT
 */
function createSpec(given, makeName) {
  const config = checkOptions(given, KEYS, 'the sandbox');
  const spec = {
    name: config.name === undefined ? makeName() : config.name,
    template: config.template ?? 'base',
    timeout: config.timeout ?? 3600,
    memoryMb: config.memoryMb ?? null,
    cpuCount: config.cpuCount ?? null,
    env: copyOf(config.env, 'env'),
    metadata: copyOf(config.metadata, 'metadata'),
  };
  for (const key of HANDED_ON) {
    if (config[key] != null) spec[key] = structuredClone(config[key]);
  }
  return Object.freeze({ ...spec, fingerprint: fingerprint(spec) });
}

// A copy, so that a later change of the user's object cannot change what recovery creates again.
function copyOf(value, field) {
  if (value == null) return Object.freeze({});
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(`${field} must be an object of strings, not ${show(value)}`);
  }
  return Object.freeze({ ...value });
}

/**
 * The key of the pool: everything of a spec that a user of the sandbox could notice. Only the name
 * stays out: it is a label. An unspecified resource is equal to an unspecified one alone.
 */
function fingerprint({ name: _name, ...rest }) {
  return createHash('sha256').update(canonical(rest)).digest('hex').slice(0, 32);
}

/** JSON with sorted keys. */
function canonical(value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  const fields = Object.keys(value).sort();
  return `{${fields.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join()}}`;
}

module.exports = { HANDED_ON, createSpec };
