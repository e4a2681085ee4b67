'use strict';

// What users say of a sandbox's network, checked and brought into the words of the wire. Must send
// nothing, and know nothing of what a far end enforces.

const { checkNumber, checkOptions, checkString, invalid, show } = require('../options');
const { pairs } = require('./arguments');

const EGRESS_KEYS = ['allowOut', 'denyOut', 'rules', 'egressProxy'];
const CREATE_KEYS = [...EGRESS_KEYS, 'allowPublicTraffic', 'maskRequestHost', 'httpsPorts'];
const PROXY_KEYS = ['address', 'username', 'password'];
const PORT = { min: 1, max: 65_535, integer: true };

/**
 * @param {unknown} network the rules of a running sandbox, without allowInternetAccess
 * @returns {object} of the wire
 */
function egressOf({ allowOut, denyOut, rules, egressProxy }) {
  return given({
    allowOut: listOf(allowOut, 'network.allowOut', checkString),
    denyOut: listOf(denyOut, 'network.denyOut', checkString),
    rules: rulesOf(rules),
    egressProxy: proxyOf(egressProxy),
  });
}

/**
 * @param {unknown} network of a create
 * @returns {object|undefined} of the wire; undefined when nothing was given
 */
function networkOf(network) {
  if (network == null) return undefined;
  const checked = checkOptions(network, CREATE_KEYS, 'network');
  const { allowPublicTraffic, maskRequestHost, httpsPorts } = checked;
  if (allowPublicTraffic != null && typeof allowPublicTraffic !== 'boolean') {
    throw invalid(
      `network.allowPublicTraffic must be true or false, not ${show(allowPublicTraffic)}`,
    );
  }
  if (maskRequestHost != null) checkString(maskRequestHost, 'network.maskRequestHost');
  return given({
    ...egressOf(checked),
    allowPublicTraffic,
    maskRequestHost,
    httpsPorts: listOf(httpsPorts, 'network.httpsPorts', (port, field) =>
      checkNumber(port, field, PORT),
    ),
  });
}

function rulesOf(rules) {
  if (rules == null) return undefined;
  objectOf(rules, 'network.rules');
  for (const [host, list] of Object.entries(rules)) {
    listOf(list ?? null, `network.rules.${host}`, checkRule);
  }
  return rules;
}

function checkRule(rule, field) {
  const { transform } = checkOptions(objectOf(rule, field), ['transform'], field);
  if (transform == null) return;
  const where = `${field}.transform`;
  pairs(checkOptions(objectOf(transform, where), ['headers'], where).headers, `${where}.headers`);
}

function proxyOf(proxy) {
  if (proxy == null) return proxy;
  const field = 'network.egressProxy';
  const checked = checkOptions(objectOf(proxy, field), PROXY_KEYS, field);
  checkString(checked.address, `${field}.address`);
  for (const name of ['username', 'password']) {
    if (checked[name] != null && typeof checked[name] !== 'string') {
      throw invalid(`${field}.${name} must be a string`); // never says what it is
    }
  }
  return checked;
}

function objectOf(value, field) {
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  throw invalid(`${field} must be an object, not ${show(value)}`);
}

function listOf(value, field, check) {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw invalid(`${field} must be a list, not ${show(value)}`);
  for (const [i, item] of value.entries()) check(item, `${field}[${i}]`);
  return value;
}

function given(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

module.exports = { EGRESS_KEYS, egressOf, networkOf };
