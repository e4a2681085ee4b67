'use strict';

// How long a sandbox takes to be had: of a manager with a warm pool, handed out at once while it was
// looked at lately (`healthCheckBypassMs`) and after a look at it; of the official client, which has no
// pool, by a create. Each in ms, p50 and p99.
//
//   node warm-acquire.js '{ "client", "rung", "calls", "creates", "warmUp" }'

const assert = require('node:assert/strict');

const { openManager } = require('./warm-manager');
const { withLocalBackend } = require('./with-local-backend');

/** @returns {Promise<{ ms: number, disturbed: boolean }[]>} another program had the processor meanwhile */
async function timesOf(count, begin, end) {
  const times = [];
  for (let i = 0; i < count; i += 1) {
    const before = process.resourceUsage().involuntaryContextSwitches;
    const startedMs = performance.now();
    const one = await begin();
    const ms = performance.now() - startedMs;
    const disturbed = process.resourceUsage().involuntaryContextSwitches > before;
    times.push({ ms, disturbed });
    await end(one);
  }
  return times;
}

function at(part, times) {
  const sorted = times.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

function summary(times) {
  const quiet = times.filter(({ disturbed }) => !disturbed);
  const ownP99Ms = quiet.length === 0 ? undefined : at(0.99, quiet);
  return { p50Ms: at(0.5, times), p99Ms: at(0.99, times), ownP99Ms };
}

async function acquires(bypassMs, { calls, warmUp }) {
  const manager = await openManager({ healthCheckBypassMs: bypassMs });
  const acquire = () => manager.acquire();
  const release = async (lease) => {
    assert.equal((await lease.release({ recycle: true })).recycled, true);
  };
  await timesOf(warmUp, acquire, release);
  const times = await timesOf(calls, acquire, release);
  manager.assertReused();
  assert.equal((await manager.shutdown()).success, true);
  return summary(times);
}

withLocalBackend(async ({ create, kill }, plan) => {
  if (plan.client === 'e2b') {
    await timesOf(Math.min(plan.warmUp, 5), create, kill);
    const creates = await timesOf(Math.min(plan.creates, plan.calls), create, kill);
    const { p50Ms, p99Ms } = summary(creates);
    return { p50Ms, p99Ms, lookedP50Ms: p50Ms, lookedP99Ms: p99Ms };
  }
  const known = await acquires(600_000, plan);
  const looked = await acquires(0, plan);
  return { ...known, lookedP50Ms: looked.p50Ms, lookedP99Ms: looked.p99Ms };
});
