'use strict';

// What is measured, with how many calls, and which ratio to the official SDK each is to reach. The
// same wire requests on both sides; which they are stands with each operation in clients/.

/** Rounds of the short and of the long cases: an odd number, for a median. */
const CALL_ROUNDS = 5;
const STREAM_ROUNDS = 3;

/** `calls` are measured after as many that warm up. */
const CASES = [
  call('one call at a time', 1, 2_000, 4),
  call('10 calls at a time', 10, 4_000, 8),
  call('100 calls at a time', 100, 5_000, 8),
  {
    name: '1,000 streams at a time',
    operation: 'stream',
    concurrency: 1_000,
    calls: 1_000,
    rounds: STREAM_ROUNDS,
    target: 6,
  },
];

function call(name, concurrency, calls, target) {
  return { name, operation: 'get', concurrency, calls, rounds: CALL_ROUNDS, target };
}

/** What each operation is on the wire, and the counter of the stub that grows by one with each. */
const OPERATIONS = {
  get: {
    count: 'describes',
    says: 'GET /sandboxes/{id}: getE2bSandboxStatus(id, { metrics: false }) | Sandbox.getInfo(id)',
  },
  stream: {
    count: 'starts',
    says: 'POST /process.Process/Start, ten frames of 100 bytes, 50 ms apart, to a callback: executeE2bProcess | sandbox.commands.run',
  },
};

/** Loading, each in fresh processes that have done nothing else. */
const LOADS = [
  { name: "require('e2b-swarm')", what: 'e2b-swarm', targetMs: 5 },
  { name: 'the addon, at the first call', what: 'addon', targetMs: null },
  { name: "import('e2b')", what: 'e2b', targetMs: null },
];
const LOAD_PROCESSES = 15;

module.exports = { CASES, LOADS, LOAD_PROCESSES, OPERATIONS };
