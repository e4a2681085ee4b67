'use strict';

// Several processes at one store, for the tests of those that can be shared.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { createInterface } = require('node:readline');

const CLAIMER = path.join(__dirname, '..', 'children', 'claimer.js');

/**
 * Lets processes claim all that is idle, each row twice in all.
 *
 * @returns {Promise<{ instance: string, got: [token: string, fence: number, version: number][] }[]>}
 */
async function claimWithProcesses(kind, place, count) {
  const children = Array.from({ length: count }, (_, n) => {
    const instance = `instance-${n}`;
    const args = [CLAIMER, kind, place, instance, '3'];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { instance, child, lines, exit: once(child, 'exit') };
  });
  try {
    for (const { lines } of children) {
      const { value } = await lines.next();
      if (value !== 'ready') throw new Error(`a claimer says ${value}`);
    }
    for (const { child } of children) child.stdin.write('go\n');
    const results = [];
    for (const { instance, lines, exit } of children) {
      const { value } = await lines.next();
      const [status] = await exit;
      if (status !== 0) throw new Error(`a claimer ended with ${status}`);
      results.push({ instance, got: JSON.parse(value) });
    }
    return results;
  } finally {
    for (const { child } of children) child.kill('SIGKILL');
  }
}

module.exports = { claimWithProcesses };
