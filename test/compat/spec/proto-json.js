// Checks the JSON form of a protobuf message by its definition: names, types, encodings, one member
// of a oneof. A field that the definition does not have is a finding.
'use strict';

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.(\d{3}|\d{6}|\d{9}))?Z$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const isInteger = (least, most) => (value) =>
  Number.isInteger(value) && value >= least && value <= most;

const SCALARS = {
  string: (value) => typeof value === 'string',
  bool: (value) => typeof value === 'boolean',
  bytes: (value) => typeof value === 'string' && BASE64.test(value),
  uint32: isInteger(0, 2 ** 32 - 1),
  int32: isInteger(-(2 ** 31), 2 ** 31 - 1),
  sint32: isInteger(-(2 ** 31), 2 ** 31 - 1),
  int64: (value) => typeof value === 'string' && /^-?\d{1,19}$/.test(value),
  'google.protobuf.Timestamp': (value) => typeof value === 'string' && TIMESTAMP.test(value),
};

/**
 * @param {import('./proto-files').Interface} definitions
 * @param {string} type  name of a message
 * @param {unknown} value
 * @param {string} [at]  where in the message this is
 * @returns {string[]} what is wrong; empty: nothing
 */
function messageProblems(definitions, type, value, at = type) {
  if (!isObject(value)) return [`${at} is not an object`];
  const fields = definitions.messages.get(type);
  const problems = [];
  const used = new Map();
  for (const [name, member] of Object.entries(value)) {
    const field = fields.get(name);
    if (!field) {
      problems.push(`${at} has no field '${name}'`);
      continue;
    }
    if (field.oneof) used.set(field.oneof, [...(used.get(field.oneof) ?? []), name]);
    problems.push(...fieldProblems(definitions, { field, scope: type }, member, `${at}.${name}`));
  }
  for (const [group, names] of used) {
    if (names.length > 1) problems.push(`${at} has ${names.join(' and ')} of the oneof ${group}`);
  }
  return problems;
}

function fieldProblems(definitions, { field, scope }, value, at) {
  if (field.map) {
    if (!isObject(value)) return [`${at} is not a map`];
    const [, type] = field.map;
    return Object.entries(value).flatMap(([key, one]) =>
      valueProblems(definitions, { type, scope }, one, `${at}.${key}`),
    );
  }
  const { type, repeated } = field;
  if (!repeated) return valueProblems(definitions, { type, scope }, value, at);
  if (!Array.isArray(value)) return [`${at} is not a list`];
  return value.flatMap((one, i) => valueProblems(definitions, { type, scope }, one, `${at}[${i}]`));
}

function valueProblems(definitions, { type, scope }, value, at) {
  const scalar = SCALARS[type];
  if (scalar) return scalar(value) ? [] : [`${at} is not of the type ${type}`];
  const named = [`${scope}.${type}`, type];
  const enumName = named.find((name) => definitions.enums.has(name));
  if (enumName) {
    return definitions.enums.get(enumName).has(value) ? [] : [`${at} is no ${enumName}`];
  }
  const message = named.find((name) => definitions.messages.has(name));
  if (message === undefined) throw new Error(`proto: no type '${type}'`);
  return messageProblems(definitions, message, value, at);
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

module.exports = { messageProblems };
