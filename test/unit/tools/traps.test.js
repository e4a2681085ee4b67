'use strict';

// docs/traps.md beside the tests that it names: a title that was changed, or a test that is gone, is
// found here and not by a reader.

const { isTitled, read } = require('../../helpers/titles');

const ROW = /^\| (.+?) \| `(test\/[\w/.-]+)` \| (.+) \|$/;
const lines = read('docs/traps.md').split('\n');
const rows = lines.flatMap((line) => {
  const [, trap, file, title] = ROW.exec(line) ?? [];
  return trap === undefined ? [] : [[trap, file, title]];
});

test('every line of the table is a trap, a file and a title', () => {
  const inTable = lines.filter((line) => line.startsWith('| ') && !line.startsWith('| trap '));
  expect(rows).toHaveLength(inTable.length);
  expect(rows.length).toBeGreaterThan(30);
});

test.each(rows)('%s: %s has its test', (_, file, title) => {
  expect(isTitled(read(file), title)).toBe(true);
});

test('every test of traps.test.js is in the table', () => {
  const file = 'test/native/traps.test.js';
  const here = [...read(file).matchAll(/^ {2}test\((['"])(.+)\1,/gm)].map(([, , title]) => title);
  const named = rows.filter((row) => row[1] === file).map(([, , title]) => title);
  expect(named.sort()).toEqual(here.sort());
});
