'use strict';

// Tests of tools/counts: the arithmetic behind the closing line of a test run.

const { addCounts, closingLine, lastCounts } = require('../../../tools/counts');

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

test('a line with a title and without skipped tests is read', () => {
  expect(lastCounts('test_buf: 4 passed\nC tests: 7 passed, 1 failed\n')).toEqual({
    passed: 7,
    failed: 1,
    skipped: 0,
  });
});

test('text without a closing line has no counts', () => {
  expect(lastCounts('5 passed')).toBeNull();
});

test('adding no counts gives zeros', () => {
  expect(addCounts()).toEqual({ passed: 0, failed: 0, skipped: 0 });
});
