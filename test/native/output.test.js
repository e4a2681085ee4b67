'use strict';

// What one large message of a process stream comes to: pieces that V8 keeps among its young strings,
// each of whole characters, and one acknowledgement.

const http = require('node:http');
const { once } = require('node:events');
const { executeE2bProcess } = require('../../lib');

const MOST = 61_440; // bytes of a piece
const TEXT = 'aé漢🚀'.repeat(40_000);

const envelope = (flags, message) => {
  const json = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(json.length, 1);
  return Buffer.concat([head, json]);
};
const output = (bytes) =>
  envelope(0, { event: { data: { stdout: Buffer.from(bytes).toString('base64') } } });

let server;
let client;
let messages;
beforeAll(async () => {
  server = http.createServer((request, response) => {
    request.resume();
    if (request.method === 'GET') {
      response.end(JSON.stringify({ sandboxID: 'i1', envdAccessToken: 'token' }));
      return;
    }
    response.write(envelope(0, { event: { start: { pid: 7 } } }));
    for (const message of messages) response.write(message);
    response.write(envelope(0, { event: { end: { exited: true } } }));
    response.end(envelope(2, {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  client = { apiUrl: url, sandboxUrl: url, apiKey: 'e2b_00' };
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

test('a long text comes in pieces of whole characters', async () => {
  const bytes = Buffer.from(TEXT);
  messages = [output(bytes.subarray(0, 123_457)), output(bytes.subarray(123_457))];
  const pieces = [];
  const onStdout = (piece) => pieces.push(piece);
  const result = await executeE2bProcess('i1', 'x', null, 10, true, { ...client, onStdout });
  expect(pieces.length).toBeGreaterThanOrEqual(bytes.length / (MOST + 4));
  expect(Math.max(...pieces.map((piece) => Buffer.byteLength(piece)))).toBeLessThanOrEqual(
    MOST + 3,
  );
  expect(pieces.join('') === TEXT && result.stdout === TEXT).toBe(true);
});

test('nothing that is no text is lost at the edge of a piece', async () => {
  const bytes = Buffer.alloc(200_000, 0xbf); // each of them is one replacement character
  messages = [output(bytes)];
  let heard = 0;
  const onStdout = (piece) => {
    heard += piece.length;
  };
  await executeE2bProcess('i1', 'x', null, 10, false, { ...client, onStdout });
  expect(heard).toBe(bytes.length);
});

test('a reader that waits gets the pieces of one message one at a time, in order', async () => {
  messages = [output(Buffer.from(TEXT)), output(Buffer.from('end'))];
  let waiting = 0;
  let heard = '';
  const onStdout = async (piece) => {
    expect(++waiting).toBe(1);
    await new Promise(setImmediate);
    heard += piece;
    waiting--;
  };
  await executeE2bProcess('i1', 'x', null, 10, false, { ...client, onStdout });
  expect(heard === `${TEXT}end`).toBe(true);
});
