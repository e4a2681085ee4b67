// One Connect server stream on its way to a client: heads, envelopes, keepalives, the end, and
// back-pressure. It can be fed before it is opened, so that a fault may delay or drop the answer of
// a call that was executed. It is fed ProtoJSON; a codec may make something else of it. Must not know
// where the events come from.
'use strict';

const { STREAM_TYPE, endEnvelope } = require('./connect-rpc');
const { encodeEnvelope } = require('./envelope');

const PROCESS_KEEPALIVE = '{"event":{"keepalive":{}}}';
const DEFAULT_KEEPALIVE_SECONDS = 90;
const MAX_TIMER_MS = 0x7fffffff;

class EventStream {
  #response = null;
  #held = []; // messages sent before open(); bounded by the source, which stops at `false`
  #finished = false;
  #end = null; // the last envelope, while it is held
  #listener = null;
  #encode = (text) => text;
  #contentType = STREAM_TYPE;
  #keepalive;
  #closed = false;
  #fault = null;
  #sent = 0;
  #keepaliveMs;
  #keepaliveTimer = null;
  #onDrain;
  #onClose;

  /**
   * @param {object} options
   * @param {Record<string, string>} options.headers  the request's, for Keepalive-Ping-Interval
   * @param {() => void} options.onDrain  the client can take more
   * @param {() => void} options.onClose  nothing more can be sent, for whatever reason
   * @param {string} [options.keepalive]  the message that means nothing; default: a process's
   */
  constructor({ headers, onDrain, onClose, keepalive = PROCESS_KEEPALIVE }) {
    const seconds = Number.parseInt(headers['keepalive-ping-interval'], 10);
    const wanted = seconds >= 1 ? seconds : DEFAULT_KEEPALIVE_SECONDS;
    this.#keepaliveMs = Math.min(wanted * 1000, MAX_TIMER_MS);
    this.#onDrain = onDrain;
    this.#onClose = onClose;
    this.#keepalive = keepalive;
  }

  /** Makes something else of each message than its JSON. Before `open`. */
  useCodec({ contentType, encode }) {
    this.#contentType = contentType;
    this.#encode = encode;
  }

  get closed() {
    return this.#closed;
  }

  /**
   * Sends one message. Before `open` it is kept.
   * @param {string} text  a JSON message
   * @returns {boolean} false: wait for `onDrain` before sending more
   */
  send(text) {
    if (this.#closed || this.#finished) return true;
    if (this.#listener) return this.#tell(text);
    if (!this.#response) {
      this.#held.push(text);
      return false;
    }
    return this.#write(text);
  }

  /**
   * Ends the stream with its last envelope.
   * @param {{ code: string, message: string }} [error]
   */
  finish(error) {
    if (this.#closed || this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#keepaliveTimer);
    if (this.#listener) return void this.#listener.settle(error ?? null);
    const envelope = endEnvelope(error);
    if (this.#response) this.#response.end(envelope);
    else this.#end = envelope;
    return undefined;
  }

  /**
   * Takes the place of a client: for the backend's own commands.
   * @param {(message: object) => void} onMessage
   * @returns {Promise<{ code: string, message: string }|null>} how the stream ended: null is well
   */
  listen(onMessage) {
    return new Promise((settle) => {
      this.#listener = { onMessage, settle };
      for (const text of this.#held.splice(0)) this.#tell(text);
      const lost = { code: 'unavailable', message: 'the sandbox is gone' };
      if (this.#closed) settle(lost);
      else if (this.#finished) settle(null);
      else this.#onDrain();
    });
  }

  /**
   * Puts the stream on the wire.
   * @param {import('node:http').ServerResponse} response
   * @param {import('./stream-faults').StreamFault|null} [fault]  `take` gets the connection as soon
   *   as that many messages are written; a stream that ends earlier is not touched
   */
  open(response, fault = null) {
    this.#response = response;
    this.#fault = fault;
    response.on('drain', () => this.#onDrain());
    response.on('close', () => this.close());
    response.writeHead(200, { 'content-type': this.#contentType });
    const held = this.#held;
    this.#held = [];
    if (fault?.take && fault.afterEvents === 0) return void this.#handOver();
    for (const text of held) this.#write(text);
    if (this.#closed) return undefined;
    if (this.#end) return void response.end(this.#end);
    if (held.length === 0) response.flushHeaders();
    this.#startKeepalive();
    if (!response.writableNeedDrain) this.#onDrain();
    return undefined;
  }

  /** Gives the stream up: what is sent from here on is dropped. */
  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#held = [];
    clearTimeout(this.#keepaliveTimer);
    this.#listener?.settle({ code: 'unavailable', message: 'the sandbox is gone' });
    this.#onClose();
  }

  #tell(text) {
    this.#listener.onMessage(JSON.parse(text));
    return true;
  }

  #write(text) {
    if (this.#closed) return true;
    this.#sent += 1;
    this.#keepaliveTimer?.refresh();
    const envelope = encodeEnvelope(0, this.#encode(text));
    const { alter, take, afterEvents } = this.#fault ?? {};
    const isStruck = alter && this.#sent > afterEvents;
    let roomLeft = !this.#response.writableNeedDrain;
    for (const bytes of isStruck ? alter(text, envelope) : [envelope]) {
      roomLeft = this.#response.write(bytes);
    }
    if (!take || afterEvents !== this.#sent) return roomLeft;
    this.#handOver();
    return true;
  }

  #handOver() {
    this.close();
    this.#fault.take();
  }

  #startKeepalive() {
    this.#keepaliveTimer = setTimeout(() => {
      // A client that does not read gets no keepalives: they would only pile up.
      if (this.#response.writableNeedDrain) this.#keepaliveTimer.refresh();
      else this.send(this.#keepalive);
    }, this.#keepaliveMs);
    this.#keepaliveTimer.unref();
  }
}

module.exports = { EventStream };
