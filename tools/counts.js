'use strict';

// Counting tests: adding up the counts of several runners, the closing line, and reading such a line
// back (`TITLE: N passed, N failed` of the C tests as well). Pure functions; must not run or print
// anything.

const LINE = /^(?:[^:]+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

/** @returns {{ passed: number, failed: number, skipped: number }} the sum of the given counts */
function addCounts(...all) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const counts of all) {
    for (const key of Object.keys(sum)) sum[key] += counts[key];
  }
  return sum;
}

function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** The counts of the last closing line in `text`, or null when it has none. */
function lastCounts(text) {
  for (const line of text.trimEnd().split('\n').reverse()) {
    const match = LINE.exec(line.trim());
    if (match) return { passed: +match[1], failed: +match[2], skipped: +(match[3] ?? 0) };
  }
  return null;
}

module.exports = { addCounts, closingLine, lastCounts };
