'use strict';

// An HTTP/2 far end that writes its frames by hand (RFC 9113), so that it can do what no library
// would: each trick has a name below. All else it answers as E2B would (./hostile/honest.js). It knows
// requests by their shape alone: no body is a list, an envelope is a start, JSON is a create. Over
// HTTP/1.1, when it is told to speak that, it is honest. Loopback only; must never reach out by itself.

const http = require('node:http');
const net = require('node:net');
const tls = require('node:tls');
const { once } = require('node:events');
const { createAuthority } = require('../../lib/local/certificate');
const {
  ACK,
  CODE,
  END_HEADERS,
  END_STREAM,
  FRAME,
  fields,
  uint32,
} = require('./hostile/http2-frames');
const { END, OUTPUT, OVER, START, event, honestAnswer, opOf } = require('./hostile/honest');

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const MAX_FRAME = 16_384;
const PART = 32_768; // of a body, well below the window
/** One connection. What it has been sent is in `requests`; what it says is up to who holds it. */
class Connection {
  #buffer = Buffer.alloc(0);
  #greeted = false;
  #bodies = new Map();
  #onRequest;

  constructor(socket, { number, onRequest, settings }) {
    this.socket = socket;
    this.number = number;
    this.settings = settings;
    this.resets = []; // streams that the client has reset
    this.answered = new Set(); // streams of which the body had not come then
    this.hasty = null; // { after, answer(stream), refuses }: what bodies get that go on after so many bytes
    this.#onRequest = onRequest;
    socket.on('data', (chunk) => this.#take(chunk));
  }

  frame(type, flags, stream, payload = Buffer.alloc(0)) {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    if (!this.socket.destroyed) this.socket.write(Buffer.concat([head, payload]));
  }

  greet({ maxStreams } = {}) {
    const payload = Buffer.alloc(maxStreams === undefined ? 0 : 6);
    if (maxStreams !== undefined) {
      payload.writeUInt16BE(3, 0);
      payload.writeUInt32BE(maxStreams, 2);
    }
    this.frame(FRAME.SETTINGS, 0, 0, payload);
  }

  head(stream, { status, headers }, flags = 0) {
    const pairs = [[':status', status], ...Object.entries(headers)];
    this.frame(FRAME.HEADERS, END_HEADERS | flags, stream, fields(pairs));
  }

  data(stream, bytes, flags = 0) {
    for (let at = 0; at === 0 || at < bytes.length; at += MAX_FRAME) {
      const last = at + MAX_FRAME >= bytes.length;
      this.frame(FRAME.DATA, last ? flags : 0, stream, bytes.subarray(at, at + MAX_FRAME));
    }
  }

  answer(stream, answer) {
    this.head(stream, answer);
    this.data(stream, answer.body, END_STREAM);
  }

  reset(stream, code) {
    this.frame(FRAME.RST_STREAM, 0, stream, uint32(code));
  }

  goaway(lastStream, code) {
    this.frame(FRAME.GOAWAY, 0, 0, uint32(lastStream, code));
  }

  /** Gives the client's bytes back, so that its window never closes. */
  #grant(stream, bytes) {
    if (bytes === 0) return;
    this.frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(bytes));
    if (!this.hasty?.refuses) this.frame(FRAME.WINDOW_UPDATE, 0, stream, uint32(bytes));
  }

  #take(chunk) {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    if (!this.#greeted) {
      if (this.#buffer.length < PREFACE.length) return;
      if (this.#buffer.toString('latin1', 0, PREFACE.length) !== PREFACE)
        throw new Error('preface');
      this.#buffer = this.#buffer.subarray(PREFACE.length);
      this.#greeted = true;
      if (this.settings !== null) this.greet(this.settings);
    }
    while (this.#buffer.length >= 9) {
      const length = this.#buffer.readUIntBE(0, 3);
      if (this.#buffer.length < 9 + length) return;
      const [type, flags] = [this.#buffer[3], this.#buffer[4]];
      const stream = this.#buffer.readUInt32BE(5) & 0x7fffffff;
      const payload = this.#buffer.subarray(9, 9 + length);
      this.#buffer = this.#buffer.subarray(9 + length);
      this.#read(type, flags, stream, payload);
    }
  }

  #read(type, flags, stream, payload) {
    if (type === FRAME.SETTINGS && !(flags & ACK) && this.settings !== null) {
      this.frame(FRAME.SETTINGS, ACK, 0);
    } else if (type === FRAME.PING && !(flags & ACK)) {
      this.frame(FRAME.PING, ACK, 0, payload);
    } else if (type === FRAME.RST_STREAM) {
      this.resets.push(stream);
    } else if (type === FRAME.HEADERS || type === FRAME.DATA) {
      const pieces = this.#bodies.get(stream) ?? [];
      this.#bodies.set(stream, pieces);
      if (type === FRAME.DATA) pieces.push(payload);
      if (this.hasty && !(flags & END_STREAM)) this.#answerHastily(stream, pieces);
      else if (type === FRAME.DATA) this.#grant(stream, payload.length);
      if (flags & END_STREAM) this.#request(stream, Buffer.concat(pieces));
    }
  }

  /** The answer after a part of the body, and only then the window for the rest. */
  #answerHastily(stream, pieces) {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (length < this.hasty.after) return;
    if (this.answered.has(stream)) {
      this.#grant(stream, pieces.at(-1).length);
    } else {
      this.answered.add(stream);
      this.hasty.answer(stream);
      this.#grant(stream, length);
    }
  }

  #request(stream, body) {
    this.#bodies.delete(stream);
    if (this.answered.has(stream)) return;
    const op = body.length === 0 ? 'list' : body[0] === 0 ? 'start' : 'create';
    this.#onRequest(
      { op, body, stream, connection: this.number, answer: honestAnswer({ op }) },
      this,
    );
  }
}

const ALL_STREAMS = 0x7fffffff;

/** Resets before the head, after it, and in the middle of the body. */
function resetsOf(words, code) {
  return {
    [`${words} before the head`]: (peer, { stream }) => peer.reset(stream, code),
    [`${words} after the head`]: (peer, { stream, answer }) => {
      peer.head(stream, answer);
      peer.reset(stream, code);
    },
    [`${words} in the middle of the body`]: (peer, { stream, answer }) => {
      peer.head(stream, answer);
      peer.data(stream, (answer.frames?.[0] ?? answer.body).subarray(0, answer.frames ? 99 : 1));
      peer.reset(stream, code);
    },
  };
}

// On one request: what it gets instead of its answer.
const REQUEST_TRICKS = {
  'refuses the stream': (peer, { stream }) => peer.reset(stream, CODE.REFUSED_STREAM),
  ...resetsOf('cancels the stream', CODE.CANCEL),
  ...resetsOf('fails the stream', CODE.INTERNAL_ERROR),
  ...resetsOf('is done with the stream', CODE.NO_ERROR),
  ...resetsOf('is not calm about the stream', CODE.ENHANCE_YOUR_CALM),
  'wants HTTP/1.1': (peer, { stream }) => peer.reset(stream, CODE.HTTP_1_1_REQUIRED),
  'goes away before the stream': (peer, { stream }) => {
    peer.goaway(stream - 2 > 0 ? stream - 2 : 0, CODE.NO_ERROR);
  },
  'goes away before the stream, and closes': (peer, { stream }) => {
    peer.goaway(stream - 2 > 0 ? stream - 2 : 0, CODE.NO_ERROR);
    peer.socket.end();
  },
  'goes away with the stream, and closes': (peer, { stream }) => {
    peer.goaway(stream, CODE.NO_ERROR);
    peer.socket.end();
  },
  'goes away after the answer': (peer, { stream, answer }) => {
    peer.goaway(stream, CODE.NO_ERROR);
    peer.answer(stream, answer);
  },
  'says that it will go away, and answers': (peer, { stream, answer }) => {
    peer.goaway(ALL_STREAMS, CODE.NO_ERROR);
    peer.answer(stream, answer);
  },
  'adds trailers like a head': (peer, { stream, answer }) => {
    const said = [
      ['content-type', 'text/html'],
      ['content-encoding', 'gzip'],
      ['x-next-token', 'x'],
    ];
    peer.head(stream, answer);
    peer.data(stream, answer.body);
    peer.frame(FRAME.HEADERS, END_HEADERS | END_STREAM, stream, fields(said));
  },
  'adds trailers without end': (peer, { stream, answer }) => {
    const some = fields(Array(100).fill(['x-more', 'x'.repeat(100)]));
    peer.head(stream, answer);
    peer.data(stream, answer.body);
    peer.frame(FRAME.HEADERS, END_STREAM, stream, some);
    const more = () => {
      if (peer.socket.destroyed) return;
      peer.frame(FRAME.CONTINUATION, 0, stream, some);
      setImmediate(more);
    };
    more();
  },
  'is not calm, and closes': (peer, { stream }) => {
    peer.goaway(stream, CODE.ENHANCE_YOUR_CALM);
    peer.socket.end();
  },
  'is not calm, before the stream': (peer, { stream }) => {
    peer.goaway(stream - 2 > 0 ? stream - 2 : 0, CODE.ENHANCE_YOUR_CALM);
    peer.socket.end();
  },
  'has failed, and closes': (peer, { stream }) => {
    peer.goaway(stream, CODE.INTERNAL_ERROR);
    peer.socket.end();
  },
  'closes the connection': (peer) => peer.socket.end(),
  'drops the connection': (peer) => peer.socket.destroy(),
  'breaks the framing': (peer) => peer.frame(FRAME.PING, 0, 0, Buffer.alloc(3)),
  'says nothing': () => {},
};

/** The answer before the body's end, which is taken all the same. */
function hasty(peer, op, after) {
  const answer = (stream) => peer.answer(stream, honestAnswer({ op }));
  peer.hasty = { after, answer };
}

/** A refusal before the body's end, of which no more is let in. */
function refuses(peer, refuse) {
  const answer = (stream) => refuse(stream, { status: 507, headers: {} });
  peer.hasty = { after: PART, refuses: true, answer };
}

// On one connection, from its beginning.
const CONNECTION_TRICKS = {
  'never sends settings': (peer) => (peer.settings = null),
  'allows no stream': (peer) => (peer.settings = { maxStreams: 0 }),
  'allows one stream': (peer) => (peer.settings = { maxStreams: 1 }),
  'answers large bodies before their end': (peer) => hasty(peer, 'write', PART),
  'answers bodies before they come': (peer) => hasty(peer, 'create', 0),
  'refuses large bodies': (peer) =>
    refuses(peer, (stream, full) => peer.head(stream, full, END_STREAM)),
  // As RFC 9113 asks of one that wants no more (8.1). What is in one record of TLS is read at once.
  'refuses large bodies, and resets them': (peer) => {
    refuses(peer, (stream, full) => {
      peer.socket.cork();
      peer.head(stream, full, END_STREAM);
      peer.reset(stream, CODE.NO_ERROR);
      peer.socket.uncork();
    });
  },
  'stops reading': (peer) => {
    peer.greet();
    peer.socket.pause();
  },
  'goes away at once': (peer) => {
    peer.greet();
    peer.goaway(0, CODE.NO_ERROR);
    peer.socket.end();
  },
  'speaks no HTTP/2': (peer) => peer.socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
};

/** Honest HTTP/1.1, for when the far end has gone back to it. */
function oldServer(onRequest) {
  return http.createServer((request, response) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      const op = opOf(request.method, request.url);
      const answer = honestAnswer({ op });
      const peer = {
        socket: request.socket,
        head: (_, { status, headers }) => response.writeHead(status, headers),
        data: (_, bytes, flags) => (flags ? response.end(bytes) : response.write(bytes)),
        answer: (_, whole) => response.writeHead(whole.status, whole.headers).end(whole.body),
      };
      const connection = request.socket.number;
      onRequest({ op, body: Buffer.concat(pieces), stream: 0, connection, answer }, peer);
    });
  });
}

// One for all far ends of a test file: who trusts it parses its certificates once.
let usual = null;
function usualAuthority() {
  usual ??= createAuthority();
  return usual;
}

/**
 * @param {{ maxStreams?: number, secure?: boolean, authority?: object, protocols?: string[] }} [options]
 *   SETTINGS_MAX_CONCURRENT_STREAMS (not said by default); without TLS it is HTTP/1.1; ALPN: ['h2']
 * @returns {Promise<object>} `client`: the provider options of our functions; `requests`; `peers`: the
 *   connections, of HTTP/2; `connections()`; `play(trick, op)`: the next request of that op gets it;
 *   `playOnConnection(trick)`: the next connection does; `hold()`: from now on starts run, and go on
 *   until `release()`; `restart(protocols)`: drops all connections
 */
async function startHttp2FarEnd(options = {}) {
  const { maxStreams, secure = true, authority = usualAuthority() } = options;
  let { protocols = ['h2'] } = options;
  const requests = [];
  const [waiting, waitingConnections] = [[], []];
  const peers = [];
  const sockets = new Set();
  const held = [];
  let holding = false;
  let count = 0;
  const onRequest = (request, peer) => {
    requests.push(request);
    const at = waiting.findIndex(({ op }) => op === request.op);
    if (at >= 0) {
      const [{ trick }] = waiting.splice(at, 1);
      REQUEST_TRICKS[trick](peer, request);
    } else if (holding && request.op === 'start') {
      held.push([peer, request.stream]);
      peer.head(request.stream, request.answer);
      peer.data(request.stream, START);
    } else {
      peer.answer(request.stream, request.answer);
    }
  };
  const old = oldServer(onRequest);
  const server = secure
    ? tls.createServer({
        ...authority.certify(['127.0.0.1']),
        ALPNCallback: ({ protocols: offered }) => protocols.find((name) => offered.includes(name)),
      })
    : net.createServer();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on(secure ? 'secureConnection' : 'connection', (socket) => {
    socket.number = count++;
    socket.setNoDelay(true);
    socket.on('error', () => {}); // the client may be gone first
    if (socket.alpnProtocol !== 'h2') {
      old.emit('connection', socket);
      return;
    }
    const peer = new Connection(socket, {
      number: socket.number,
      onRequest,
      settings: { maxStreams },
    });
    peers.push(peer);
    const trick = waitingConnections.shift();
    if (trick) CONNECTION_TRICKS[trick](peer);
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `${secure ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
  const known = (tricks, trick) => {
    if (!Object.hasOwn(tricks, trick)) throw new Error(`there is no trick ${trick}`);
  };
  return {
    url,
    client: {
      apiKey: 'e2b_http2_key',
      apiUrl: url,
      sandboxUrl: url,
      ca: authority.cert,
      requestTimeoutMs: 10_000,
    },
    requests,
    peers,
    held,
    connections: () => count,
    open: sockets,
    count: (op) => requests.filter((request) => request.op === op).length,
    play(trick, op) {
      known(REQUEST_TRICKS, trick);
      waiting.push({ trick, op });
    },
    playOnConnection(trick) {
      known(CONNECTION_TRICKS, trick);
      waitingConnections.push(trick);
    },
    hold: () => (holding = true),
    release() {
      holding = false;
      for (const [peer, stream] of held.splice(0)) {
        peer.data(stream, Buffer.concat([OUTPUT, END, OVER]), END_STREAM);
      }
    },
    /** A line of output in a stream that is held. */
    print(peer, stream, text) {
      const stdout = Buffer.from(text).toString('base64');
      peer.data(stream, event({ data: { stdout } }));
    },
    /** As if it had been started anew. */
    restart(names) {
      protocols = names;
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      const left = [...waiting.map(({ trick }) => trick), ...waitingConnections];
      if (left.length > 0) throw new Error(`never played: ${left[0]}`);
    },
  };
}

module.exports = { CONNECTION_TRICKS, REQUEST_TRICKS, startHttp2FarEnd };
