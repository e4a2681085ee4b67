// The launcher: one small C process per backend, outside of the sandboxes, that makes each sandbox's
// pid 1 and cleans up when the backend is gone, however it went. This file finds the executable,
// starts it, and notices its death; it never starts it again, since its sandboxes died with it.
'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');

const PACKAGE = path.join(__dirname, '../../..');
const READY_MS = 10_000;
const END_MS = 10_000;
const MAX_SAID_BYTES = 4096;
const MAX_AT_ONCE = 32; // boots: more wait for each other here than the socket's queue holds

class Launcher {
  #child;
  #directory;
  #removals = new Map(); // name -> { promise, resolve, reject }
  #closing = false;
  #booting = 0;
  #waiting = []; // boots, in their order

  /** @type {Promise<string>} when it is gone: how */
  ended;

  /**
   * @param {'root'|'user'|'none'} rung
   * @param {string} directory  of the backend's own, mode 0700
   * @param {(line: string) => void} log
   * @returns {Promise<Launcher>} serving
   * @throws {Error} with what it said
   */
  static async start(rung, directory, log) {
    const binary = findBinary();
    // In a session of its own: a Ctrl-C at the terminal is not for it.
    const options = { cwd: '/', env: {}, detached: true, stdio: ['pipe', 'pipe', 'pipe'] };
    const child = spawn(binary, [rung, directory], options);
    const launcher = new Launcher(child, directory, log);
    try {
      await launcher.#ready();
      return launcher;
    } catch (error) {
      await launcher.close();
      throw error;
    }
  }

  /** Use `start`. */
  constructor(child, directory, log) {
    this.#child = child;
    this.#directory = directory;
    this.socket = path.join(directory, 'launch.sock');
    child.stdin.on('error', () => {}); // it is gone; `ended` says so
    readLines(child.stderr, (line) => log(`launcher: ${line}`));
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => resolve(`cannot be started: ${error.message}`));
      child.on('exit', (code, signal) => resolve(signal ? `died by ${signal}` : `ended ${code}`));
    });
  }

  /** @returns {boolean} whether `close` was called */
  get closing() {
    return this.#closing;
  }

  /**
   * Lets one sandbox be started when it is its turn.
   * @template T
   * @param {() => Promise<T>} boot
   * @returns {Promise<T>}
   */
  async inTurn(boot) {
    if (this.#booting >= MAX_AT_ONCE) {
      await new Promise((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    this.#booting += 1;
    try {
      return await boot();
    } finally {
      this.#booting -= 1;
      this.#waiting.shift()?.();
    }
  }

  /**
   * Removes what a dead sandbox has left, beside everything else.
   * @param {string} name  in `run`; an id
   * @returns {Promise<void>} it is gone
   * @throws {Error} something of it stays, and why
   */
  remove(name) {
    const asked = this.#removals.get(name);
    if (asked) return asked.promise;
    const removal = {};
    removal.promise = new Promise((resolve, reject) => Object.assign(removal, { resolve, reject }));
    this.#removals.set(name, removal);
    this.#child.stdout.ref(); // a process does not end in the middle of it
    if (this.#child.stdin.writable) this.#child.stdin.write(`${name}\n`);
    else this.#onRemoval(`stays ${name} the launcher has ended`);
    return removal.promise;
  }

  /** "removed NAME", or "stays NAME" and why. */
  #onRemoval(line) {
    const [, what, name, why] = /^(\w+) (\S+) ?(.*)$/.exec(line) ?? [];
    const removal = this.#removals.get(name);
    this.#removals.delete(name);
    if (this.#removals.size === 0) this.#child.stdout.unref();
    if (what === 'removed') removal?.resolve();
    else removal?.reject(new Error(`${path.join(this.#directory, 'run', name)} stays: ${why}`));
  }

  /**
   * Ends all sandboxes and the launcher, and with it what lies in its directory's `run`.
   * @returns {Promise<boolean>} false: it did not end in time and was killed
   */
  async close() {
    this.#closing = true;
    const child = this.#child;
    child.ref();
    child.stdin.end();
    let inTime = true;
    const timer = setTimeout(() => {
      inTime = false;
      child.kill('SIGKILL');
    }, END_MS);
    await this.ended;
    clearTimeout(timer);
    return inTime;
  }

  /** Waits for its one line; from then on it does not keep the process from ending. */
  async #ready() {
    const child = this.#child;
    const late = AbortSignal.timeout(READY_MS);
    let said = '';
    child.stdout.setEncoding('utf8');
    while (!said.includes('\n') && said.length < MAX_SAID_BYTES) {
      const text = await Promise.race([
        once(child.stdout, 'data', { signal: late }).then(([chunk]) => chunk),
        this.ended.then(() => null),
      ]).catch(() => {
        throw new Error(`the launcher said nothing for ${READY_MS / 1000} seconds`);
      });
      if (text === null) break;
      said += text;
    }
    const first = said.split('\n')[0];
    if (first !== 'ready') {
      throw new Error(first.replace(/^failed /, '') || `the launcher ${await this.ended}`);
    }
    child.unref();
    for (const pipe of child.stdio) pipe.unref();
    readLines(child.stdout, (line) => this.#onRemoval(line));
    void this.ended.then((how) => {
      // At its own end it has removed all there is.
      const what = this.#closing ? 'removed' : 'stays';
      for (const name of [...this.#removals.keys()]) {
        this.#onRemoval(`${what} ${name} the launcher ${how}`);
      }
    });
  }
}

/** @returns {string} the built executable, or one that came with the package */
function findBinary() {
  const { platform, arch } = process;
  const places = [
    path.join(PACKAGE, 'build/Release/e2b-init'),
    path.join(PACKAGE, 'build/Debug/e2b-init'),
    path.join(PACKAGE, `prebuilds/${platform}-${arch}/e2b-init`),
  ];
  const found = places.find((place) => fs.existsSync(place));
  if (found) return found;
  throw Object.assign(
    new Error("the local backend's executable e2b-init is not built: run `npm run build`"),
    { code: 'INIT_NOT_BUILT' },
  );
}

/** Hands on what a process says, line by line; an endless line is cut. */
function readLines(readable, onLine) {
  let rest = '';
  readable.setEncoding('utf8');
  readable.on('error', () => {});
  readable.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop().slice(0, MAX_SAID_BYTES);
    for (const line of lines) onLine(line);
  });
}

module.exports = { Launcher, findBinary };
