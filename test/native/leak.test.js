'use strict';

// Memory over many calls, in a process of its own against the C stub. It has to flatten: what a call
// leaves behind for good, reachable or not, grows with their number. Blocks that nobody refers to any
// more are found more exactly under LeakSanitizer and valgrind; under those this file is not run.

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const { Stub } = require('../bench/stub');

const CHILD = path.join(__dirname, 'children', 'many-calls.js');
// V8's young generation and its optimized code grow for as long as one looks.
const FLAGS = ['--expose-gc', '--max-semi-space-size=1', '--no-opt'];
const CALLS = Number(process.env.E2B_SWARM_LEAK_CALLS ?? 20_000);
const MIB = 1024 * 1024;

test(`the memory of ${CALLS} calls flattens`, async () => {
  const stub = await Stub.start();
  try {
    const args = [...FLAGS, CHILD, String(CALLS), String(CALLS / 20)];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, ...stub.env },
    });
    const residents = JSON.parse(stdout);
    const middle = residents[residents.length / 2 - 1];
    const grownMb = residents.map((bytes) => (bytes - middle) / MIB);
    expect(grownMb.at(-1)).toBeLessThan(2);
  } finally {
    await stub.close();
  }
}, 120_000);
