// Real pipes for the processes of the sandboxes. Node gives children socket pairs, on which
// `echo x >/dev/stderr` fails with ENXIO; so named pipes are made in batches, opened at both ends and
// unlinked at once. Without mkfifo(1) the caller falls back to Node's own.
'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');

const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants;
const BATCH = 64;
const LOW_WATER = 16;

class PipePool {
  #directory;
  #paths = [];
  #made = 0;
  #refilling = null;
  #available = true;

  /** @param {string} directory  existing, of the backend's own */
  constructor(directory) {
    this.#directory = directory;
  }

  /** Makes the first batch while nobody waits for it. */
  warm() {
    void this.#refill();
  }

  /**
   * Takes `count` pipes out of the pool; each must then be opened, which removes its name.
   * @returns {Promise<string[]|null>} null: this system has no mkfifo
   */
  async take(count) {
    while (this.#available && this.#paths.length < count) await this.#refill();
    if (!this.#available) return null;
    const names = this.#paths.splice(-count);
    if (this.#paths.length < LOW_WATER) void this.#refill();
    return names;
  }

  #refill() {
    this.#refilling ??= this.#make().finally(() => {
      this.#refilling = null;
    });
    return this.#refilling;
  }

  async #make() {
    const names = Array.from({ length: BATCH }, (_, i) =>
      path.join(this.#directory, `pipe-${this.#made + i}`),
    );
    this.#made += BATCH;
    try {
      await promisify(execFile)('mkfifo', ['-m', '600', ...names]);
      this.#paths.push(...names);
    } catch {
      this.#available = false;
    }
  }
}

/** @returns {{ childFd: number, ownFd: number }} the child writes, the backend reads */
function openOutput(name) {
  return openAndUnlink(name, () => {
    const ownFd = fs.openSync(name, O_RDONLY | O_NONBLOCK);
    return { ownFd, childFd: openOrClose(name, O_WRONLY, ownFd) };
  });
}

/** @returns {{ childFd: number, ownFd: number }} the backend writes, the child reads */
function openInput(name) {
  return openAndUnlink(name, () => {
    const holder = fs.openSync(name, O_RDWR); // lets both real ends open without waiting
    try {
      const childFd = fs.openSync(name, O_RDONLY);
      return { childFd, ownFd: openOrClose(name, O_WRONLY | O_NONBLOCK, childFd) };
    } finally {
      fs.closeSync(holder);
    }
  });
}

function openAndUnlink(name, open) {
  try {
    return open();
  } finally {
    fs.rmSync(name, { force: true });
  }
}

function openOrClose(name, flags, other) {
  try {
    return fs.openSync(name, flags);
  } catch (error) {
    fs.closeSync(other);
    throw error;
  }
}

module.exports = { PipePool, openInput, openOutput };
