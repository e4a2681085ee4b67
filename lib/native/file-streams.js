'use strict';

// Files of a sandbox as streams, of any length in constant memory. Down: a Readable; the transfer
// waits while it is not read. Up: whatever can be iterated; it is not read further than the far end
// takes. Must never end a stream as if it were whole when it is not.

const { Readable } = require('node:stream');
const { InvalidArgumentError } = require('../errors');
const { bytesOf } = require('./arguments');

const MARK_BYTES = 256 * 1024; // as the core: what may lie here unread, or unsent
const NOTHING = Buffer.alloc(0);

/** What a download's call has as its output, and its user reads. */
class FileReader extends Readable {
  #call;
  #held = false; // what was pushed has not been asked for again

  constructor(call) {
    super({ highWaterMark: MARK_BYTES });
    this.#call = call;
  }

  _read() {
    if (!this.#held) return;
    this.#held = false;
    this.#call.addon.ack(this.#call.id);
  }

  _destroy(error, done) {
    this.#call.cancel(); // nothing is known of a call that is over
    done(error);
  }

  /** Bytes from the addon. */
  take(bytes) {
    if (this.destroyed) return;
    this.#held = !this.push(bytes);
    if (!this.#held) this.#call.addon.ack(this.#call.id);
  }
}

/**
 * @param {import('./calls').Call} call of a download
 * @param {() => Promise<unknown>} begin enters it
 * @returns {Promise<Readable>} once the first bytes are there, or the end
 */
function download(call, begin) {
  const reader = new FileReader(call);
  call.output = { push: (bytes) => reader.take(bytes), finish: () => undefined };
  return new Promise((resolve, reject) => {
    let open = false;
    call.onStarted = () => {
      open = true;
      resolve(reader);
    };
    begin().then(
      () => {
        reader.push(null);
        resolve(reader);
      },
      (error) => {
        if (open) reader.destroy(error);
        else reject(error);
      },
    );
  });
}

/** Feeds one upload from its source. */
class Upload {
  #call;
  #iterator;
  #source;
  #size;
  #sent = 0;
  #wake = () => {};
  #over;
  #end;
  #ended = false;
  #packer;
  failure = null;

  constructor(call, source, size, packer) {
    this.#call = call;
    this.#packer = packer;
    this.#source = source;
    this.#size = size;
    this.#iterator = (source[Symbol.asyncIterator] ?? source[Symbol.iterator]).call(source);
    this.#over = new Promise((resolve) => (this.#end = resolve));
    call.onDrained = () => this.#wake();
  }

  /** The call has been settled: nothing more is wanted of the source. */
  finish() {
    this.#ended = true;
    this.#wake();
    this.#end({ done: true });
  }

  /** Until the source ends, or nobody wants more. */
  async run() {
    try {
      await this.#pump();
    } catch (error) {
      this.failure = { error };
      this.#call.cancel();
    }
    this.#packer?.close();
    // A source that is waited for cannot be asked to return, but it can be told to go.
    if (typeof this.#source.destroy === 'function') this.#source.destroy();
    else await this.#iterator.return?.();
  }

  async #pump() {
    while (!this.#ended) {
      const { done, value } = await Promise.race([this.#iterator.next(), this.#over]);
      if (this.#ended) return;
      if (done) break;
      const bytes = Buffer.from(bytesOf(value, 'a piece of data'));
      this.#count(bytes.length);
      for (let at = 0; at < bytes.length && !this.#ended; at += MARK_BYTES) {
        const piece = bytes.subarray(at, at + MARK_BYTES);
        await this.#feedAll(this.#packer ? await this.#packer.take(piece) : [piece]);
      }
    }
    if (this.#size !== undefined && this.#sent !== this.#size) {
      throw new InvalidArgumentError(`data ended after ${this.#sent} of ${this.#size} bytes`);
    }
    if (this.#packer) await this.#feedAll(await this.#packer.end());
    this.#call.addon.feed(this.#call.id, NOTHING, true);
  }

  #count(length) {
    this.#sent += length;
    if (this.#size !== undefined && this.#sent > this.#size) {
      throw new InvalidArgumentError(`data is longer than its size of ${this.#size} bytes`);
    }
  }

  async #feedAll(pieces) {
    for (const piece of pieces) if (!this.#ended) await this.#feed(piece);
  }

  async #feed(piece) {
    const drained = new Promise((resolve) => (this.#wake = resolve));
    const waiting = this.#call.addon.feed(this.#call.id, piece, false);
    if (waiting < 0) throw new RangeError('no memory for the data');
    if (waiting >= MARK_BYTES && !this.#ended) await drained;
  }
}

/**
 * @param {import('./calls').Call} call of an upload
 * @param {AsyncIterable|Iterable} source
 * @param {number|undefined} size of the source, in bytes
 * @param {() => Promise<unknown>} begin enters it
 * @param {import('./uploads').Packer} [packer] between source and wire
 * @returns {Promise<unknown>} rejects with what the source threw, if it did
 */
async function upload(call, source, size, begin, packer) {
  const feeding = new Upload(call, source, size, packer);
  const sent = begin();
  const run = feeding.run();
  try {
    return await sent;
  } catch (error) {
    throw feeding.failure?.error ?? error;
  } finally {
    feeding.finish();
    run.catch(() => {}); // what a source says when it is told to go is nobody's concern
  }
}

/** @returns {boolean} whether data comes piece by piece: a stream, a generator */
function isSource(data) {
  return (
    typeof data === 'object' &&
    data !== null &&
    !ArrayBuffer.isView(data) &&
    (typeof data[Symbol.asyncIterator] === 'function' ||
      typeof data[Symbol.iterator] === 'function')
  );
}

module.exports = { download, isSource, upload };
