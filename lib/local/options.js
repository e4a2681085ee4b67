// The options of `startLocalBackend`: defaults, checks, and the refusal of what is misspelt or not in
// this version. Pure, but for a file of faults that is read and one of envd that is looked at.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { parseFaultRules, readFaultFile } = require('./fault-file');
const { Faults } = require('./faults');

/** What old SDKs accept as a key, and what nobody can mistake for a real one. */
const DEVELOPMENT_KEY = `e2b_${'0'.repeat(40)}`;

const OPTION_KEYS = [
  'port',
  'isolation',
  'stateDir',
  'apiKeys',
  'domain',
  'tls',
  'faults',
  'adminKey',
  'limits',
  'templates',
  'envd',
  'envdVersion',
  'log',
];
const LIMIT_DEFAULTS = {
  ...{ maxSandboxes: 1000, maxProcesses: 1000, maxConnections: 10_000 },
  maxTimeoutSeconds: 86_400,
};
const TEMPLATE_KEYS = [
  ...['cpuCount', 'memoryMB', 'diskSizeMB', 'envVars', 'user', 'workdir'],
  ...['startCmd', 'readyCmd', 'root', 'codeInterpreter'],
];
const DOMAIN = /^(?=.{1,200}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const RUNGS = ['auto', 'namespaces', 'root', 'user', 'none'];

/**
 * @param {object} options  see `startLocalBackend`
 * @returns {object} complete and checked
 * @throws {TypeError} with `code` `UNKNOWN_OPTION` or `INVALID_OPTION`
 */
function parseOptions(options = {}) {
  checkKeys('option', options, OPTION_KEYS);
  const { port = 0, isolation = 'auto', apiKeys = [DEVELOPMENT_KEY], stateDir = null } = options;
  const { envdVersion = '0.6.13', log = () => {} } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw invalid('port must be an integer from 0 to 65535');
  }
  if (!RUNGS.includes(isolation)) {
    throw invalid(`isolation must be one of ${RUNGS.join(', ')}; it is '${isolation}'`);
  }
  const { domain = null, tls = domain !== null, adminKey = null } = options;
  if (domain !== null && !(isText(domain) && DOMAIN.test(domain))) {
    throw invalid("domain must be a host name without a port, such as 'e2b.localhost'");
  }
  if (adminKey !== null && !isText(adminKey)) throw invalid('adminKey must be a text');
  if (!Array.isArray(apiKeys) || apiKeys.length === 0 || !apiKeys.every(isText)) {
    throw invalid('apiKeys must be a list of at least one key');
  }
  if (stateDir !== null && !isText(stateDir)) throw invalid('stateDir must be a path');
  if (!/^\d+\.\d+\.\d+$/.test(envdVersion)) throw invalid('envdVersion must be like 0.6.13');
  if (typeof log !== 'function') throw invalid('log must be a function of one line');
  return {
    port,
    isolation,
    ...{ domain, tls: parseTls(tls), faults: parseFaults(options.faults), adminKey },
    apiKeys: [...apiKeys],
    stateDir: stateDir === null ? null : path.resolve(stateDir),
    limits: parseLimits(options.limits),
    templates: parseTemplates(options.templates),
    envd: parseEnvd(options.envd),
    envdVersion,
    log,
  };
}

/** @returns {boolean|{ key: string, cert: string }} */
function parseTls(tls) {
  if (tls === null || typeof tls === 'boolean') return tls ?? false;
  checkKeys('setting of tls', tls, ['key', 'cert']);
  if (isText(tls.key) && isText(tls.cert)) return { key: tls.key, cert: tls.cert };
  throw invalid('tls must be true, false, or { key, cert } as PEM');
}

/** @returns {string|null} null: the built-in one */
function parseEnvd(envd) {
  if (envd === undefined || envd === null || envd === false) return null;
  if (!isText(envd)) throw invalid('envd must be the path of an executable');
  const file = path.resolve(envd);
  try {
    fs.accessSync(file, fs.constants.R_OK | fs.constants.X_OK);
    if (fs.statSync(file).isFile()) return file;
  } catch (error) {
    throw invalid(`envd: ${error.message}`);
  }
  throw invalid(`envd: ${file} is not a file`);
}

/**
 * @param {object[]|{ faults: object[] }|string} faults  a text is the name of a file
 * @returns {import('./faults').FaultRule[]}
 */
function parseFaults(faults = []) {
  try {
    const rules = isText(faults) ? readFaultFile(path.resolve(faults)) : parseFaultRules(faults);
    const trial = new Faults();
    for (const rule of rules) trial.add(rule);
    return rules;
  } catch (error) {
    throw invalid(error.message);
  }
}

function parseLimits(limits = {}) {
  checkKeys('limit', limits, Object.keys(LIMIT_DEFAULTS));
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isInteger(value) || value < 1) throw invalid(`limits.${name} must be 1 or more`);
  }
  return { ...LIMIT_DEFAULTS, ...limits };
}

/** @returns {Record<string, object>} settings by name, also from a mere list of names */
function parseTemplates(templates = {}) {
  const byName = Array.isArray(templates)
    ? Object.fromEntries(templates.map((name) => [name, {}]))
    : { ...templates };
  for (const [name, settings] of Object.entries(byName)) {
    if (!/^[a-z0-9-_]+$/.test(name))
      throw invalid(`template name '${name}' must match [a-z0-9-_]+`);
    checkKeys(`setting of template '${name}'`, settings, TEMPLATE_KEYS);
    const { root } = settings;
    if (root !== undefined && !(isText(root) && path.isAbsolute(root))) {
      throw invalid(`template '${name}': root must be an absolute path`);
    }
  }
  return byName;
}

function checkKeys(what, value, known) {
  if (value === null || typeof value !== 'object') throw invalid(`${what}s must be an object`);
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const message = `unknown ${what} '${key}'; did you mean '${nearest(key, known)}'?`;
    throw optionError('UNKNOWN_OPTION', message);
  }
}

/** @returns {string} the known key with the smallest edit distance */
function nearest(key, known) {
  const scored = known.map((name) => ({ name, distance: editDistance(key, name) }));
  return scored.reduce((best, one) => (one.distance < best.distance ? one : best)).name;
}

function editDistance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = row[j - 1] + (a[i - 1].toLowerCase() === b[j - 1].toLowerCase() ? 0 : 1);
      next[j] = Math.min(swap, row[j] + 1, next[j - 1] + 1);
    }
    row = next;
  }
  return row[b.length];
}

function isText(value) {
  return typeof value === 'string' && value !== '';
}

function invalid(message) {
  return optionError('INVALID_OPTION', message);
}

function optionError(code, message) {
  return Object.assign(new TypeError(`startLocalBackend: ${message}`), { code });
}

module.exports = { DEVELOPMENT_KEY, parseOptions };
