// One stream of a channel: a request, what comes for it, what goes to it within its window, and its one
// end. Nothing is read ahead of its reader: the other side stops when nobody gives credit. Must not
// know what the requests mean.
'use strict';

const { FrameReader, FrameWriter, MAX_DATA, TYPE, WINDOW, WireError } = require('./wire');
const { ChannelClosed, InitError } = require('./init-error');

const CREDIT_STEP = WINDOW / 4; // less is not worth a frame

class Stream {
  #channel;
  #handler = null;
  #early = []; // what came before `listen`
  #mayReceive = WINDOW;
  #owedCredit = 0;
  #maySend = WINDOW;
  #sending = null; // the send under way, on which the next one waits
  #wake = null; // of a send without credit
  #over = null; // how it ended: an Error, or true
  #settle = {};
  started = this.#promise('started');
  done = this.#promise('done');

  /**
   * @param {import('./channel').Channel} channel
   * @param {number} id
   * @param {Function|null} handler  `(type, channel, payload)`: DATA (a Buffer, to be credited), END
   *   (null), and other frames (a FrameReader); null: they wait for `listen`
   */
  constructor(channel, id, handler) {
    this.#channel = channel;
    this.id = id;
    this.#handler = handler;
  }

  /** @returns {boolean} whether nothing will come or go any more */
  get over() {
    return this.#over !== null;
  }

  /** Hands over what came so far, and from now on everything. */
  listen(handler) {
    this.#handler = handler;
    for (const frame of this.#early.splice(0)) handler(...frame);
  }

  /**
   * Sends bytes within the window, in the order of the calls.
   * @param {number} channel
   * @param {Buffer} data  not to be changed until then
   * @returns {Promise<void>} when all of it is on its way and there is room for more
   */
  send(channel, data) {
    const previous = this.#sending;
    const sent = previous
      ? previous.then(() => this.#pump(channel, data))
      : this.#pump(channel, data);
    const settled = sent.catch(() => {}).then(() => this.#sending === settled && this.#free());
    this.#sending = settled;
    return sent;
  }

  /** Closes one direction of one channel, after what is still being sent. */
  async sendEnd(channel) {
    await this.#sending;
    if (!this.over) this.#channel.write(new FrameWriter(TYPE.END, this.id, channel).take());
  }

  /** Sends a further frame of this stream: SIGNAL, RESIZE. */
  tell(type, fill) {
    if (this.over) return;
    const frame = new FrameWriter(type, this.id);
    fill(frame);
    this.#channel.write(frame.take());
  }

  /** Says that so many bytes of DATA were passed on. */
  credit(bytes) {
    this.#owedCredit += bytes;
    if (this.over || this.#owedCredit < CREDIT_STEP) return;
    this.#mayReceive += this.#owedCredit;
    this.#channel.write(new FrameWriter(TYPE.CREDIT, this.id).u32(this.#owedCredit).take());
    this.#owedCredit = 0;
  }

  /** Ends the stream from this side; nothing more is told about it. */
  cancel(reason = new InitError(125, 'the call was given up')) {
    if (this.over) return;
    this.#channel.write(new FrameWriter(TYPE.CANCEL, this.id).take());
    this.end(reason);
  }

  /** For the channel only: a frame of this stream. @throws {WireError} */
  receive({ type, channel, payload }) {
    if (this.over) return;
    if (type === TYPE.DATA) {
      this.#mayReceive -= payload.length;
      if (this.#mayReceive < 0) throw new WireError('more data than the window allows');
      this.#handle(type, channel, payload);
    } else if (type === TYPE.CREDIT) {
      this.#maySend += new FrameReader(payload).u32();
      this.#wake?.();
    } else if (type === TYPE.STARTED) {
      this.#settle.started.resolve(new FrameReader(payload));
    } else if (type === TYPE.DONE || type === TYPE.BOOTED) {
      this.#settle.started.resolve(null);
      this.#settle.done.resolve(new FrameReader(payload));
      this.#finish(true);
    } else if (type === TYPE.FAILED) {
      const reader = new FrameReader(payload);
      this.end(new InitError(reader.u32(), reader.text()));
    } else {
      this.#handle(type, channel, type === TYPE.END ? null : new FrameReader(payload));
    }
  }

  /** For the channel, and `cancel`: an end that is not DONE. */
  end(error) {
    if (this.over) return;
    this.#settle.started.reject(error);
    this.#settle.done.reject(error);
    this.#finish(error);
  }

  #handle(...frame) {
    if (this.#handler) this.#handler(...frame);
    else this.#early.push(frame);
  }

  async #pump(channel, data) {
    for (let at = 0; at < data.length;) {
      while (this.#maySend === 0 && !this.over) {
        await new Promise((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.over) throw this.#over === true ? new ChannelClosed('the stream ended') : this.#over;
      const bytes = Math.min(data.length - at, this.#maySend, MAX_DATA);
      this.#maySend -= bytes;
      await this.#channel.writeData(this.id, channel, data.subarray(at, at + bytes));
      at += bytes;
    }
  }

  #finish(how) {
    this.#over = how;
    this.#wake?.();
    this.#channel.forget(this);
  }

  #free() {
    this.#sending = null;
  }

  /** A promise that may be left alone: what it rejects with is told to others as well. */
  #promise(name) {
    const promise = new Promise((resolve, reject) => {
      this.#settle[name] = { resolve, reject };
    });
    promise.catch(() => {});
    return promise;
  }
}

module.exports = { Stream };
