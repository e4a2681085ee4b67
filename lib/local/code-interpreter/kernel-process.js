// One kernel: a process inside a sandbox that runs code and keeps its state. Knows the kernels' frames:
// a record separator, a nonce, JSON and a newline on stdout or stderr; all other bytes are what the
// code printed. One execution at a time.
'use strict';

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { StringDecoder } = require('node:string_decoder');

const START_MS = 30_000;
const INTERRUPT_MS = 3_000; // after a SIGINT: how long code may go on before its kernel is killed
const LAST_WORDS_MS = 200; // after the exit: for what lies in the pipes
const MAX_FRAME_CHARACTERS = 64 * 1024 * 1024;
const SEPARATOR = '\x1e';

const source = (name) => fs.readFileSync(path.join(__dirname, name), 'utf8');
const line = ({ code, env }) => `${JSON.stringify({ code, env })}\n`;

/** What a language is run by, and how an execution is put to it. */
const LANGUAGES = {
  python: {
    args: (nonce) => ['python3', '-u', '-c', source('kernel.py'), nonce],
    request: line,
  },
  javascript: {
    args: (nonce) => ['node', '-e', source('kernel.js'), nonce],
    request: line,
  },
  bash: {
    args: (nonce) => ['/bin/bash', '-c', source('kernel.sh'), 'kernel', nonce],
    request: ({ code, env }) => `${exports_(env)}${code.replaceAll('\0', '')}\0`,
  },
};

function exports_(env = {}) {
  return Object.entries(env)
    .map(([name, value]) => `export ${name}='${String(value).replaceAll("'", `'\\''`)}'; `)
    .join('');
}

/** Cuts what comes on one of the two streams into frames and what lies between them. */
class FrameReader {
  #mark;
  #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(nonce) {
    this.#mark = `${SEPARATOR}${nonce}`;
  }

  /** @yields {{ text: string } | { frame: object }} */
  *add(bytes) {
    this.#rest += this.#decoder.write(bytes);
    while (this.#rest !== '') {
      const at = this.#rest.indexOf(this.#mark);
      if (at !== 0) {
        const end = at === -1 ? this.#printable() : at;
        if (end === 0) return;
        yield { text: this.#rest.slice(0, end) };
        this.#rest = this.#rest.slice(end);
        continue;
      }
      const newline = this.#rest.indexOf('\n');
      if (newline === -1) {
        if (this.#rest.length > MAX_FRAME_CHARACTERS) this.#rest = '';
        return;
      }
      const text = this.#rest.slice(this.#mark.length, newline);
      this.#rest = this.#rest.slice(newline + 1);
      const frame = parseFrame(text);
      yield frame ? { frame } : { text: `${this.#mark}${text}\n` };
    }
  }

  /** Up to where a frame may begin whose mark is not whole yet. */
  #printable() {
    const from = Math.max(0, this.#rest.length - this.#mark.length);
    for (let at = from; at < this.#rest.length; at++) {
      if (this.#mark.startsWith(this.#rest.slice(at))) return at;
    }
    return this.#rest.length;
  }
}

/** @returns {object|null} null: the code wrote something that only begins like a frame */
function parseFrame(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === 'string' ? frame : null;
  } catch {
    return null;
  }
}

class KernelProcess {
  #process;
  #spawn;
  #language;
  #readers;
  #onMessage = null;
  #ends = 0; // of the two streams, in the execution that runs
  #settle = null;
  #dead = false;
  #ready;

  /**
   * @param {string} language  of LANGUAGES
   * @param {string} cwd
   * @param {(spec: { args: string[], cwd: string, stdin: boolean }) => Promise<object>} spawn  starts a
   *   process as `InitProcess` is one
   * @returns {Promise<KernelProcess>} ready
   */
  static async start(language, cwd, spawn) {
    const nonce = randomBytes(8).toString('hex');
    const { args } = LANGUAGES[language];
    const kernel = new KernelProcess(language, nonce, spawn);
    await kernel.#begin(await spawn({ args: args(nonce), cwd, stdin: true }));
    return kernel;
  }

  /** Use `start`. */
  constructor(language, nonce, spawn) {
    this.#spawn = spawn;
    this.#language = LANGUAGES[language];
    this.#readers = { stdout: new FrameReader(nonce), stderr: new FrameReader(nonce) };
  }

  /** @returns {boolean} whether it has ended and can run nothing any more */
  get dead() {
    return this.#dead;
  }

  /**
   * @param {{ code: string, env?: Record<string, string> }} request
   * @param {(message: object) => Promise<void>|void} onMessage  stdout, stderr, result, error; a
   *   promise holds the process back
   * @param {AbortSignal} signal  interrupts the code
   * @returns {Promise<void>} at its end, whatever that is
   */
  async execute(request, onMessage, signal) {
    if (this.#dead) throw new Error('the kernel has ended');
    this.#onMessage = onMessage;
    this.#ends = 0;
    let patience = null;
    const interrupt = () => {
      this.#signal('INT');
      patience = setTimeout(() => this.kill(), INTERRUPT_MS);
      patience.unref();
    };
    signal.addEventListener('abort', interrupt, { once: true });
    try {
      const ended = new Promise((resolve) => (this.#settle = resolve));
      this.#process.write(Buffer.from(this.#language.request(request))).catch(() => {});
      if (signal.aborted) interrupt();
      await ended;
    } finally {
      clearTimeout(patience);
      signal.removeEventListener('abort', interrupt);
      this.#onMessage = null;
      this.#settle = null;
    }
  }

  kill() {
    this.#signal('KILL');
  }

  /** To the kernel with all that its code has started, where a shell waits for it. */
  #signal(name) {
    if (this.#dead) return;
    const args = ['/bin/sh', '-c', 'kill -s "$0" -- "-$1"', name, String(this.#process.pid)];
    this.#spawn({ args, cwd: '/', stdin: false }).then(
      (killer) => killer.listen({ onData() {}, onExit() {}, onOver() {} }),
      () => this.#process.signal(`SIG${name}`),
    );
  }

  #begin(started) {
    this.#process = started;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.kill();
        reject(new Error('the kernel did not get ready'));
      }, START_MS);
      timer.unref();
      this.#ready = () => {
        clearTimeout(timer);
        resolve();
      };
      const over = () => {
        clearTimeout(timer);
        reject(new Error('the kernel ended before it was ready'));
        this.#end();
      };
      started.listen({
        onData: (name, bytes) => void this.#take(name, bytes),
        // What it has started may hold its pipes for as long as it likes.
        onExit: () => setTimeout(over, LAST_WORDS_MS).unref(),
        onOver: over,
      });
    });
  }

  /** The process may go on when what it said has been passed on. */
  async #take(name, bytes) {
    const passed = [];
    for (const { text, frame } of this.#readers[name].add(bytes)) {
      if (text !== undefined) passed.push(this.#onMessage?.({ type: name, text }));
      else passed.push(this.#frame(frame));
    }
    await Promise.all(passed);
    this.#process.credit(bytes.length);
  }

  #frame(frame) {
    if (frame.type === 'ready') return this.#ready();
    if (frame.type !== 'end') return this.#onMessage?.(frame);
    return ++this.#ends === 2 ? this.#settle?.() : undefined;
  }

  #end() {
    if (this.#dead) return;
    this.#dead = true;
    this.#onMessage?.({
      type: 'error',
      name: 'KernelDied',
      value: 'the interpreter ended; its variables are gone',
      traceback: '',
    });
    this.#settle?.();
  }
}

module.exports = { FrameReader, KernelProcess, LANGUAGES };
