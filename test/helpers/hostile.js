'use strict';

// A far end that behaves badly on purpose: a raw server that reads requests honestly and answers them
// with one of the tricks of ./hostile/tricks.js, once, where a test asks for it; all else it answers
// as E2B would (./hostile/honest.js). Listens on loopback only and must never reach out by itself.

const net = require('node:net');
const tls = require('node:tls');
const { once } = require('node:events');
const { honestAnswer, opOf, send } = require('./hostile/honest');
const { STREAM_TRICKS, TRICKS } = require('./hostile/tricks');

const MAX_REQUEST = 64 * 1024 * 1024;

/** One connection: requests one after the other, each answered before the next is looked at. */
class Peer {
  #buffer = Buffer.alloc(0);
  #onRequest;

  constructor(socket, number, onRequest) {
    this.socket = socket;
    this.number = number;
    this.#onRequest = onRequest;
    socket.on('data', (chunk) => this.#take(chunk));
  }

  #take(chunk) {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    if (this.#buffer.length > MAX_REQUEST) throw new Error('a request without end');
    for (let request; (request = this.#next()) !== null;) this.#onRequest(request, this);
  }

  #next() {
    const end = this.#buffer.indexOf('\r\n\r\n');
    if (end < 0) return null;
    const [first, ...lines] = this.#buffer.subarray(0, end).toString('latin1').split('\r\n');
    const [method, path] = first.split(' ');
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const length = Number(headers['content-length'] ?? 0);
    if (this.#buffer.length < end + 4 + length) return null;
    const body = this.#buffer.subarray(end + 4, end + 4 + length);
    this.#buffer = this.#buffer.subarray(end + 4 + length);
    return { method, path, headers, body, op: opOf(method, path), connection: this.number };
  }
}

/**
 * @param {{ host?: string, port?: number, tls?: { cert: string, key: string } }} [options] '127.0.0.1'
 *   and any port; with a certificate it speaks TLS
 * @returns {Promise<{ url: string, host: string, port: number, client: object, requests: object[],
 *   connections: () => number, open: Set<object>, play: (trick: string, op: string, with?: object)
 *   => void, close: () => Promise<void> }>} `play`: the next request of that op (see `opOf`) gets
 *   this trick; `client` are the provider options of our functions
 */
async function startHostile(options = {}) {
  const { host = '127.0.0.1', port = 0 } = options;
  const requests = [];
  const waiting = [];
  const open = new Set();
  let count = 0;
  let played;
  const onRequest = (request, peer) => {
    requests.push(request);
    const at = waiting.findIndex(({ op }) => op === request.op);
    const answer = honestAnswer(request);
    if (at < 0) {
      send(peer.socket, answer);
      return;
    }
    const [{ trick, given }] = waiting.splice(at, 1);
    played = TRICKS[trick].play(peer.socket, answer, { request, ...given });
  };
  const onSocket = (socket) => {
    open.add(socket);
    socket.setNoDelay?.(true); // what is written is there at once
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => {}); // the client may be gone first
    void new Peer(socket, count++, onRequest);
  };
  const server = options.tls
    ? tls.createServer(options.tls, onSocket)
    : net.createServer({ allowHalfOpen: true }, onSocket);
  server.on('tlsClientError', () => {});
  server.listen(port, host);
  await once(server, 'listening');
  const bound = server.address().port;
  const literal = host.includes(':') ? `[${host}]` : host;
  const url = `${options.tls ? 'https' : 'http'}://${literal}:${bound}`;
  return {
    url,
    host,
    port: bound,
    client: { apiKey: 'e2b_hostile_key', apiUrl: url, sandboxUrl: url, requestTimeoutMs: 10_000 },
    requests,
    connections: () => count,
    open,
    /** What the last trick has returned: a promise when it goes on after the answer. */
    get played() {
      return played;
    },
    play(trick, op, given) {
      if (!Object.hasOwn(TRICKS, trick)) throw new Error(`there is no trick ${trick}`);
      waiting.push({ trick, op, given });
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
      if (waiting.length > 0) throw new Error(`never played: ${waiting[0].trick}`);
    },
  };
}

module.exports = { STREAM_TRICKS, TRICKS, startHostile };
