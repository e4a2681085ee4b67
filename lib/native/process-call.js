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
  #toPublic;
  #callbacks;
  #onText;
  #starting = null; // of one in the background, until it has started or failed

  /** The process of a call in the background has not ended. */
  running = false;

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
    super(given, caller, sandboxId, ProcessCall.#shape);
    this.#streams = streams;
    this.#toPublic = toPublic;
    this.#callbacks = callbacks;
    this.#onText = inner.onText;
    this.onStarted = ProcessCall.#started;
    this.record.stream = streams;
    this.record.encoding = encoding;
    this.record.maxOutputBytes = given.maxOutputBytes;
    if (streams) this.output = new OutputReader(this);
  }

  // Called as methods of the call; made once, because there may be thousands of calls.
  static #shape = function shape(batch, at) {
    return this.#toPublic(this.#end(batch, at));
  };
  static #started = function started(pid) {
    this.#use();
    this.#begun(pid);
  };

  /**
   * A piece of output, in the async context of the call.
   *
   * @param {0|1} stream
   * @param {string|Buffer} chunk
   * @returns {unknown} a promise holds the stream back
   */
  hear(stream, chunk) {
    this.#use().add(stream, chunk);
    const waits = this.#onText?.(stream, chunk);
    const answer = this.#callbacks[stream]?.(chunk);
    return waits === undefined ? answer : Promise.all([waits, answer]);
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
   * @param {Error|undefined} refusal of the addon
   * @param {(pid: number, done: Promise) => H} makeHandle
   * @returns {Promise<H>}
   */
  enterInBackground(refusal, makeHandle) {
    const done = this.enter(refusal);
    this.running = true;
    done.then(
      (end) => this.#over(end.pid),
      (error) => this.#over(0, error),
    );
    return new Promise((resolve, reject) => {
      this.#starting = { resolve, reject, makeHandle, done };
    });
  }

  #begun(pid) {
    const starting = this.#starting;
    this.#starting = null;
    starting?.resolve(starting.makeHandle(pid, starting.done));
  }

  #over(pid, error) {
    this.running = false;
    if (error === undefined) this.#begun(pid);
    else this.#starting?.reject(error);
  }

  /** What was only for the addon goes: it has read its arguments. */
  enter(refusal) {
    this.record = null;
    return super.enter(refusal);
  }
}

module.exports = { OUTPUT_KEYS, ProcessCall };
