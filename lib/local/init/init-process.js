// One process of a sandbox as its pid 1 tells it: output, exit, input, signals. What it means to a
// client is `managed-process.js`'s.
'use strict';

const { constants } = require('node:os');
const { CHANNEL, TYPE } = require('./wire');

const NAME_OF_CHANNEL = {
  [CHANNEL.STDOUT]: 'stdout',
  [CHANNEL.STDERR]: 'stderr',
  [CHANNEL.PTY]: 'pty',
};
const NAME_OF_SIGNAL = new Map(Object.entries(constants.signals).map(([name, n]) => [n, name]));

class InitProcess {
  #stream;
  #input;

  /**
   * @param {import('./stream').Stream} stream  started
   * @param {number} pid  inside the sandbox
   * @param {{ stdin: boolean, pty: boolean }} kind
   */
  constructor(stream, pid, { stdin, pty }) {
    this.#stream = stream;
    this.pid = pid;
    this.pty = pty;
    this.#input = pty ? CHANNEL.PTY : stdin ? CHANNEL.STDIN : null;
  }

  /** @returns {boolean} whether it can be written to */
  get writable() {
    return this.#input !== null && !this.#stream.over;
  }

  /**
   * Called once; what came before is told at once.
   * @param {object} listener
   * @param {(name: 'stdout'|'stderr'|'pty', bytes: Buffer) => void} listener.onData  to be credited
   * @param {(exit: { code: number|null, signal: string|null }) => void} listener.onExit
   * @param {(error: Error|null) => void} listener.onOver  nothing more comes; with an error: the
   *   sandbox is gone
   */
  listen({ onData, onExit, onOver }) {
    this.#stream.listen((type, channel, value) => {
      if (type === TYPE.DATA) onData(NAME_OF_CHANNEL[channel], value);
      else if (type === TYPE.EXITED) onExit(exitOf(value));
      else if (type === TYPE.END && channel === this.#input) this.#input = null; // it reads no more
    });
    this.#stream.done.then(
      () => onOver(null),
      (error) => onOver(error),
    );
  }

  /** Says that so many bytes of output were passed on. */
  credit(bytes) {
    this.#stream.credit(bytes);
  }

  /** @returns {Promise<void>} when the process has, or the pipe has room for, all of it */
  write(bytes) {
    return this.#stream.send(this.#input, bytes);
  }

  /** End of file for its stdin, after what was written. */
  endInput() {
    if (this.#input !== null) void this.#stream.sendEnd(this.#input);
    this.#input = null;
  }

  /** @param {string} name  SIGKILL, ...: to this one process */
  signal(name) {
    this.#stream.tell(TYPE.SIGNAL, (frame) => frame.u32(constants.signals[name]));
  }

  /** Of its terminal. */
  resize({ cols, rows }) {
    this.#stream.tell(TYPE.RESIZE, (frame) => frame.u32(cols).u32(rows));
  }

  /** Lets go of its pipes; it runs on. */
  release() {
    this.#stream.cancel();
  }
}

function exitOf(reader) {
  const [status, signal] = [reader.u32(), reader.u32()];
  if (signal === 0) return { code: status, signal: null };
  return { code: null, signal: NAME_OF_SIGNAL.get(signal) ?? `${signal}` };
}

module.exports = { InitProcess };
