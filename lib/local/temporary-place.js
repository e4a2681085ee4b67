// Where a backend without a state directory puts its files. In most containers the temporary directory
// lies on overlayfs, over which no other overlay can be laid: sandboxes with files of their own then
// have to lie in memory. Only looks; makes nothing.
'use strict';

const fs = require('node:fs');
const os = require('node:os');

const OVERLAYFS = 0x794c7630; // as statfs() has it
const MEMORY = '/dev/shm';
const LEAST_BYTES = 32 * 1024 * 1024;

/**
 * @param {{ usual?: string, memory?: string }} [places]
 * @returns {{ directory: string, freeBytes: number }|null} a directory in memory, where sandboxes cannot
 *   have files of their own in the usual place and perhaps can there; null: the usual place is as good
 */
function memoryInPlaceOfOverlay({ usual = os.tmpdir(), memory = MEMORY } = {}) {
  if (lookAt(usual)?.type !== OVERLAYFS) return null;
  const found = lookAt(memory);
  if (found === null || found.type === OVERLAYFS || found.freeBytes < LEAST_BYTES) return null;
  return { directory: memory, freeBytes: found.freeBytes };
}

/** @returns {{ type: number, freeBytes: number }|null} null: nothing can be made there */
function lookAt(directory) {
  try {
    fs.accessSync(directory, fs.constants.W_OK | fs.constants.X_OK);
    const { type, bavail, bsize } = fs.statfsSync(directory);
    return { type, freeBytes: bavail * bsize };
  } catch {
    return null;
  }
}

module.exports = { memoryInPlaceOfOverlay };
