// StreamInput: the input of a process as a stream of messages, in order.
'use strict';

const http = require('node:http');
const { once } = require('node:events');
const { waitFor, withBackend } = require('../helpers/backend');
const { decodeEnvelopes, encodeEnvelope } = require('../../lib/local/envelope');
const { Client } = require('../unit/local/client');

const far = withBackend();
let client;
let sandbox;

beforeEach(async () => {
  client = new Client(far.backend);
  sandbox = await client.create();
});

const data = (text) => ({ data: { input: { stdin: Buffer.from(text).toString('base64') } } });
const start = (pid) => ({ start: { process: { pid } } });

/** Opens the stream: `send` a message, `finish` it for the answer's messages. */
function openInput() {
  const { id, token } = sandbox;
  const request = http.request(`${far.url}/process.Process/StreamInput`, {
    method: 'POST',
    headers: {
      ...{ 'e2b-sandbox-id': id, 'e2b-sandbox-port': '49983', 'x-access-token': token },
      'content-type': 'application/connect+json',
    },
  });
  const answered = once(request, 'response');
  return {
    send: (message) => request.write(encodeEnvelope(0, JSON.stringify(message))),
    finish: async () => {
      request.end();
      const [response] = await answered;
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      return decodeEnvelopes(Buffer.concat(chunks)).map(({ flags, payload }) => {
        return [flags, JSON.parse(payload)];
      });
    },
  };
}

test('input arrives while the stream is open, and in order', async () => {
  const running = await client.background(sandbox, { process: { cmd: 'cat', args: [] } });
  let heard = '';
  running.response.on('data', (chunk) => {
    heard += chunk;
  });
  const input = openInput();
  input.send(start(running.pid));
  input.send(data('one\n'));
  await waitFor(() => heard.includes(Buffer.from('one\n').toString('base64')));
  input.send({ keepalive: {} });
  for (let i = 0; i < 500; i += 1) input.send(data(`${i}\n`));
  expect(await input.finish()).toEqual([
    [0, {}],
    [2, {}],
  ]);
  await client.unary(sandbox, '/process.Process/CloseStdin', { process: { pid: running.pid } });
  const { stdout } = await running.done;
  expect(stdout).toBe(`one\n${Array.from({ length: 500 }, (_, i) => `${i}\n`).join('')}`);
});

test('data before a start, and a process that is not there, are told in the end', async () => {
  const early = openInput();
  early.send(data('x'));
  expect(await early.finish()).toEqual([
    [2, { error: { code: 'invalid_argument', message: 'data before start' } }],
  ]);
  const nobody = openInput();
  nobody.send(start(99_999));
  expect(await nobody.finish()).toEqual([
    [2, { error: { code: 'not_found', message: 'process with pid 99999 not found' } }],
  ]);
});
