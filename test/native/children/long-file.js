'use strict';

// Writes a long file into the sandbox of the first argument as a stream, reads it back as one, and
// prints whether it is the same, and by how much its own memory grew at most. The second argument is
// the length in MiB.

const { createHash, randomBytes } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { readE2bFile, writeE2bFile } = require('../../../lib');

const MIB = 1024 * 1024;

async function main(sandboxId, length) {
  await writeE2bFile(sandboxId, 'first', ['x']);
  const piece = randomBytes(MIB);
  const written = createHash('sha1');
  function* pieces() {
    for (let i = 0; i < length; i++) {
      piece.writeUInt32LE(i);
      written.update(piece);
      yield piece;
    }
  }
  const before = process.memoryUsage.rss();
  await writeE2bFile(sandboxId, 'long', pieces(), { size: length * MIB });
  const stream = await readE2bFile(sandboxId, 'long', { encoding: 'stream' });
  const read = createHash('sha1');
  let bytes = 0;
  for await (const chunk of stream) {
    read.update(chunk);
    bytes += chunk.length;
  }
  const grownMb = (peakOfMemory() - before) / MIB;
  console.log(
    JSON.stringify({ bytes, same: written.digest('hex') === read.digest('hex'), grownMb }),
  );
}

/** In bytes. Not maxRSS: Linux counts the memory of whoever forked us into that. */
function peakOfMemory() {
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(kilobytes) * 1024;
}

main(process.argv[2], Number(process.argv[3]));
