// Tests of tools/counts: the arithmetic behind the closing line of a test run.
'use strict';

const { addCounts, allCounts, closingLine, lastCounts } = require('../../../tools/counts');

test('the closing line is read back as the counts it was made from', () => {
  const counts = { passed: 12, failed: 1, skipped: 0 };
  expect(lastCounts(`noise\n${closingLine(counts)}\n`)).toEqual(counts);
});

test('the last of several closing lines wins', () => {
  expect(lastCounts('1 passed, 0 failed, 0 skipped\n2 passed, 0 failed, 0 skipped')).toEqual({
    passed: 2,
    failed: 0,
    skipped: 0,
  });
});

test('the lines of several executables are summed', () => {
  expect(allCounts('1 passed, 0 failed, 0 skipped\nx\n2 passed, 1 failed, 3 skipped\n')).toEqual({
    passed: 3,
    failed: 1,
    skipped: 3,
  });
});

test('text without a closing line has no counts', () => {
  expect(lastCounts('5 passed')).toBeNull();
  expect(allCounts('nothing here\n')).toBeNull();
});

test('adding no counts gives zeros', () => {
  expect(addCounts()).toEqual({ passed: 0, failed: 0, skipped: 0 });
});
