// What can be done to a sandbox as a whole: start, stop, stand still and go on, copy what it has
// written, run a command of the backend's own, connect to a port. One step each; which may follow
// which is decided in `transitions.js`. It must not know HTTP.
'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');
const { promisify } = require('node:util');
const { HttpError } = require('./answer');
const { removeTree } = require('./state-directory');

const COPY = process.platform === 'linux' ? ['-a', '--reflink=auto'] : ['-a'];
const COPY_TIMEOUT_MS = 10 * 60_000;
const READY_MS = 60_000;
const MAX_READY_WAIT_MS = 500;
const START_TAG = 'start_cmd';

const exec = promisify(execFile);

class SandboxLife {
  #sandbox;
  #host;

  /**
   * @param {import('./sandbox').Sandbox} sandbox
   * @param {import('./sandbox').Host} host
   */
  constructor(sandbox, host) {
    this.#sandbox = sandbox;
    this.#host = host;
  }

  /** Starts it, on its own files if it has any already. */
  async boot() {
    if (!this.#host.hasWalls && this.#sandbox.template.root !== '') {
      throw new HttpError(400, 'a template with a root needs an isolation with files of its own');
    }
    if (!this.#host.hasWalls && !fs.existsSync(this.#sandbox.upper)) await this.#copyLayers();
    await this.#sandbox.prepare();
  }

  /**
   * Ends all its processes; its files stay.
   * @returns {Promise<number>} processes that could not be killed
   */
  stop() {
    return this.#sandbox.stop();
  }

  /** Lets every process stand still; none forks while it is being looked at. */
  async freeze() {
    await this.#sandbox.init.freeze();
  }

  async thaw() {
    await this.#sandbox.init.thaw();
  }

  /** Copies what it has written to a directory that is not there yet. */
  async copyUpper(to) {
    if (this.#sandbox.alive) await this.#sandbox.init.sync();
    await copyTree(this.#sandbox.upper, to);
  }

  /**
   * @param {string} layer  a copy of what it has written
   * @returns {string[]} the layers of a template that is what it is now; without walls its files are
   *   copies of all that lies below
   */
  stack(layer) {
    return this.#host.hasWalls ? [layer, ...this.#sandbox.template.layers] : [layer];
  }

  /**
   * @param {string} inside  an absolute path
   * @returns {Promise<string>} the same for its commands, which see the host where there are no walls
   * @throws {Error} where they must not write
   */
  async shellPath(inside) {
    return this.#sandbox.writableProcessPath(inside);
  }

  /** Takes a directory for what it has written, before it is started. */
  async adopt(directory) {
    const { upper } = this.#sandbox;
    await fs.promises.mkdir(path.dirname(upper), { recursive: true, mode: 0o700 });
    await removeTree(upper);
    await fs.promises.rename(directory, upper);
  }

  /**
   * Starts the template's start command, which runs on, and waits until it is ready.
   * @param {(line: string) => void} [tell]
   * @param {object} [image]  default: its own template
   * @throws {Error} it is not ready in time
   */
  async startCommand(tell = () => {}, image = this.#sandbox.template) {
    const { startCmd, readyCmd, user, workdir, envVars } = image;
    const options = { user, env: envVars, ...(workdir === '' ? {} : { cwd: workdir }) };
    if (startCmd !== '') await this.#startInBackground({ cmd: startCmd, ...options }, tell);
    if (readyCmd === '') return;
    const deadline = Date.now() + READY_MS;
    for (let waitMs = 10; ; waitMs = Math.min(waitMs * 2, MAX_READY_WAIT_MS)) {
      const timeoutMs = Math.max(1, deadline - Date.now());
      const ready = await this.run({ cmd: readyCmd, ...options, timeoutMs }).catch(() => null);
      if (ready?.exitCode === 0) return;
      if (Date.now() + waitMs >= deadline) {
        throw new Error(`the ready command did not succeed within ${READY_MS / 1000} s`);
      }
      await delay(waitMs, undefined, { ref: false });
    }
  }

  #startInBackground(options, tell) {
    return new Promise((resolve, reject) => {
      const onOutput = (text) => tell(text.toString());
      this.run({ ...options, tag: START_TAG, onOutput, onStart: resolve }).then(
        ({ status }) => tell(`the start command ended: ${status}`),
        reject,
      );
    });
  }

  /**
   * Runs a shell line as a user of it would, and waits for its end.
   * @param {object} options
   * @param {string} options.cmd  for `/bin/bash -l -c`
   * @param {string} [options.user]
   * @param {string} [options.cwd]
   * @param {Record<string, string>} [options.env]
   * @param {AsyncIterable<Buffer>} [options.input]  of its stdin; default: none
   * @param {string} [options.tag]  by which clients can find it
   * @param {number} [options.timeoutMs]  it is killed then
   * @param {AbortSignal} [options.signal]  it is killed then
   * @param {(text: Buffer, name: 'stdout'|'stderr') => void} [options.onOutput]
   * @param {() => void} [options.onStart]
   * @returns {Promise<{ exitCode: number, status: string }>}
   * @throws {Error} when it cannot be started, or its end is not known
   */
  async run({ cmd, user = 'user', cwd, env = {}, input, tag, timeoutMs, signal: abort, ...tell }) {
    const { processes } = this.#sandbox;
    const headers = timeoutMs === undefined ? {} : { 'connect-timeout-ms': String(timeoutMs) };
    const message = {
      process: { cmd: '/bin/bash', args: ['-l', '-c', cmd], envs: env, ...(cwd ? { cwd } : {}) },
      stdin: input !== undefined,
      ...(tag === undefined ? {} : { tag }),
    };
    const stream = await processes.start(message, { headers, user, sandbox: this.#sandbox });
    let end = null;
    let pid = null;
    const kill = () => {
      if (pid !== null) void callQuietly(() => processes.sendSignal(signalMessage(pid)));
    };
    const failed = await Promise.resolve(
      stream.listen(({ event }) => {
        if (event.start) {
          ({ pid } = event.start);
          abort?.addEventListener('abort', kill, { once: true });
          if (abort?.aborted) kill();
          if (input) void callQuietly(() => feed(processes, pid, input));
          tell.onStart?.();
        }
        for (const [name, base64] of Object.entries(event.data ?? {})) {
          tell.onOutput?.(Buffer.from(base64, 'base64'), name);
        }
        if (event.end) ({ end } = event);
      }),
    ).finally(() => abort?.removeEventListener('abort', kill));
    if (end) return { exitCode: end.exitCode ?? 0, status: end.status };
    throw new Error(failed?.message ?? 'the command ended without a result');
  }

  /**
   * Takes the internet from what is started from now on, or gives it back.
   * @param {boolean} allowed
   * @throws {HttpError} 400 where that cannot be, 409 while processes run that have the other
   */
  async setInternet(allowed) {
    if (allowed && this.#sandbox.needsOwnNetwork) {
      throw new HttpError(400, "sandboxes with an envd of the user's own have no internet");
    }
    await this.#sandbox.init.isolate(allowed).catch((error) => {
      if (error.code === 'EBUSY') {
        const what = allowed ? 'have no internet' : 'have the internet';
        throw new HttpError(409, `processes run that ${what}: end them first`);
      }
      if (error.code !== 'EPERM') throw error;
      throw new HttpError(
        400,
        'the internet cannot be given back: the network of the host is not for processes of an ' +
          'ordinary user to return to; create another sandbox, from a snapshot of this one if need be',
      );
    });
  }

  /**
   * @param {number} port  of the sandbox
   * @returns {Promise<import('node:stream').Duplex>} a connection; rejects with ECONNREFUSED
   */
  connect(port) {
    return this.#sandbox.init.connect(port);
  }

  /** Without walls there is nothing to lay them on: the lowest is copied first. */
  async #copyLayers() {
    const { template, upper } = this.#sandbox;
    for (const layer of [...template.layers].reverse()) await copyTree(layer, upper);
  }
}

/** Everything as it is, also owners, times, links and what overlayfs keeps in attributes. */
async function copyTree(from, to) {
  await fs.promises.mkdir(to, { recursive: true, mode: 0o755 });
  await exec('cp', [...COPY, '--', `${from}/.`, to], { timeout: COPY_TIMEOUT_MS });
}

async function feed(processes, pid, input) {
  for await (const chunk of input) {
    const stdin = chunk.toString('base64');
    await processes.sendInput({ process: { pid }, input: { stdin } });
  }
  await processes.closeStdin({ process: { pid } });
}

function signalMessage(pid) {
  return { process: { pid }, signal: 'SIGNAL_SIGKILL' };
}

/** What fails because the process has ended is not told here: its end is. */
async function callQuietly(work) {
  try {
    await work();
  } catch {
    // See above.
  }
}

module.exports = { SandboxLife, copyTree };
