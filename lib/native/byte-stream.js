'use strict';

// The answer of a direct request as it comes, cut into messages: lines of JSON, or Connect envelopes.
// Messages reach their reader in order and in the async context of the call; one that returns a promise
// holds the stream back. Must never take an answer that broke off for a whole one: who reads says what
// the last message is.

const { ProtocolError } = require('../errors');
const { OutputReader } = require('./output');

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const HEAD_BYTES = 5;
const NEWLINE = 10;

/** Puts messages together out of pieces. `cut(bytes)` finds the first one's end, or -1. */
class Splitter {
  #cut;
  #rest = [];
  #length = 0;

  constructor(cut) {
    this.#cut = cut;
  }

  /** @yields {Buffer} whole messages */
  *add(piece) {
    this.#rest.push(piece);
    this.#length += piece.length;
    if (this.#length > MAX_MESSAGE_BYTES + HEAD_BYTES) {
      throw broken(`a message of more than ${MAX_MESSAGE_BYTES} bytes`);
    }
    let bytes = this.#rest.length === 1 ? piece : Buffer.concat(this.#rest, this.#length);
    for (let end; (end = this.#cut(bytes)) !== -1; bytes = bytes.subarray(end)) {
      yield bytes.subarray(0, end);
    }
    this.#rest = bytes.length > 0 ? [bytes] : [];
    this.#length = bytes.length;
  }
}

const lineEnd = (bytes) => bytes.indexOf(NEWLINE) + 1 || -1;

function envelopeEnd(bytes) {
  if (bytes.length < HEAD_BYTES) return -1;
  const end = HEAD_BYTES + bytes.readUInt32BE(1);
  return bytes.length < end ? -1 : end;
}

function broken(what) {
  const fields = { code: 'BAD_RESPONSE', outcome: 'interrupted', retryable: false };
  return new ProtocolError(`the far end sent ${what}`, fields);
}

function parse(bytes) {
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    throw Object.assign(broken('something that is not JSON'), { cause: error });
  }
}

/**
 * @param {import('./calls').Call} call not yet entered
 * @param {(message: object) => unknown} onMessage of each line that is not empty
 */
function readLines(call, onMessage) {
  read(call, new Splitter(lineEnd), (line) => {
    const text = line.subarray(0, -1);
    return text.length > 0 ? onMessage(parse(text)) : undefined;
  });
}

/**
 * @param {import('./calls').Call} call not yet entered
 * @param {(message: object, isLast: boolean) => unknown} onMessage of each envelope; the last one's is
 *   the stream's end, with `error` in it when it failed
 */
function readEnvelopes(call, onMessage) {
  read(call, new Splitter(envelopeEnd), (frame) => {
    const flags = frame[0];
    if ((flags & ~2) !== 0) throw broken('an envelope of a kind that nobody asked for');
    return onMessage(parse(frame.subarray(HEAD_BYTES)), flags === 2);
  });
}

function read(call, splitter, take) {
  const sink = async (pieces) => {
    for (const message of pieces) await take(message);
  };
  call.hear = (_stream, piece) => sink(splitter.add(piece));
  call.output = new OutputReader(call);
}

/** @returns {Buffer} the one envelope that a server stream's request is */
function envelope(message) {
  const text = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(text.length, 1);
  return Buffer.concat([head, text]);
}

module.exports = { broken, envelope, readEnvelopes, readLines };
