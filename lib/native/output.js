'use strict';

// The output of one process on its way to the user's callbacks: decoded without breaking characters,
// in order, each callback in the async context of the call. A callback that returns a promise holds
// the stream back until it resolves (the addon pauses it past 256 KiB); one that throws ends the call.

const { StringDecoder } = require('node:string_decoder');

class OutputReader {
  #call;
  #scope;
  #sinks;
  #decoders;
  #queue = [];
  #waiting = null;

  /** @type {{ error: unknown }|null} what a callback threw */
  failure = null;

  /**
   * @param {import('./calls').Call} call
   * @param {import('node:async_hooks').AsyncResource} scope
   * @param {Array<Function|null>} sinks of stdout and of stderr; given text or bytes
   * @param {boolean} asText
   */
  constructor(call, scope, sinks, asText) {
    this.#call = call;
    this.#scope = scope;
    this.#sinks = sinks;
    this.#decoders = asText ? [new StringDecoder('utf8'), new StringDecoder('utf8')] : null;
  }

  /** New bytes, from the addon. */
  push(stdout, stderr) {
    if (this.failure) return;
    if (stdout !== undefined) this.#add(0, stdout);
    if (stderr !== undefined) this.#add(1, stderr);
    if (this.#waiting === null) this.#deliver();
  }

  /**
   * The process has ended: the rest is given to the callbacks.
   *
   * @returns {Promise<void>|undefined} a promise while a callback asks to wait
   * @throws what a callback threw
   */
  finish() {
    if (this.#decoders !== null && !this.failure) {
      this.#decoders.forEach((decoder, stream) => this.#enqueue(stream, decoder.end()));
      if (this.#waiting === null && this.#queue.length > 0) this.#deliver();
    }
    this.#rethrow();
    return this.#waiting?.then(() => this.#rethrow());
  }

  #rethrow() {
    if (this.failure) throw this.failure.error;
  }

  #add(stream, bytes) {
    if (this.#sinks[stream] === null) return;
    this.#enqueue(stream, this.#decoders === null ? bytes : this.#decoders[stream].write(bytes));
  }

  #enqueue(stream, chunk) {
    if (chunk.length > 0) this.#queue.push(stream, chunk);
  }

  // Until the queue is empty, or a callback asks to wait.
  #deliver() {
    while (this.#queue.length > 0) {
      const [stream, chunk] = this.#queue.splice(0, 2);
      let answer;
      try {
        answer = this.#scope.runInAsyncScope(this.#sinks[stream], undefined, chunk);
      } catch (error) {
        this.#fail(error);
        return;
      }
      if (typeof answer?.then === 'function') {
        this.#waiting = Promise.resolve(answer).then(
          () => {
            this.#waiting = null;
            return this.#deliver();
          },
          (error) => this.#fail(error),
        );
        return this.#waiting;
      }
    }
    this.#call.addon.ack(this.#call.id);
  }

  #fail(error) {
    this.#waiting = null;
    this.#queue.length = 0;
    this.failure = { error };
    this.#call.cancel();
  }
}

module.exports = { OutputReader };
