// Answers as plain values: a handler returns one, `delivery.js` puts it on the wire. Keeping the two
// apart is what lets a fault spoil any answer without the handler knowing. Nothing here touches a
// socket.
'use strict';

const { STATUS_CODES } = require('node:http');

const JSON_UTF8 = 'application/json; charset=utf-8';

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} [statusMessage]  of HTTP/1.1; default: the usual one
 * @property {Record<string, string|number>|string[]} [headers]  or names and values in turn
 * @property {Buffer} [body]  the whole body; absent means none
 * @property {{ path?: string, open?: (start: number, end: number) => AsyncIterable<Buffer>,
 *   start: number, end: number, exact?: boolean, flush?: boolean }} [file]  a file's bytes, `end`
 *   exclusive, of the host or from `open`; not exact: they may be more or fewer (packed, a port's
 *   answer); flush: the head goes out before the first of them
 * @property {import('./event-stream').EventStream} [stream]  a Connect stream, already being fed
 */

/** @returns {Answer} a JSON answer with its length */
function json(status, value, headers = {}) {
  return raw(status, JSON.stringify(value), { 'content-type': JSON_UTF8, ...headers });
}

/** @returns {Answer} an answer with the given bytes or text, and its length */
function raw(status, body, headers = {}) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  return { status, headers: { ...headers, 'content-length': bytes.length }, body: bytes };
}

/** @returns {Answer} 204: E2B's answers without a body must be this or carry a zero length */
function noContent() {
  return { status: 204, headers: {} };
}

/** @returns {Answer} the error shape of the control plane and of envd's REST routes */
function errorJson(status, message = STATUS_CODES[status] ?? 'error', errorCode) {
  return json(status, {
    code: status,
    message,
    ...(errorCode === undefined ? {} : { error_code: errorCode }),
  });
}

/** @returns {Answer} what E2B's sandbox proxy says about a sandbox that is not there */
function sandboxNotFound(sandboxId) {
  return json(502, { sandboxId, message: 'The sandbox was not found', code: 502 });
}

/** @returns {Answer} what E2B's sandbox proxy says when nothing listens on a port */
function portNotOpen(sandboxId, port) {
  return json(502, {
    sandboxId,
    message: 'The sandbox is running but port is not open',
    port,
    code: 502,
  });
}

/** An HTTP error that a handler throws; the server turns it into `errorJson`. */
class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} message  sent to the client as it is
   * @param {{ errorCode?: string, text?: boolean }} [options]  `text`: a plain-text body
   */
  constructor(status, message, { errorCode, text = false } = {}) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
    this.text = text;
  }

  /** @returns {Answer} */
  toAnswer() {
    if (this.text) {
      return raw(this.status, this.message, { 'content-type': 'text/plain; charset=utf-8' });
    }
    return errorJson(this.status, this.message, this.errorCode);
  }
}

module.exports = { HttpError, errorJson, json, noContent, portNotOpen, raw, sandboxNotFound };
