// The two pages for those who come from E2B say what the scenarios prove, and name what there is.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { SCENARIOS } = require('./scenarios');

const page = (name) => fs.readFileSync(path.join(__dirname, '../../docs', name), 'utf8');
const VERDICTS = ['same', 'differs', 'refused'];

/** @returns {Map<string, string[]>} the cells of each row of an operation */
function rows() {
  const found = [...page('compat.md').matchAll(/^\| `([a-z][\w.-]+)` \|(.*)\|$/gm)];
  return new Map(found.map(([, op, cells]) => [op, cells.split('|').map((cell) => cell.trim())]));
}

test('every operation of the scenarios is in compat.md, and no other', () => {
  const operations = [...new Set(SCENARIOS.map(({ op }) => op))].sort();
  expect([...rows().keys()].sort()).toEqual(operations);
});

test('every operation is the same, differs, or is refused; what differs says how', () => {
  for (const [op, cells] of rows()) {
    const verdict = cells.at(-2);
    expect([op, VERDICTS.includes(verdict)]).toEqual([op, true]);
    if (verdict !== 'same') expect([op, cells.at(-1) !== '']).toEqual([op, true]);
  }
});

test.each(['compat.md', 'coming-from-e2b.md'])('every function that %s names exists', (name) => {
  const text = page(name);
  const named = new Set(text.match(/\b[a-z]+E2b[A-Z]\w*/g));
  expect(named.size).toBeGreaterThan(20);
  expect([...named].filter((one) => typeof require('../..')[one] !== 'function')).toEqual([]);
});

test('every code that coming-from-e2b.md names is one of the table', () => {
  const codes = page('coming-from-e2b.md').match(/`([A-Z]+(_[A-Z]+)*)`/g) ?? [];
  const types = fs.readFileSync(path.join(__dirname, '../../index.d.ts'), 'utf8');
  const known = codes.map((code) => code.slice(1, -1)).filter((code) => code.length > 4);
  expect(known.filter((code) => !code.startsWith('SIG') && !types.includes(code))).toEqual([]);
});
