// A Connect server stream that a test reads while it is open.
'use strict';

const http = require('node:http');
const { waitFor } = require('../../helpers/backend');
const { encodeEnvelope } = require('../../../lib/local/envelope');

class LiveStream {
  messages = [];
  end = null; // the last envelope
  error = null;
  #rest = Buffer.alloc(0);
  #request;

  /** @returns {Promise<LiveStream>} with its first message */
  static async open(url, sandbox, path, message, headers = {}) {
    const stream = new LiveStream(url, sandbox, path, message, headers);
    await stream.until(() => stream.messages.length > 0 || stream.end || stream.error);
    return stream;
  }

  constructor(url, { id, token }, path, message, headers) {
    this.#request = http.request(url + path, {
      method: 'POST',
      headers: {
        ...{ 'e2b-sandbox-id': id, 'e2b-sandbox-port': '49983', 'x-access-token': token },
        ...{ 'content-type': 'application/connect+json', ...headers },
      },
    });
    const failed = (error) => {
      this.error ??= error;
    };
    this.#request.on('error', failed);
    this.#request.on('response', (response) => {
      response.on('data', (chunk) => this.#take(chunk));
      response.on('error', failed);
      response.on('close', () => this.end ?? failed(new Error('the stream broke off')));
    });
    this.#request.end(encodeEnvelope(0, JSON.stringify(message)));
  }

  /** Waits for a condition on what came. */
  until(condition) {
    return waitFor(condition, { what: `${condition}, not ${JSON.stringify(this.messages)}` });
  }

  /** What came on a terminal so far. */
  get text() {
    const pieces = this.messages.map(({ event }) => event?.data?.pty ?? event?.data?.stdout ?? '');
    return Buffer.concat(pieces.map((piece) => Buffer.from(piece, 'base64'))).toString();
  }

  close() {
    this.#request.destroy();
  }

  #take(chunk) {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 5 && this.#rest.length >= 5 + this.#rest.readUInt32BE(1)) {
      const end = 5 + this.#rest.readUInt32BE(1);
      const message = JSON.parse(this.#rest.subarray(5, end));
      if (this.#rest[0] & 2) this.end = message;
      else this.messages.push(message);
      this.#rest = this.#rest.subarray(end);
    }
  }
}

module.exports = { LiveStream };
