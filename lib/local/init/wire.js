// What the backend and a sandbox's pid 1 say to each other, in bytes: the mirror of
// csrc/init/wire.h, which explains it. A unit test compares every number with that header. Knows no
// socket and keeps no state but that of its readers and writers.
'use strict';

const { endianness } = require('node:os');

const LITTLE = endianness() === 'LE';
const HEAD = 12;
const MAX_DATA = 64 * 1024;
const MAX_FRAME = 4096 * 1024;
const WINDOW = 256 * 1024;
const MAX_STREAMS = 4096;
const WRAPPER_ARGS = 4;

/** Types of frames, from either side. */
const TYPE = Object.freeze({
  ...{ BOOT: 1, SPAWN: 2, SIGNAL: 3, RESIZE: 4 },
  ...{ STAT: 10, LIST: 11, MKDIR: 12, MOVE: 13, REMOVE: 14, READ: 15, WRITE: 16, COMPOSE: 17 },
  ...{ WATCH: 20, CONNECT: 30 },
  ...{ FREEZE: 40, THAW: 41, USAGE: 42, ISOLATE: 43, SYNC: 44, CANCEL: 50 },
  ...{ DATA: 60, END: 61, CREDIT: 62 },
  ...{ BOOTED: 128, STARTED: 129, EXITED: 130, DONE: 131, FAILED: 132 },
  ...{ ENTRY: 133, EVENT: 134, LOG: 135 },
});

const CHANNEL = Object.freeze({ BYTES: 0, STDIN: 0, STDOUT: 1, STDERR: 2, PTY: 3 });
const SPAWN_FLAG = Object.freeze({ STDIN: 1, PTY: 2, WRAPPED: 4 });
const WATCH_FLAG = Object.freeze({ RECURSIVE: 1, ENTRIES: 2, NETWORK: 4 });
const FILE_TYPE = Object.freeze({ FILE: 1, DIRECTORY: 2, OTHER: 3, BROKEN: 4 });
const EVENT_TYPE = Object.freeze({ CREATED: 1, WRITTEN: 2, REMOVED: 3, RENAMED: 4, CHMODDED: 5 });
const HAS = Object.freeze({ FILES: 1, NETWORK: 2, LIMITS: 4, FREEZER: 8, USERS: 16 });
const BOOT_FLAG = Object.freeze({ NO_NETWORK: 1 });

/** A breach of the rules of the wire, or a value that cannot be said over it. */
class WireError extends Error {}

/** One frame under way: fields are put in their order, `take` gives the bytes. */
class FrameWriter {
  #data = Buffer.allocUnsafe(256);
  #length = HEAD;

  /**
   * @param {number} type  of TYPE
   * @param {number} stream
   * @param {number} [channel]
   */
  constructor(type, stream, channel = 0) {
    this.#data[4] = type;
    this.#data[5] = channel;
    this.#data.writeUInt16LE(0, 6);
    writeU32(this.#data, stream, 8);
  }

  u32(value) {
    const at = this.#room(4);
    writeU32(this.#data, value, at);
    return this;
  }

  /** @param {number|bigint} value */
  i64(value) {
    const at = this.#room(8);
    if (LITTLE) this.#data.writeBigInt64LE(BigInt(value), at);
    else this.#data.writeBigInt64BE(BigInt(value), at);
    return this;
  }

  /** @throws {WireError} for a text with a NUL inside, or too long for a frame */
  text(value) {
    if (value.includes('\0')) throw new WireError('a text contains a NUL byte');
    const bytes = Buffer.byteLength(value);
    const at = this.#room(4 + bytes);
    writeU32(this.#data, bytes, at);
    this.#data.write(value, at + 4);
    return this;
  }

  /** @param {string[]} values */
  list(values) {
    this.u32(values.length);
    for (const value of values) this.text(value);
    return this;
  }

  /** @returns {Buffer} the whole frame; the writer is not to be used again */
  take() {
    writeU32(this.#data, this.#length - HEAD, 0);
    return this.#data.subarray(0, this.#length);
  }

  #room(bytes) {
    const at = this.#length;
    const length = at + bytes;
    if (length - HEAD > MAX_FRAME) throw new WireError('a request is too long');
    if (length > this.#data.length) {
      const data = Buffer.allocUnsafe(Math.max(length, this.#data.length * 2));
      this.#data.copy(data, 0, 0, at);
      this.#data = data;
    }
    this.#length = length;
    return at;
  }
}

/** @returns {Buffer} the head of a DATA frame; the bytes follow it as they are */
function dataHead(stream, channel, bytes) {
  const head = Buffer.allocUnsafe(HEAD);
  writeU32(head, bytes, 0);
  head[4] = TYPE.DATA;
  head[5] = channel;
  head.writeUInt16LE(0, 6);
  writeU32(head, stream, 8);
  return head;
}

/** Reads the fields of one payload in their order; what is not there is a WireError. */
class FrameReader {
  #data;
  #at = 0;

  /** @param {Buffer} payload */
  constructor(payload) {
    this.#data = payload;
  }

  u32() {
    return readU32(this.#data, this.#take(4));
  }

  /** @returns {bigint} */
  i64() {
    const at = this.#take(8);
    return LITTLE ? this.#data.readBigInt64LE(at) : this.#data.readBigInt64BE(at);
  }

  text() {
    const bytes = this.u32();
    const at = this.#take(bytes);
    return this.#data.toString('utf8', at, at + bytes);
  }

  list() {
    const count = this.u32();
    if (count > this.#data.length) throw new WireError('a list is longer than its frame');
    return Array.from({ length: count }, () => this.text());
  }

  /** @returns {object} the fields of an ENTRY, as they are */
  entry() {
    return {
      path: this.text(),
      type: this.u32(),
      size: Number(this.i64()),
      mode: this.u32(),
      owner: this.text(),
      group: this.text(),
      mtimeNs: this.i64(),
      link: this.text(),
      metadata: pairs(this.list()),
    };
  }

  /** Says that everything was read. @throws {WireError} */
  end() {
    if (this.#at !== this.#data.length) throw new WireError('a frame is longer than its fields');
  }

  #take(bytes) {
    const at = this.#at;
    if (bytes > this.#data.length - at) throw new WireError('a frame is shorter than its fields');
    this.#at = at + bytes;
    return at;
  }
}

/** Puts frames together out of what a socket brings. */
class FrameDecoder {
  #rest = null; // an incomplete frame

  /**
   * @param {Buffer} chunk
   * @returns {Generator<{ type: number, channel: number, stream: number, payload: Buffer }>} the
   *   payload is a view of what came
   * @throws {WireError}
   */
  *push(chunk) {
    let data = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
    this.#rest = null;
    while (data.length >= HEAD) {
      const bytes = readU32(data, 0);
      if (bytes > MAX_FRAME || data[6] !== 0 || data[7] !== 0) throw new WireError('no frame');
      if (data.length < HEAD + bytes) break;
      const payload = data.subarray(HEAD, HEAD + bytes);
      yield { type: data[4], channel: data[5], stream: readU32(data, 8), payload };
      data = data.subarray(HEAD + bytes);
    }
    if (data.length > 0) this.#rest = data;
  }
}

function pairs(list) {
  const object = {};
  for (let i = 0; i + 1 < list.length; i += 2) object[list[i]] = list[i + 1];
  return object;
}

function writeU32(data, value, at) {
  if (LITTLE) data.writeUInt32LE(value, at);
  else data.writeUInt32BE(value, at);
}

function readU32(data, at) {
  return LITTLE ? data.readUInt32LE(at) : data.readUInt32BE(at);
}

module.exports = {
  ...{ HEAD, MAX_DATA, MAX_FRAME, WINDOW, MAX_STREAMS, WRAPPER_ARGS },
  ...{ TYPE, CHANNEL, SPAWN_FLAG, WATCH_FLAG, FILE_TYPE, EVENT_TYPE, HAS, BOOT_FLAG },
  ...{ WireError, FrameWriter, FrameReader, FrameDecoder, dataHead },
};
