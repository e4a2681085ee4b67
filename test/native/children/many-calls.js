'use strict';

// Makes many calls in rounds and prints the resident memory after each, once the garbage is gone:
// calls that succeed, that are refused, that are cancelled, and streams. Run with --expose-gc.
//
//   node --expose-gc many-calls.js CALLS STREAMS

const { readFileSync } = require('node:fs');
const {
  createE2bSandbox,
  executeE2bProcess,
  getE2bSandboxStatus,
  listE2bSandboxes,
} = require('../../../lib');

const ROUNDS = 10;
const AT_ONCE = 100;

/** Carries out `count` of them, a bounded number at once. */
async function carryOut(count, work) {
  let next = 0;
  const one = async () => {
    while (next < count) {
      next += 1;
      await work(next);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

async function refused(promise, code) {
  const error = await promise.then(
    () => null,
    (reason) => reason,
  );
  if (error?.code !== code) throw new Error(`not ${code}`, { cause: error });
}

async function call(id, n) {
  if (n % 20 === 0) return refused(listE2bSandboxes(), 'NOT_FOUND'); // the stub knows no list
  if (n % 20 === 1) {
    const signal = AbortSignal.abort();
    return refused(getE2bSandboxStatus(id, { metrics: false, signal }), 'CANCELLED');
  }
  return getE2bSandboxStatus(id, { metrics: false });
}

async function stream(id, n) {
  if (n % 10 > 0) {
    let seen = 0;
    await executeE2bProcess(id, 'go', null, 60, true, {
      onStdout: (text) => (seen += text.length),
    });
    if (seen !== 1000) throw new Error(`${seen} characters of output`);
    return;
  }
  const controller = new AbortController();
  const options = { onStdout: () => controller.abort(), signal: controller.signal };
  await refused(executeE2bProcess(id, 'go', null, 60, true, options), 'CANCELLED');
}

async function residentBytes() {
  for (let i = 0; i < 3; i += 1) {
    global.gc();
    await new Promise(setImmediate);
  }
  const [, kilobytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(kilobytes) * 1024;
}

async function main(calls, streams) {
  const { sandboxId } = await createE2bSandbox('leak', 'base', 600);
  const residents = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await carryOut(calls / ROUNDS, (n) => call(sandboxId, n));
    await carryOut(streams / ROUNDS, (n) => stream(sandboxId, n));
    residents.push(await residentBytes());
  }
  console.log(JSON.stringify(residents));
}

main(Number(process.argv[2]), Number(process.argv[3]));
