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

  /**
   * Makes sure that `count` pipes can be opened without waiting.
   * @returns {Promise<boolean>} false: this system has no mkfifo
   */
  async reserve(count) {
    while (this.#available && this.#paths.length < count) await this.#refill();
    if (this.#available && this.#paths.length - count < LOW_WATER) void this.#refill();
    return this.#available;
  }

  /** @returns {{ childFd: number, ownFd: number }} the child writes, the backend reads */
  openOutput() {
    return this.#open((name) => {
      const ownFd = fs.openSync(name, O_RDONLY | O_NONBLOCK);
      return { ownFd, childFd: openOrClose(name, O_WRONLY, ownFd) };
    });
  }

  /** @returns {{ childFd: number, ownFd: number }} the backend writes, the child reads */
  openInput() {
    return this.#open((name) => {
      const holder = fs.openSync(name, O_RDWR); // lets both real ends open without waiting
      try {
        const childFd = fs.openSync(name, O_RDONLY);
        return { childFd, ownFd: openOrClose(name, O_WRONLY | O_NONBLOCK, childFd) };
      } finally {
        fs.closeSync(holder);
      }
    });
  }

  #open(opener) {
    const name = this.#paths.pop();
    try {
      return opener(name);
    } finally {
      fs.unlinkSync(name);
    }
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

function openOrClose(name, flags, other) {
  try {
    return fs.openSync(name, flags);
  } catch (error) {
    fs.closeSync(other);
    throw error;
  }
}

module.exports = { PipePool };
