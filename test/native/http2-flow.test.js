'use strict';

// Back-pressure over HTTP/2, against Node's own server, which keeps to the client's windows: a reader
// who stops holds back his stream, and nobody else's.

const http2 = require('node:http2');
const { once } = require('node:events');
const native = require('../../lib');
const { createAuthority } = require('../../lib/local/certificate');
const { waitFor } = require('../helpers/backend');
const { patience } = require('../helpers/pace');
const { END, OVER, START, event, honestAnswer, opOf } = require('../helpers/hostile/honest');

const MIB = 1024 * 1024;
const WINDOW = 32 * MIB; // what libcurl allows a stream, and keeps for a reader who has stopped
const PIECE = 48 * 1024;

let server;
let client;
const streams = [];
const sessions = new Set();
beforeAll(async () => {
  const authority = createAuthority();
  server = http2.createSecureServer(authority.certify(['127.0.0.1']));
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    stream.resume();
    const op = opOf(headers[':method'], headers[':path']);
    const { status, headers: said, body } = honestAnswer({ op });
    stream.respond({ ':status': status, ...said });
    if (op === 'start') streams.push(stream);
    else stream.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `https://127.0.0.1:${server.address().port}`;
  client = { apiKey: 'e2b_flow_key', apiUrl: url, sandboxUrl: url, ca: authority.cert };
  await native.createE2bSandbox('a', 'base', 60, undefined, undefined, client);
});
afterAll(() => {
  for (const session of sessions) session.destroy();
  server.close();
});

/** Prints as fast as it is let; `given` is what has left the server's own buffers. */
function printer(stream, bytes) {
  const stdout = Buffer.alloc(PIECE, 'x').toString('base64');
  const piece = event({ data: { stdout } });
  const state = { given: 0 };
  let left = bytes;
  const more = () => {
    if (left <= 0) {
      stream.end(Buffer.concat([END, OVER]));
      return;
    }
    left -= PIECE;
    stream.write(piece, () => {
      state.given += piece.length;
      more();
    });
  };
  stream.write(START);
  more();
  return state;
}

test(
  'a reader who stops holds back his stream within the window, and no neighbour',
  async () => {
    const bytes = Math.ceil((80 * MIB) / PIECE) * PIECE;
    let goOn;
    const stopped = new Promise((resolve) => (goOn = resolve));
    let read = 0;
    const run = native.executeE2bProcess('i1', 'true', null, 60, false, {
      ...client,
      onStdout(text) {
        read += text.length;
        return stopped;
      },
    });
    await waitFor(() => streams.length === 1);
    const state = printer(streams[0], bytes);
    let before = -1;
    await waitFor(
      async () => {
        const still = state.given > WINDOW / 2 && state.given === before;
        before = state.given;
        // The neighbours' answers are behind all that the slow stream has been allowed to send.
        await native.listE2bSandboxes('all', client);
        return still;
      },
      { timeoutMs: 20_000, intervalMs: 50 },
    );
    expect(state.given).toBeLessThanOrEqual(WINDOW + MIB);
    expect(read).toBeLessThan(MIB);
    await expect(native.listE2bSandboxes('all', client)).resolves.toEqual([]);
    goOn();
    await expect(run).resolves.toMatchObject({ exitCode: 0 });
    expect(read).toBe(bytes);
    expect(sessions.size).toBe(1);
  },
  patience(40_000),
);
