'use strict';

// The output of one process on its way to the user's callbacks: text (of whole characters) or bytes as
// they come, in order, each callback in the async context of the call. A callback that returns a
// promise holds the stream back until it resolves (the addon pauses it past 1 MiB, or less when there are many); one that throws
// ends the call.

const { AsyncResource } = require('node:async_hooks');

// Characters or bytes after which the addon is told that they were dealt with: to tell it of every chunk
// would wake it for each. Whatever the encoding, below the least that a stream may have.
const ACK_AFTER = 32 * 1024;

class OutputReader extends AsyncResource {
  #call;
  #unacked = 0;
  #queue = null; // stream, chunk, stream, chunk...: what came while a callback asked to wait
  #waiting = null;

  /** @type {{ error: unknown }|null} what a callback threw */
  failure = null;

  /**
   * @param {object} call whose `hear(stream, piece)` gets each piece
   */
  constructor(call) {
    super('E2B_PROCESS');
    this.#call = call;
  }

  /**
   * What is new, from the addon.
   *
   * @param {string|string[]|Buffer|undefined} stdout
   * @param {string|string[]|Buffer|undefined} stderr
   */
  push(stdout, stderr) {
    if (stdout !== undefined) this.#takeAll(0, stdout);
    if (stderr !== undefined) this.#takeAll(1, stderr);
    this.#acknowledge();
  }

  /**
   * The process has ended: the rest is given to the callbacks.
   *
   * @returns {Promise<void>|undefined} a promise while a callback asks to wait
   * @throws what a callback threw
   */
  finish() {
    this.#rethrow();
    return this.#waiting?.then(() => this.#rethrow());
  }

  #rethrow() {
    if (this.failure) throw this.failure.error;
  }

  #takeAll(stream, news) {
    if (Array.isArray(news)) for (const chunk of news) this.#take(stream, chunk);
    else this.#take(stream, news);
  }

  #take(stream, chunk) {
    if (this.failure) return;
    this.#unacked += chunk.length;
    if (this.#waiting === null) this.#give(stream, chunk);
    else (this.#queue ??= []).push(stream, chunk);
  }

  #give(stream, chunk) {
    let answer;
    try {
      answer = this.runInAsyncScope(this.#call.hear, this.#call, stream, chunk);
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (typeof answer?.then !== 'function') return;
    this.#waiting = Promise.resolve(answer).then(
      () => this.#goOn(),
      (error) => this.#fail(error),
    );
  }

  // Until the queue is empty, or a callback asks to wait again.
  #goOn() {
    this.#waiting = null;
    while (this.#waiting === null && this.#queue?.length > 0)
      this.#give(...this.#queue.splice(0, 2));
    this.#acknowledge();
    return this.#waiting;
  }

  #acknowledge() {
    if (this.#waiting !== null || this.#unacked < ACK_AFTER) return;
    this.#unacked = 0;
    this.#call.addon.ack(this.#call.id);
  }

  #fail(error) {
    this.#waiting = null;
    this.#queue = null;
    this.failure = { error };
    this.#call.cancel();
  }
}

module.exports = { OutputReader };
