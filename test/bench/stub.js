'use strict';

// The far end of the benchmark as an object: compiles stub/*.c, runs it, asks it what it was asked and
// what it has used. It ends with its stdin, so also when this process is killed.

const { spawn } = require('node:child_process');
const { once } = require('node:events');

const { compile, temporaryFolder } = require('./compile');

const SOURCES = ['stub.c', 'routes.c', 'stream.c', 'pour.c'].map((name) => `stub/${name}`);
const START_TIMEOUT_MS = 10_000;
const API_KEY = `e2b_${'0123456789'.repeat(4)}`;

class Stub {
  #child;
  #ended;

  constructor(child, port) {
    this.#child = child;
    this.#ended = once(child, 'close');
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    /** What a client needs in its environment. */
    this.env = { E2B_API_KEY: API_KEY, E2B_API_URL: this.url, E2B_SANDBOX_URL: this.url };
  }

  /** @returns {Promise<Stub>} */
  static async start() {
    const folder = temporaryFolder();
    try {
      const file = compile(folder.path, 'stub', SOURCES);
      const child = spawn(file, [API_KEY], { stdio: ['pipe', 'pipe', 'inherit'] });
      const [port] = await once(child.stdout, 'data', {
        signal: AbortSignal.timeout(START_TIMEOUT_MS),
      });
      return new Stub(child, Number(port));
    } finally {
      folder.remove(); // what runs needs its file no more
    }
  }

  /**
   * @returns {Promise<{ creates: number, describes: number, starts: number, downloads: number,
   *   uploads: number, uploadedBytes: number, http2: number, refusals: number, frames: number,
   *   connections: number, cpuUs: number }>} since it was started
   */
  async usage() {
    const answer = await fetch(`${this.url}/usage`);
    return answer.json();
  }

  async close() {
    this.#child.stdin.end();
    await this.#ended;
  }
}

module.exports = { Stub };
