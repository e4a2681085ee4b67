'use strict';

// One measurement in a process of its own: warms one client up, then measures calls, `concurrency` at
// a time, and prints what these cost this process as JSON.
//
//   node calls.js '{ "client", "operation", "concurrency", "calls", "warmUp", "delay" }'

const fs = require('node:fs');
const { monitorEventLoopDelay, performance } = require('node:perf_hooks');

const { FILE_BYTES } = require('../sizes');
const { openClient } = require('../clients');
const { finish } = require('./finish');

const CHUNK_BYTES = 65_536;
const DELAY_RESOLUTION_MS = 1;

// Nanoseconds on a processor: the first thread of a process has its number.
function mainCpuMs() {
  const file = `/proc/self/task/${process.pid}/schedstat`;
  return Number(fs.readFileSync(file, 'utf8').split(' ')[0]) / 1e6;
}

async function repeat(call, count, concurrency) {
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

function* chunks(bytes) {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    yield bytes.subarray(at, at + CHUNK_BYTES);
  }
}

function callOf(operations, operation) {
  if (!operation.startsWith('upload')) return operations[operation];
  const bytes = Buffer.alloc(FILE_BYTES, 'x');
  return () => operations[operation](bytes, chunks);
}

finish(async ({ client, operation, concurrency, calls, warmUp, delay }) => {
  const call = callOf(await openClient(client, concurrency), operation);
  await repeat(call, warmUp, concurrency);
  // Its timer costs CPU: only where it is what is asked for.
  const delays = delay ? monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS }) : null;
  delays?.enable();
  const utilization = performance.eventLoopUtilization();
  const beforeMainMs = mainCpuMs();
  const before = process.cpuUsage();
  const startedMs = performance.now();
  await repeat(call, calls, concurrency);
  const wallMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(before);
  const cpuUs = (user + system) / calls;
  return {
    cpuUs,
    cpuMs: cpuUs / 1000,
    mainCpuMs: (mainCpuMs() - beforeMainMs) / calls,
    wallMs,
    elu: performance.eventLoopUtilization(utilization).utilization,
    delayP99Ms: delays && Math.max(0, delays.percentile(99) / 1e6 - DELAY_RESOLUTION_MS),
  };
});
