'use strict';

// A process that runs in a sandbox, in the hands of whoever started it or attached to it.

const { CONNECTION_KEYS } = require('./connection');
const { killE2bProcess, sendE2bInput } = require('./process-control');

class ProcessHandle {
  #call;
  #connection;

  /**
   * @param {import('./process-call').ProcessCall} call
   * @param {object} given options of the call: the handle's own calls use its connection
   * @param {{ sandboxId: string, pid: number, command: string|null, done: Promise<object> }} facts
   */
  constructor(call, given, { sandboxId, pid, command, done }) {
    this.#call = call;
    this.#connection = connectionOf(given);
    this.sandboxId = sandboxId;
    this.pid = pid;
    this.command = command;
    /** @type {Promise<object>} ProcessResult; nobody needs to listen to it */
    this.done = done;
  }

  /** @returns {Promise<object>} the same as `done` */
  wait() {
    return this.done;
  }

  /**
   * @param {'SIGKILL'|'SIGTERM'} [signal]
   * @returns {Promise<{ sandboxId: string, pid: number, signal: string }>}
   */
  kill(signal = 'SIGKILL') {
    return killE2bProcess(this.sandboxId, this.pid, signal, this.#connection);
  }

  /**
   * Writes to a process that was started with `stdin: true`.
   *
   * @param {string|Uint8Array} data
   * @param {{ end?: boolean }} [options]
   */
  sendInput(data, options) {
    return sendE2bInput(this.sandboxId, this.pid, data, { ...this.#connection, ...options });
  }

  /** Lets go of the process: it lives on, its output is not seen any more, `done` rejects. */
  disconnect() {
    if (this.#call.running) this.#call.detach();
  }

  /** Kills the process, if it still runs, and waits for its end. */
  async [Symbol.asyncDispose]() {
    if (this.#call.running) await this.kill().catch(() => {});
    await this.done.catch(() => {});
  }
}

/** The connection of a call, for another one: with no signal, which was for that call. */
function connectionOf(given) {
  const connection = {};
  for (const key of CONNECTION_KEYS) {
    if (key !== 'signal' && given[key] !== undefined) connection[key] = given[key];
  }
  return connection;
}

module.exports = { ProcessHandle, connectionOf };
