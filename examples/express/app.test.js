'use strict';

// The service's own suite: real sandboxes, no account, no mock. `e2bBackend` comes from the preset.

const { once } = require('node:events');
const app = require('./app');

let server;
let url;

beforeAll(async () => {
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}/run`;
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

async function run(code) {
  const headers = { 'content-type': 'text/plain' };
  const response = await fetch(url, { method: 'POST', headers, body: code });
  return { status: response.status, ...(await response.json()) };
}

test('runs a program and tells what it said', async () => {
  expect(await run('print(6 * 7)')).toEqual({
    status: 200,
    exitCode: 0,
    stdout: '42\n',
    stderr: '',
  });
});

test('a program that fails is an answer, not an error of the service', async () => {
  expect(await run('raise SystemExit(3)')).toMatchObject({ status: 200, exitCode: 3 });
});

test('no sandbox is left, also after a failure', async () => {
  e2bBackend.faults.add({ op: 'start', n: 1, action: 'reset' });
  expect(await run('print(1)')).toMatchObject({ status: 502 });
  expect(e2bBackend.sandboxes()).toEqual([]);
});

test('visitors hear 503 when the account is at its limit', async () => {
  e2bBackend.faults.add({ op: 'create', n: 1, action: { status: 429 } });
  expect(await run('print(1)')).toMatchObject({ status: 503, code: 'CONCURRENCY_LIMIT' });
});
