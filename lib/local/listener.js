// The backend's one port: plain HTTP/1.1, and with a certificate also TLS, which its first byte tells,
// with HTTP/2 or HTTP/1.1 as ALPN says. Hands on requests and upgrades of all of them alike, and looks
// after the connections. Knows no route.
'use strict';

const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const tls = require('node:tls');

const MAX_HEADER_BYTES = 64 * 1024;
const IDLE_MS = 10 * 60_000; // as the cloud: a shorter time makes clients hit closing connections
const HANDSHAKE_MS = 10_000;
const TLS_FIRST_BYTE = 0x16;
const STREAM_WINDOW_BYTES = 1024 * 1024;
const SESSION_WINDOW_BYTES = 16 * 1024 * 1024;
const MAX_STREAMS = 2_000; // of one connection: as many as the official client has in flight
const MAX_SESSION_MB = 256;

/** An HTTP/2 answer with what an HTTP/1.1 answer has and Node's own lacks. */
class Http2Response extends http2.Http2ServerResponse {
  get destroyed() {
    return this.stream.destroyed;
  }

  get writableNeedDrain() {
    return this.stream.writableNeedDrain === true;
  }

  /** Ends this stream only: the connection's other streams are somebody else's. */
  destroy() {
    if (!this.stream.destroyed) this.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    return this;
  }
}

class Listener {
  #sockets = new Set();
  #sessions = new Set();
  #unheld = false; // the process may end while this listens
  #front;
  #plain;
  #tls = null;
  #h2 = null;

  /**
   * @param {object} options
   * @param {{ key: string, cert: string }|null} options.certificate  null: no TLS
   * @param {(request: http.IncomingMessage, response: http.ServerResponse) => void} options.onRequest
   * @param {(request: http.IncomingMessage, socket: net.Socket, head: Buffer) => void}
   *   options.onUpgrade
   */
  constructor({ certificate, onRequest, onUpgrade }) {
    // Nagle's algorithm off: it would cost 40 ms on every small call.
    this.#plain = http.createServer({
      ...{ noDelay: true, maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: IDLE_MS },
      requestTimeout: 0,
    });
    this.#plain.on('request', onRequest);
    this.#plain.on('upgrade', onUpgrade);
    this.#front = certificate ? this.#sniffing(certificate, onRequest) : this.#plain;
    this.#front.on('connection', (socket) => {
      if (this.#unheld) socket.unref();
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** @returns {Promise<number>} the port; rejects when it cannot be had */
  listen(port) {
    return new Promise((resolve, reject) => {
      this.#front.once('error', reject);
      this.#front.listen(port, '127.0.0.1', () => resolve(this.#front.address().port));
    });
  }

  /** From now on this and its connections do not keep the process from ending. */
  unref() {
    this.#unheld = true;
    this.#front.unref();
    for (const socket of this.#sockets) socket.unref();
  }

  /** @returns {Promise<void>} when the port is free again */
  close() {
    return new Promise((resolve) => {
      this.#front.close(() => resolve());
      for (const session of this.#sessions) session.destroy();
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #sniffing({ key, cert }, onRequest) {
    this.#h2 = http2.createServer({
      ...{ Http2ServerResponse: Http2Response, maxSessionMemory: MAX_SESSION_MB },
      settings: { initialWindowSize: STREAM_WINDOW_BYTES, maxConcurrentStreams: MAX_STREAMS },
    });
    this.#h2.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => {}); // its streams tell it to whoever is concerned
      session.setLocalWindowSize?.(SESSION_WINDOW_BYTES);
    });
    this.#h2.on('request', onRequest);
    this.#tls = tls.createServer({
      ...{ key, cert, ALPNProtocols: ['h2', 'http/1.1'], handshakeTimeout: HANDSHAKE_MS },
    });
    this.#tls.on('secureConnection', (socket) => {
      socket.on('error', () => {}); // a client that goes away
      const server = socket.alpnProtocol === 'h2' ? this.#h2 : this.#plain;
      server.emit('connection', socket);
    });
    this.#tls.on('tlsClientError', (error, socket) => socket.destroy());
    return net.createServer({ noDelay: true }, (socket) => this.#sniff(socket));
  }

  #sniff(socket) {
    socket.on('error', () => {}); // a client that goes away
    socket.setTimeout(HANDSHAKE_MS, () => socket.destroy());
    socket.once('data', (chunk) => {
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      socket.pause();
      socket.unshift(chunk);
      const server = chunk[0] === TLS_FIRST_BYTE ? this.#tls : this.#plain;
      server.emit('connection', socket);
      process.nextTick(() => socket.resume());
    });
  }
}

module.exports = { Http2Response, Listener };
