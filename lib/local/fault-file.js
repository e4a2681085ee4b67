// Fault rules as JSON, from a file or over the admin route: what a program says with regular
// expressions and bytes is spelt `{ "regex": "...", "flags": "i" }` and `{ "base64": "..." }`.
'use strict';

const fs = require('node:fs');

/**
 * @param {string} file  a JSON list of rules, or `{ "faults": [...] }`
 * @returns {import('./faults').FaultRule[]}
 * @throws {TypeError} with the file's name
 */
function readFaultFile(file) {
  try {
    return parseFaultRules(JSON.parse(fs.readFileSync(file, 'utf8')));
  } catch (error) {
    throw new TypeError(`faults in ${file}: ${error.message}`, { cause: error });
  }
}

/**
 * @param {object[]|{ faults: object[] }} value
 * @returns {import('./faults').FaultRule[]}
 * @throws {TypeError}
 */
function parseFaultRules(value) {
  const rules = Array.isArray(value) ? value : value?.faults;
  if (!Array.isArray(rules)) throw new TypeError('faults: expected a list of rules');
  return rules.map(parseFaultRule);
}

/** @returns {import('./faults').FaultRule} what needs no translation stays as it is */
function parseFaultRule(value) {
  if (value === null || typeof value !== 'object') throw new TypeError('fault must be an object');
  const rule = { ...value };
  if (rule.match !== null && typeof rule.match === 'object') {
    const entries = Object.entries(rule.match).map(([key, wanted]) => [key, parseWanted(wanted)]);
    rule.match = Object.fromEntries(entries);
  }
  if (typeof rule.action?.body?.base64 === 'string') {
    rule.action = { ...rule.action, body: Buffer.from(rule.action.body.base64, 'base64') };
  }
  return rule;
}

function parseWanted(wanted) {
  if (typeof wanted?.regex === 'string') return new RegExp(wanted.regex, wanted.flags);
  if (typeof wanted === 'string' || typeof wanted?.test === 'function') return wanted;
  throw new TypeError('fault match: a text or { "regex": "..." }');
}

module.exports = { parseFaultRules, readFaultFile };
