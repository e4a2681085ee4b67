'use strict';

// How tests run where everything is slow: under valgrind (tools/valgrind.js). Deadlines that only find
// what hangs are so many times longer, and processes that load the addon are run by that node. Must not
// be used for a time that is itself what a test is about.

const SLOWNESS = Number(process.env.E2B_TEST_SLOWNESS ?? 1);
const NODE = process.env.E2B_TEST_NODE ?? process.execPath;

/** @returns {number} a deadline in milliseconds, as long as it has to be here */
const patience = (ms) => ms * SLOWNESS;

module.exports = { NODE, patience };
