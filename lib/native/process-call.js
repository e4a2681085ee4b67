'use strict';

// A call that runs, or watches, a process: its options, its output on the way, its result. What is
// common to commands, to processes that one attaches to, and to agents.

const { activityOf } = require('./activity');
const { callbackOf, encodingOf } = require('./arguments');
const { Call } = require('./calls');
const { OutputReader } = require('./output');

/** Options of everything that has output. */
const OUTPUT_KEYS = ['onStdout', 'onStderr', 'maxOutputBytes'];

const FLAG_TRUNCATED = 1;
const FLAG_TIMED_OUT = 2;

class ProcessCall extends Call {
  #activity = null;
  #streams;

  /**
   * @param {object} given options, checked for unknown keys
   * @param {Function} caller the public function
   * @param {string} sandboxId
   * @param {(end: object) => unknown} toPublic makes the public result of { pid, exitCode, signal,
   *   stdout, stderr, truncated, timedOut, durationMs }
   * @param {{ always?: boolean, onText?: (stream: 0|1, chunk: string|Buffer) => unknown }} [inner]
   *   `always`: read the output as it comes even when the user has no callback
   */
  constructor(given, caller, sandboxId, toPublic, inner = {}) {
    const encoding = encodingOf(given.encoding);
    const callbacks = [
      callbackOf(given.onStdout, 'onStdout'),
      callbackOf(given.onStderr, 'onStderr'),
    ];
    const streams = inner.always === true || callbacks.some((callback) => callback !== null);
    super(given, caller, sandboxId, (batch, at) => toPublic(this.#end(batch, at)));
    this.#streams = streams;
    this.onStarted = (pid) => {
      this.#use();
      this.onPid?.(pid);
    };
    this.onPid = null;
    this.record.stream = streams;
    this.record.encoding = encoding;
    this.record.maxOutputBytes = given.maxOutputBytes;
    if (streams) this.output = this.#reader(callbacks, inner.onText);
  }

  #reader(callbacks, onText) {
    const { AsyncResource } = require('node:async_hooks');
    const scope = new AsyncResource('E2B_PROCESS');
    const sinks = callbacks.map((callback, stream) => (chunk) => {
      this.#use().add(stream, chunk);
      const waits = onText?.(stream, chunk);
      const answer = callback?.(chunk);
      return waits === undefined ? answer : Promise.all([waits, answer]);
    });
    return new OutputReader(this, scope, sinks);
  }

  // What is known of the sandbox; this call counts as one execution in there.
  #use() {
    if (this.#activity === null) {
      this.#activity = activityOf(this.sandboxId);
      this.#activity.executions++;
      this.#activity.touch();
    }
    return this.#activity;
  }

  #end(batch, at) {
    const activity = this.#use();
    activity.touch();
    const [stdout, stderr, flags] = [batch[at + 5], batch[at + 6], batch[at + 7]];
    if (!this.#streams) {
      if (stdout?.length > 0) activity.add(0, stdout);
      if (stderr?.length > 0) activity.add(1, stderr);
    }
    activity.closeLines();
    return {
      pid: batch[at + 2],
      exitCode: batch[at + 3],
      signal: batch[at + 4],
      stdout,
      stderr,
      truncated: (flags & FLAG_TRUNCATED) !== 0,
      timedOut: (flags & FLAG_TIMED_OUT) !== 0,
      durationMs: batch[at + 8],
    };
  }

  /**
   * Enters the call and answers at the start of the process.
   *
   * @template H
   * @param {Promise} promise of the addon
   * @param {(pid: number, done: Promise) => H} makeHandle
   * @returns {Promise<H>}
   */
  enterInBackground(promise, makeHandle) {
    const done = this.enter(promise);
    return new Promise((resolve, reject) => {
      this.onPid = (pid) => resolve(makeHandle(pid, done));
      done.then((end) => resolve(makeHandle(end.pid, done)), reject);
    });
  }
}

module.exports = { OUTPUT_KEYS, ProcessCall };
