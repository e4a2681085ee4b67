'use strict';

// The tricks of the hostile far end, by name. Each gets the socket, the answer that would have been
// honest, and what the test gave it (`read`: a promise of the test's, for what comes afterwards); what
// it returns the far end hands out as `played`; `about` says what it does. Whatever goes on for ever stops
// with its socket.

const zlib = require('node:zlib');
const { END, OUTPUT, OVER, START, chunk, envelope, event, head, send } = require('./honest');

const TRICKLE_MS = 2;

const FORGED = Buffer.from('HTTP/1.1 500 said\r\nContent-Length: 20\r\n\r\n{"message":"forged"}');

/** Writes one piece after the other until the socket is gone. */
function trickle(socket, pieceAt) {
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed) clearInterval(timer);
    else socket.write(pieceAt(at++));
  }, TRICKLE_MS);
  socket.on('close', () => clearInterval(timer));
}

/** Writes as much as is taken, until the socket is gone. */
function pour(socket, piece) {
  const more = () => {
    while (!socket.destroyed && socket.writable && socket.write(piece));
  };
  socket.on('drain', more);
  more();
}

/** The honest body under headers that are not. */
const withHeaders = (extra) => (socket, answer) => {
  socket.end(Buffer.concat([Buffer.from(head(answer, extra(answer))), answer.body]));
};
/** Raw text in place of an answer, then the end. */
const raw = (text) => (socket) => socket.end(text);
/** The honest head of a chunked body, then these bytes and the end. */
const chunked = (bytes) => (socket, answer) => {
  socket.write(head(answer, { 'Transfer-Encoding': 'chunked' }));
  socket.end(bytes(answer));
};
/** A stream of these frames, well chunked, and its end. */
const frames = (...list) =>
  chunked(() => Buffer.concat([...list.map((one) => chunk(one)), Buffer.from('0\r\n\r\n')]));

const CONNECTION = {
  'closes unanswered': { about: 'reads the request, then FIN', play: (socket) => socket.end() },
  'resets unanswered': {
    about: 'reads the request, then RST',
    play: (socket) => socket.resetAndDestroy(),
  },
  'says nothing': { about: 'reads the request and stays', play: () => {} },
  'closes when idle': {
    about: 'answers, then FIN without having said so',
    play(socket, answer) {
      send(socket, answer);
      socket.end();
    },
  },
  'resets when idle': {
    about: 'answers, then RST once the answer was read',
    play(socket, answer, { read }) {
      send(socket, answer);
      return read.then(() => socket.resetAndDestroy());
    },
  },
  'closes in the head': {
    about: 'half of the status line and headers, then FIN',
    play(socket, answer) {
      const text = head(answer);
      socket.end(text.slice(0, text.length / 2));
    },
  },
};

/** The honest body in chunks, up to where trailers would begin. */
function upToTrailers(socket, answer) {
  socket.write(head(answer, { 'Transfer-Encoding': 'chunked' }));
  socket.write(Buffer.concat([chunk(answer.body), Buffer.from('0\r\n')]));
}

const SLOW = {
  'trickles its trailers': {
    about: 'behind the body a header every few milliseconds, for ever',
    play(socket, answer) {
      upToTrailers(socket, answer);
      trickle(socket, (at) => `X-${at}: 1\r\n`);
    },
  },
  'trickles its headers': {
    about: 'a header every few milliseconds, for ever',
    play(socket, answer) {
      socket.write(head(answer).replace(/\r\n$/, ''));
      trickle(socket, (at) => `X-${at}: 1\r\n`);
    },
  },
  'trickles its body': {
    about: 'a byte every few milliseconds, and never the last; of a stream all in one frame',
    play(socket, answer) {
      socket.write(head(answer, { 'Content-Length': 1_000_000 }));
      const first = answer.frames
        ? Buffer.from([0, 0, 0xff, 0xff, 0xff])
        : answer.body.subarray(0, 1);
      trickle(socket, (at) => (at === 0 ? first : ' '));
    },
  },
  'trickles a good answer': {
    about: 'all of it, a byte at a time',
    play(socket, answer) {
      const whole = Buffer.concat([
        Buffer.from(head(answer, { 'Content-Length': answer.body.length })),
        answer.body,
      ]);
      let at = 0;
      const timer = setInterval(() => {
        if (at < whole.length && !socket.destroyed) socket.write(whole.subarray(at, ++at));
        else clearInterval(timer);
      }, 0);
    },
  },
};

const ENDLESS = {
  'a header without end': {
    about: 'one header line that goes on for ever',
    play(socket) {
      socket.write('HTTP/1.1 200 said\r\nX-Long: ');
      pour(socket, 'x'.repeat(65_536));
    },
  },
  'headers without end': {
    about: 'header lines for ever',
    play(socket) {
      socket.write('HTTP/1.1 200 said\r\n');
      pour(socket, `X-More: ${'x'.repeat(1_000)}\r\n`.repeat(32));
    },
  },
  'informs for ever': {
    about: '103 after 103, and never an answer',
    play: (socket) => pour(socket, 'HTTP/1.1 103 early\r\nLink: </a>\r\n\r\n'.repeat(100)),
  },
  'trailers without end': {
    about: 'behind the body header lines for ever',
    play(socket, answer) {
      upToTrailers(socket, answer);
      pour(socket, `X-More: ${'x'.repeat(1_000)}\r\n`.repeat(32));
    },
  },
  'a trailer without end': {
    about: 'behind the body one header line that goes on for ever',
    play(socket, answer) {
      upToTrailers(socket, answer);
      socket.write('X-Long: ');
      pour(socket, 'x'.repeat(65_536));
    },
  },
  'a body without end': {
    about: 'chunks for ever',
    play(socket, answer) {
      socket.write(head(answer, { 'Transfer-Encoding': 'chunked' }));
      pour(socket, chunk(Buffer.alloc(65_536, ' ')));
    },
  },
};

const PROTOCOL = {
  'informs first': {
    about: '100 and three times 103, then the answer',
    play(socket, answer) {
      socket.write('HTTP/1.1 100 go on\r\n\r\n');
      socket.write('HTTP/1.1 103 early\r\nRetry-After: 9\r\n\r\n'.repeat(3));
      send(socket, answer);
    },
  },
  'switches protocols': {
    about: '101, though nobody asked',
    play: raw('HTTP/1.1 101 switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
  },
  'speaks no HTTP': { about: 'a greeting of SSH', play: raw('SSH-2.0-OpenSSH_9.9\r\n') },
  'a status that is none': { about: 'HTTP/1.1 2x0', play: raw('HTTP/1.1 2x0 said\r\n\r\n') },
  'a version that is none': { about: 'HTTP/9.9 200', play: raw('HTTP/9.9 200 said\r\n\r\n') },
  'answers twice': {
    about: 'a forged answer right behind the good one',
    play(socket, answer) {
      const length = { 'Content-Length': answer.body.length };
      const good = Buffer.concat([Buffer.from(head(answer, length)), answer.body]);
      socket.write(Buffer.concat([good, FORGED]));
    },
  },
  'speaks unasked': {
    about: 'a forged answer once the good one was read',
    play: (socket, answer, { read }) => {
      send(socket, answer);
      return read.then(() => new Promise((resolve) => socket.write(FORGED, resolve)));
    },
  },
  'trailers like a head': {
    about: 'behind the body a length, a coding, a type and the token of a next page',
    play(socket, answer) {
      upToTrailers(socket, answer);
      socket.write('Content-Length: 1\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n');
      socket.write('Content-Length: many\r\nX-Next-Token: forged\r\n\r\n');
    },
  },
  'a trailer that is none': {
    about: 'behind the body a line without a colon',
    play(socket, answer) {
      upToTrailers(socket, answer);
      socket.write('no trailer\r\n\r\n');
    },
  },
  redirects: {
    about: 'the status and place that the test gives',
    play(socket, answer, { status, to }) {
      send(socket, { status, headers: { Location: to }, body: Buffer.from('moved') });
    },
  },
  'gzip that nobody asked for': {
    about: 'a compressed body that says so',
    play(socket, answer) {
      const headers = { ...answer.headers, 'Content-Encoding': 'gzip' };
      send(socket, { ...answer, headers, body: zlib.gzipSync(answer.body) });
    },
  },
  'gzip that is not announced': {
    about: 'a compressed body that does not say so',
    play: (socket, answer) => send(socket, { ...answer, body: zlib.gzipSync(answer.body) }),
  },
};

const LENGTHS = {
  'a length that is too long': {
    about: 'ten bytes more than there are, then FIN',
    play: withHeaders(({ body }) => ({ 'Content-Length': body.length + 10 })),
  },
  'a length that is too short': {
    about: 'the last byte is beyond it',
    play: withHeaders(({ body }) => ({ 'Content-Length': body.length - 1 })),
  },
  'a negative length': { about: '-1', play: withHeaders(() => ({ 'Content-Length': -1 })) },
  'a length in words': { about: 'many', play: withHeaders(() => ({ 'Content-Length': 'many' })) },
  'a length past all numbers': {
    about: 'thirty digits',
    play: withHeaders(() => ({ 'Content-Length': '9'.repeat(30) })),
  },
  'two lengths': {
    about: 'the first is right, the second is one less',
    play: withHeaders(({ body }) => ({ 'Content-Length': [body.length, body.length - 1] })),
  },
  'a chunk in words': { about: 'its size is "zz"', play: chunked(() => 'zz\r\n') },
  'a chunk past all numbers': {
    about: 'its size has twenty digits',
    play: chunked(() => `${'f'.repeat(20)}\r\n`),
  },
  'a chunk that is cut': {
    about: 'FIN in the middle of it',
    play: chunked(({ body }) => chunk(body).subarray(0, -3)),
  },
  'chunks without the last': {
    about: 'FIN after whole chunks',
    play: chunked(({ body }) => chunk(body)),
  },
};

/** Of process streams only. */
const STREAM = {
  'a frame past all bounds': {
    about: 'four gigabytes are announced',
    play: frames(START, Buffer.from([0, 255, 255, 255, 255])),
  },
  'a frame that is cut': {
    about: 'the stream ends inside it',
    play: frames(START, OUTPUT.subarray(0, 20)),
  },
  'a frame of unknown kind': { about: 'flags 64', play: frames(START, envelope(64, '{}')) },
  'a compressed frame': {
    about: 'flags 1, though nobody asked',
    play: frames(START, envelope(1, zlib.gzipSync('{}'))),
  },
  'a frame that is not JSON': { about: '{"event":', play: frames(START, envelope(0, '{"event":')) },
  'output that is not base64': {
    about: 'stdout is "!!"',
    play: frames(START, event({ data: { stdout: '!!' } })),
  },
  'no end': {
    about: 'the stream ends well, the process never did',
    play: frames(START, OUTPUT, OVER),
  },
  'no start': { about: 'the stream is empty and ends well', play: frames(OVER) },
  'no last frame': {
    about: 'the process ends, and the stream without saying so',
    play: frames(START, OUTPUT, END),
  },
  'frames behind the last': {
    about: 'more output after the end of all',
    play: frames(START, OUTPUT, END, OVER, OUTPUT),
  },
  'a page in HTML': {
    about: '200, and a page for people',
    play(socket) {
      const headers = { 'Content-Type': 'text/html' };
      send(socket, { status: 200, headers, body: Buffer.from('<html>sign in</html>') });
    },
  },
  'a stream that is reset': {
    about: 'the start, some output, then RST once the test says so',
    play(socket, answer, { read }) {
      socket.write(head(answer, { 'Transfer-Encoding': 'chunked' }));
      socket.write(Buffer.concat([chunk(START), chunk(OUTPUT)]));
      read.then(() => socket.resetAndDestroy());
    },
  },
};

const TRICKS = { ...CONNECTION, ...SLOW, ...ENDLESS, ...PROTOCOL, ...LENGTHS, ...STREAM };

module.exports = { STREAM_TRICKS: Object.keys(STREAM), TRICKS };
