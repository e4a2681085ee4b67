'use strict';

// A jest reporter that ends the run with `N passed, N failed, N skipped` as the last line on stdout,
// or, when E2B_SWARM_COUNTS names a file, appends those counts there as a JSON line (tools/test.js
// adds up several runs that way). It must not write before jest's own summary is out.

const fs = require('node:fs');

const { closingLine } = require('./counts');

class CountReporter {
  // A suite that does not load has no failed tests of its own, so it counts as one.
  onRunComplete(_contexts, results) {
    const counts = {
      passed: results.numPassedTests,
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    const file = process.env.E2B_SWARM_COUNTS;
    if (file) fs.appendFileSync(file, `${JSON.stringify(counts)}\n`);
    else process.once('exit', () => process.stdout.write(`${closingLine(counts)}\n`));
  }
}

module.exports = CountReporter;
