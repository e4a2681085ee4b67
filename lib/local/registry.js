// All sandboxes of a backend: creation within the limit, lookup, and the end, by request or by time.
// One timer serves all of them. It does not know HTTP.
'use strict';

const { randomBytes } = require('node:crypto');
const { HttpError } = require('./answer');
const { Sandbox } = require('./sandbox');

const MAX_TIMER_MS = 0x7fffffff;
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

class Registry {
  #sandboxes = new Map();
  #creating = new Set(); // promises of sandboxes that are being made
  #timer = null;
  #ending = new Set(); // promises of sandboxes whose files and processes are being removed
  #host;
  #maxSandboxes;
  #log;

  /**
   * @param {object} host  `{ directory, table, reaper, pipes, maxProcesses }`, handed to every sandbox
   * @param {{ maxSandboxes: number, log: (line: string) => void }} options
   */
  constructor(host, { maxSandboxes, log }) {
    this.#host = host;
    this.#maxSandboxes = maxSandboxes;
    this.#log = log;
  }

  /**
   * @param {{ template: object, timeoutSeconds: number, metadata: object, envVars: object }} spec
   * @returns {Promise<Sandbox>} running
   * @throws {HttpError} 429 at the limit
   */
  async create({ template, timeoutSeconds, metadata, envVars }) {
    if (this.#sandboxes.size + this.#creating.size >= this.#maxSandboxes) {
      throw new HttpError(
        429,
        'you have reached the maximum number of concurrent E2B sandboxes ' +
          `(${this.#maxSandboxes}); kill one, or raise limits.maxSandboxes of the local backend`,
      );
    }
    const token = randomBytes(32).toString('hex');
    const id = newSandboxId();
    const sandbox = new Sandbox({ id, template, token, metadata, envVars }, this.#host);
    const prepared = sandbox.prepare();
    this.#creating.add(prepared);
    try {
      await prepared.catch((error) => {
        throw new HttpError(500, `the sandbox's files cannot be made: ${error.message}`, {
          errorCode: 'sandbox_create_failed',
        });
      });
      sandbox.startedAt = Date.now();
      sandbox.endAt = sandbox.startedAt + timeoutSeconds * 1000;
      this.#sandboxes.set(id, sandbox);
      this.#schedule();
      return sandbox;
    } finally {
      this.#creating.delete(prepared);
    }
  }

  /** @returns {Sandbox|undefined} */
  get(id) {
    return this.#sandboxes.get(id);
  }

  /** @returns {Sandbox[]} in the order of their start */
  list() {
    return [...this.#sandboxes.values()];
  }

  /** @param {number} endAt  milliseconds since the epoch */
  setEnd(sandbox, endAt) {
    sandbox.endAt = endAt;
    this.#schedule();
  }

  /**
   * Ends a sandbox: unknown from this moment on, connections cut, then its processes killed.
   * @returns {Promise<number>|null} processes that could not be killed; null: no such sandbox
   */
  remove(id, reason) {
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox) return null;
    this.#sandboxes.delete(id);
    this.#schedule();
    sandbox.cut();
    this.#log(`sandbox ${id} ended: ${reason}`);
    const killed = sandbox.processes.used ? this.#host.reaper.kill(id) : Promise.resolve(0);
    const ending = killed
      .then(() => sandbox.removeFiles())
      .catch((error) => this.#log(`sandbox ${id}: ${error.message}`))
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    return killed;
  }

  /**
   * Ends all sandboxes and waits until their files are gone too.
   * @returns {Promise<number>} processes that could not be killed
   */
  async removeAll(reason) {
    await Promise.allSettled(this.#creating);
    const removals = this.list().map(({ id }) => this.remove(id, reason));
    const left = (await Promise.all(removals)).reduce((sum, count) => sum + count, 0);
    await Promise.all(this.#ending);
    return left;
  }

  /** For an exit listener: kills without waiting for the event loop. */
  killAllSync() {
    for (const sandbox of this.#sandboxes.values()) sandbox.cut();
    this.#sandboxes.clear();
    return this.#host.reaper.killAllSync();
  }

  #schedule() {
    clearTimeout(this.#timer);
    let next = Infinity;
    for (const { endAt } of this.#sandboxes.values()) next = Math.min(next, endAt);
    if (next === Infinity) return;
    const waitMs = Math.min(Math.max(0, next - Date.now()), MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.#expire(), waitMs);
    this.#timer.unref();
  }

  #expire() {
    const now = Date.now();
    for (const { id, endAt } of this.list()) if (endAt <= now) void this.remove(id, 'timeout');
    this.#schedule();
  }
}

/** `i` and 20 characters of [a-z0-9], as E2B makes them. */
function newSandboxId() {
  const bytes = randomBytes(20);
  return `i${Array.from(bytes, (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('')}`;
}

module.exports = { Registry };
