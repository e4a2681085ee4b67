// What was asked of the backend, for tests: a bounded list of records. Credentials are kept, since
// this is the far end's record of a test, but never shown by inspect or JSON.
'use strict';

const { inspect } = require('node:util');

const MAX_RECORDS = 10_000;
const MAX_BODY_BYTES = 64 * 1024;
const SECRET_HEADERS = new Set(['x-api-key', 'x-access-token', 'authorization']);

/** One request as it arrived, and the status that it was answered with. */
class RequestRecord {
  #chunks = [];
  #bytes = 0;

  /** @param {import('node:http').IncomingMessage} request */
  constructor(request) {
    const { method, url, headers } = request;
    const mark = url.indexOf('?');
    this.at = new Date().toISOString();
    this.method = method;
    this.target = url;
    this.path = mark === -1 ? url : url.slice(0, mark);
    this.query = Object.fromEntries(new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1)));
    this.headers = headers;
    this.op = 'unknown';
    this.sandboxId = null;
    /** null until answered, and for ever when the connection broke first */
    this.status = null;
  }

  /** @returns {Buffer} the first 64 KiB of the body */
  get body() {
    return Buffer.concat(this.#chunks);
  }

  /** @returns {boolean} whether the body was longer than what is kept */
  get truncated() {
    return this.#bytes > MAX_BODY_BYTES;
  }

  /** @returns {unknown} the body parsed as JSON; throws like JSON.parse */
  json() {
    return JSON.parse(this.body.toString());
  }

  /** Takes note of a piece of the body. */
  capture(chunk) {
    const room = MAX_BODY_BYTES - this.#bytes;
    // A copy, because a piece of a parser's buffer would keep all of it alive.
    if (room > 0) this.#chunks.push(Buffer.from(chunk.subarray(0, room)));
    this.#bytes += chunk.length;
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

/** Adds a request to the list, whose oldest record gives way. @returns {RequestRecord} */
function logRequest(records, request) {
  const record = new RequestRecord(request);
  if (records.length >= MAX_RECORDS) records.shift();
  records.push(record);
  return record;
}

module.exports = { RequestRecord, logRequest };
