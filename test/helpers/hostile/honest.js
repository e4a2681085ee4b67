'use strict';

// What the hostile far end says when it plays no trick: just enough of E2B for a create, a status, a
// list, a file and a command. Pure, but for `send`.

const SANDBOX = { sandboxID: 'i1', templateID: 'base', envdVersion: '0.2.0' };
const DETAIL = { ...SANDBOX, envdAccessToken: 'daemon-token', state: 'running', clientID: 'c' };

/** @returns {Buffer} one Connect envelope */
function envelope(flags, text) {
  const body = Buffer.isBuffer(text) ? text : Buffer.from(text);
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

const event = (value) => envelope(0, JSON.stringify({ event: value }));
const START = event({ start: { pid: 7 } });
const OUTPUT = event({ data: { stdout: Buffer.from('seen\n').toString('base64') } });
const END = event({ end: { exitCode: 0, exited: true, status: 'exit status 0' } });
const OVER = envelope(2, '{}');

/** @returns {string} 'list' 'create' 'get' 'kill' 'processes' 'start' 'read' 'write' 'health' */
function opOf(method, path) {
  const where = path.split('?')[0];
  if (where === '/v2/sandboxes') return method === 'GET' ? 'list' : 'create';
  if (where.startsWith('/sandboxes/')) return method === 'DELETE' ? 'kill' : 'get';
  if (where === '/files') return method === 'GET' ? 'read' : 'write';
  if (where === '/health') return 'health';
  return { List: 'processes', Start: 'start' }[where.split('/').pop()] ?? 'other';
}

const json = (status, value) => ({
  status,
  headers: { 'Content-Type': 'application/json' },
  body: Buffer.from(JSON.stringify(value)),
});

/** @returns {{ status: number, headers: object, body: Buffer, frames?: Buffer[] }} */
function honestAnswer({ op }) {
  const frames = [START, OUTPUT, END, OVER];
  switch (op) {
    case 'create':
      return json(201, { ...SANDBOX, envdAccessToken: 'daemon-token' });
    case 'list':
      return json(200, []);
    case 'get':
      return json(200, DETAIL);
    case 'processes':
      return json(200, { processes: [] });
    case 'start': {
      const headers = { 'Content-Type': 'application/connect+json' };
      return { status: 200, headers, body: Buffer.concat(frames), frames };
    }
    case 'read': {
      const headers = { 'Content-Type': 'application/octet-stream' };
      return { status: 200, headers, body: Buffer.from('the bytes of a file') };
    }
    case 'write':
      return json(200, [{ name: 'a', path: '/home/user/a', type: 'file' }]);
    default:
      return { status: 204, headers: {}, body: Buffer.alloc(0) };
  }
}

/** Status line and headers; `extra` wins and null leaves one out. */
function head({ status, headers }, extra = {}) {
  const all = Object.entries({ ...headers, ...extra }).filter(([, value]) => value !== null);
  const lines = all.flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => `${name}: ${one}\r\n`),
  );
  return `HTTP/1.1 ${status} said\r\n${lines.join('')}\r\n`;
}

/** An honest answer, with its length. */
function send(socket, answer) {
  const extra = answer.status === 204 ? {} : { 'Content-Length': answer.body.length };
  socket.write(Buffer.concat([Buffer.from(head(answer, extra)), answer.body]));
}

/** @returns {string|Buffer} one chunk of a chunked body */
function chunk(bytes) {
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ]);
}

module.exports = {
  END,
  OUTPUT,
  OVER,
  START,
  chunk,
  envelope,
  event,
  head,
  honestAnswer,
  opOf,
  send,
};
