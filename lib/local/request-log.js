// What was asked of the backend and what it answered, for tests: records, bounded in number and bytes.
// Credentials are kept, since this is the far end's record of a test, but never shown by inspect or
// JSON.
'use strict';

const { inspect } = require('node:util');

const MAX_RECORDS = 10_000;
const MAX_BODY_BYTES = 64 * 1024;
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;
const SECRET_HEADERS = new Set([
  ...['x-api-key', 'x-access-token', 'authorization', 'e2b-traffic-access-token'],
  'x-e2b-local-admin',
]);

/** The beginning of a body. */
class KeptBody {
  #chunks = [];
  #onKeep;

  /** As it was sent, kept or not. */
  bytes = 0;

  /** @param {(bytes: number) => void} onKeep  told how much is kept */
  constructor(onKeep) {
    this.#onKeep = onKeep;
  }

  get data() {
    return Buffer.concat(this.#chunks);
  }

  add(chunk) {
    const room = MAX_BODY_BYTES - this.bytes;
    this.bytes += chunk.length;
    if (room <= 0) return;
    // A copy, because a piece of a parser's buffer would keep all of it alive.
    const kept = Buffer.from(chunk.subarray(0, room));
    this.#chunks.push(kept);
    this.#onKeep(kept.length);
  }

  /** @returns {number} bytes that this frees */
  drop() {
    const freed = this.#chunks.reduce((sum, { length }) => sum + length, 0);
    this.#chunks = [];
    return freed;
  }
}

/** One request as it arrived, and what it was answered. */
class RequestRecord {
  #asked;
  #answered;

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {(bytes: number) => void} onKeep  told how much of a body is kept
   */
  constructor(request, onKeep) {
    const { method, url } = request;
    const mark = url.indexOf('?');
    this.#asked = new KeptBody(onKeep);
    this.#answered = new KeptBody(onKeep);
    this.at = new Date().toISOString();
    this.method = method;
    this.target = url;
    this.path = mark === -1 ? url : url.slice(0, mark);
    this.query = Object.fromEntries(new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1)));
    this.headers = headersOf(request);
    this.op = 'unknown';
    this.sandboxId = null;
    /** null until answered, and for ever when the connection broke first */
    this.status = null;
    /** by names in lower case; null until answered */
    this.answerHeaders = null;
  }

  /** @returns {Buffer} the first 64 KiB of the body, less when very many requests are kept */
  get body() {
    return this.#asked.data;
  }

  /** @returns {boolean} whether the body was longer than what is kept */
  get truncated() {
    return this.#asked.bytes > this.body.length;
  }

  /** @returns {Buffer} the first 64 KiB of the answer's body, as `body` */
  get answer() {
    return this.#answered.data;
  }

  /** @returns {boolean} whether the answer's body was longer than what is kept */
  get answerTruncated() {
    return this.#answered.bytes > this.answer.length;
  }

  /** @returns {unknown} the body parsed as JSON; throws like JSON.parse */
  json() {
    return JSON.parse(this.body.toString());
  }

  /** Takes note of a piece of the body. */
  capture(chunk) {
    this.#asked.add(chunk);
  }

  /**
   * Takes note of what is written to a response from here on.
   * @param {import('node:http').ServerResponse} response
   */
  watch(response) {
    const { writeHead, write, end } = response;
    let ended = false; // the end of HTTP/2 writes what it is given by `write`
    const note = (chunk, encoding) => {
      if (ended) return;
      if (typeof chunk === 'string') this.#answered.add(Buffer.from(chunk, encoding));
      else if (chunk instanceof Uint8Array) this.#answered.add(chunk);
    };
    response.writeHead = (status, ...rest) => {
      this.answerHeaders = plainHeaders(rest.at(-1));
      return writeHead.call(response, status, ...rest);
    };
    response.write = (chunk, ...rest) => {
      note(chunk, rest[0]);
      return write.call(response, chunk, ...rest);
    };
    response.end = (chunk, ...rest) => {
      note(chunk, rest[0]);
      ended = true;
      return end.call(response, chunk, ...rest);
    };
  }

  /** Forgets the bodies. @returns {number} bytes that this frees */
  dropBody() {
    return this.#asked.drop() + this.#answered.drop();
  }

  toJSON() {
    const headers = Object.entries(this.headers).map(([name, value]) => [
      name,
      SECRET_HEADERS.has(name) ? '[redacted]' : value,
    ]);
    return { ...this, headers: Object.fromEntries(headers), body: this.body.toString() };
  }

  [inspect.custom](depth, options) {
    return inspect(this.toJSON(), options);
  }
}

/** HTTP/2 says in a header of its own what HTTP/1.1 says as `host`. */
function headersOf({ headers, httpVersionMajor }) {
  if (httpVersionMajor !== 2) return headers;
  const plain = Object.entries(headers).filter(([name]) => !name.startsWith(':'));
  return { host: headers[':authority'] ?? headers.host ?? '', ...Object.fromEntries(plain) };
}

/** @param {Record<string, string|number>|string[]} headers  also names and values in turn */
function plainHeaders(headers) {
  const pairs = Array.isArray(headers)
    ? headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1]]] : []))
    : Object.entries(headers ?? {});
  return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), String(value)]));
}

/** The records of a backend, bounded in number and in the bytes of their bodies. */
class RequestLog {
  #bodyBytes = 0;
  #bodiesFrom = 0; // records before this index have lost their bodies

  /** @type {RequestRecord[]} oldest first; always the same array */
  records = [];

  /** @returns {RequestRecord} */
  add(request) {
    const record = new RequestRecord(request, (bytes) => this.#keep(bytes));
    if (this.records.length >= MAX_RECORDS) {
      this.#bodyBytes -= this.records.shift().dropBody();
      this.#bodiesFrom = Math.max(0, this.#bodiesFrom - 1);
    }
    this.records.push(record);
    return record;
  }

  clear() {
    this.records.length = 0;
    this.#bodyBytes = 0;
    this.#bodiesFrom = 0;
  }

  #keep(bytes) {
    this.#bodyBytes += bytes;
    while (this.#bodyBytes > MAX_TOTAL_BYTES && this.#bodiesFrom < this.records.length) {
      this.#bodyBytes -= this.records[this.#bodiesFrom].dropBody();
      this.#bodiesFrom += 1;
    }
  }
}

module.exports = { RequestLog };
