// All sandboxes of a backend, running and paused: creation within the limit, lookup, and the end, by
// request or by time. One timer serves all of them. It does not know HTTP; what a sandbox goes
// through between its creation and its end is in `transitions.js`.
'use strict';

const { createHmac, randomBytes } = require('node:crypto');
const { HttpError } = require('./answer');
const { Sandbox } = require('./sandbox');

const MAX_TIMER_MS = 0x7fffffff;
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

class Registry {
  #sandboxes = new Map();
  #starting = new Set(); // promises of sandboxes that are not running yet and will count
  #timer = null;
  #ending = new Set(); // promises of sandboxes whose files and processes are being removed
  #host;
  #seed;
  #maxSandboxes;
  #log;

  /** What to do with a sandbox whose time is over; `transitions.js` puts its own here. */
  onExpire = ({ id }) => void this.remove(id, 'timeout');

  /** Removes what lies elsewhere of a sandbox that has ended; also `transitions.js`'s. */
  onRemoved = async () => {};

  /**
   * @param {import('./sandbox').Host} host  handed to every sandbox
   * @param {{ seed: string, maxSandboxes: number, log: (line: string) => void }} options  `seed`: of
   *   the tokens, which are the same again when a sandbox comes back from disk
   */
  constructor(host, { seed, maxSandboxes, log }) {
    this.#host = host;
    this.#seed = seed;
    this.#maxSandboxes = maxSandboxes;
    this.#log = log;
  }

  /**
   * @param {{ template: object, timeoutSeconds: number, metadata: object, envVars: object,
   *   settings: import('./create-request').Settings }} spec
   * @param {(sandbox: Sandbox) => Promise<void>} [beforeBoot]  may put files into it
   * @returns {Promise<Sandbox>} running
   * @throws {HttpError} 429 at the limit, 500
   */
  async create({ timeoutSeconds, ...spec }, beforeBoot = async () => {}) {
    const sandbox = this.build({ ...spec, id: newSandboxId() });
    const { life } = sandbox;
    await this.starting(async () => {
      try {
        await beforeBoot(sandbox);
        await life.boot();
        await life.startCommand();
        if (sandbox.lost !== null) throw new Error(sandbox.lost);
      } catch (error) {
        await this.#end(sandbox).catch(() => {}); // what failed first is what is told
        if (error instanceof HttpError) throw error;
        throw new HttpError(500, `the sandbox cannot be started: ${error.message}`, {
          errorCode: 'sandbox_create_failed',
        });
      }
      sandbox.startedAt = Date.now();
      sandbox.endAt = sandbox.startedAt + timeoutSeconds * 1000;
      this.add(sandbox);
    });
    return sandbox;
  }

  /** @returns {Sandbox} neither started nor known */
  build(spec) {
    const tokenOf = (what) => createHmac('sha256', this.#seed).update(what).digest('hex');
    const sandbox = new Sandbox({ ...spec, token: tokenOf(spec.id) }, this.#host);
    if (spec.settings.network?.allowPublicTraffic === false) {
      sandbox.trafficToken = tokenOf(`sandbox-traffic-${spec.id}`);
    }
    return sandbox;
  }

  /** Takes a sandbox in, running or paused. */
  add(sandbox) {
    this.#sandboxes.set(sandbox.id, sandbox);
    this.schedule();
  }

  /**
   * Counts work that ends with one more running sandbox.
   * @throws {HttpError} 429 at the limit
   */
  async starting(work) {
    if (this.running().length + this.#starting.size >= this.#maxSandboxes) {
      throw new HttpError(
        429,
        'you have reached the maximum number of concurrent E2B sandboxes ' +
          `(${this.#maxSandboxes}); kill one, or raise limits.maxSandboxes of the local backend`,
      );
    }
    const promise = work();
    this.#starting.add(promise);
    try {
      return await promise;
    } finally {
      this.#starting.delete(promise);
    }
  }

  /** @returns {Sandbox|undefined} */
  get(id) {
    return this.#sandboxes.get(id);
  }

  /** @returns {Sandbox[]} in the order of their creation */
  list() {
    return [...this.#sandboxes.values()];
  }

  /** @returns {Sandbox[]} */
  running() {
    return this.list().filter(({ state }) => state === 'running');
  }

  /** @param {number} endAt  milliseconds since the epoch */
  setEnd(sandbox, endAt) {
    sandbox.endAt = endAt;
    this.schedule();
  }

  /**
   * Ends a sandbox: unknown from this moment on, connections cut, then its processes killed.
   * @returns {Promise<number>|null} processes that could not be killed; null: no such sandbox
   */
  remove(id, reason) {
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox) return null;
    this.#sandboxes.delete(id);
    this.schedule();
    sandbox.cut();
    this.#log(`sandbox ${id} ended: ${reason}`);
    return this.#end(sandbox);
  }

  /** Processes first, which is what the returned promise waits for; the files go after that. */
  #end(sandbox) {
    sandbox.cut();
    const stopped = Promise.resolve(sandbox.transition?.done)
      .catch(() => {}) // told to who asked for it
      .then(() => sandbox.life.stop());
    const ending = stopped
      .then(() => Promise.all([sandbox.removeFiles(), this.onRemoved(sandbox)]))
      .catch((error) => this.#log(`sandbox ${sandbox.id}: ${error.message}`))
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
    return stopped;
  }

  /**
   * Ends all sandboxes and waits until their files are gone too.
   * @param {string} reason
   * @param {(sandbox: Sandbox) => boolean} [wanted]  default: all
   * @returns {Promise<number>} processes that could not be killed
   */
  async removeAll(reason, wanted = () => true) {
    await Promise.allSettled(this.#starting);
    const removals = this.list()
      .filter(wanted)
      .map(({ id }) => this.remove(id, reason));
    const left = (await Promise.all(removals)).reduce((sum, count) => sum + count, 0);
    await Promise.all(this.#ending);
    return left;
  }

  /** Sets the timer to the next end. What is paused has none; what changes is looked at after that. */
  schedule() {
    clearTimeout(this.#timer);
    let next = Infinity;
    for (const sandbox of this.running()) {
      if (!sandbox.transition) next = Math.min(next, sandbox.endAt);
    }
    if (next === Infinity) return;
    const waitMs = Math.min(Math.max(0, next - Date.now()), MAX_TIMER_MS);
    this.#timer = setTimeout(() => this.#expire(), waitMs);
    this.#timer.unref();
  }

  #expire() {
    const now = Date.now();
    for (const sandbox of this.running()) {
      if (sandbox.endAt <= now && !sandbox.transition) this.onExpire(sandbox);
    }
    this.schedule();
  }
}

/** `i` and 20 characters of [a-z0-9], as E2B makes them. */
function newSandboxId() {
  const bytes = randomBytes(20);
  return `i${Array.from(bytes, (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('')}`;
}

module.exports = { Registry };
