'use strict';

// Runs a command with 100 MB of output in the sandbox of the first argument, and prints what it heard,
// what it kept, and by how much its own memory grew at most.

const { readFileSync } = require('node:fs');
const { executeE2bProcess } = require('../../../lib');

const BYTES = 100_000_000;
const MAX_OUTPUT_BYTES = 1_000_000;

async function main(sandboxId) {
  const nothing = { maxOutputBytes: MAX_OUTPUT_BYTES };
  await executeE2bProcess(sandboxId, 'true', null, 20, true, nothing);
  const before = process.memoryUsage.rss();
  let heard = 0;
  const result = await executeE2bProcess(
    sandboxId,
    `head -c ${BYTES} /dev/zero | tr '\\0' x`,
    null,
    50,
    true,
    {
      maxOutputBytes: MAX_OUTPUT_BYTES,
      encoding: 'buffer',
      onStdout: (bytes) => {
        heard += bytes.length;
      },
    },
  );
  const grownMb = Math.max(0, peakOfMemory() - before) / 1024 / 1024;
  const { truncated, stdout } = result;
  console.log(JSON.stringify({ heard, kept: stdout.length, truncated, grownMb }));
}

/** In bytes. Not maxRSS: Linux counts the memory of whoever forked us into that. */
function peakOfMemory() {
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(kilobytes) * 1024;
}

main(process.argv[2]);
