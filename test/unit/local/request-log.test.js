// The record of an exchange: what was asked and what was answered, over both versions of HTTP.
'use strict';

const { gunzipSync } = require('node:zlib');
const { Client } = require('./client');
const { withBackend } = require('../../helpers/backend');

const far = withBackend();

test('a record has the head and the body of the answer', async () => {
  const client = new Client(far.backend);
  const sandbox = await client.create();
  const record = far.backend.requests.at(-1);
  expect(record.answerHeaders['content-type']).toMatch('application/json');
  expect(JSON.parse(record.answer.toString())).toMatchObject({ sandboxID: sandbox.id });
  expect(record.answerTruncated).toBe(false);
});

test('of a long answer the beginning is kept', async () => {
  const client = new Client(far.backend);
  const sandbox = await client.create();
  await client.unary(sandbox, '/filesystem.Filesystem/MakeDir', { path: 'd' });
  const [{ home }] = far.backend.sandboxes();
  require('node:fs').writeFileSync(`${home}/long`, Buffer.alloc(100_000));
  const { body } = await client.envd(sandbox, 'GET', '/files?path=long');
  const record = far.backend.requests.at(-1);
  expect(body).toHaveLength(100_000);
  expect([record.answer.length, record.answerTruncated]).toEqual([65_536, true]);
});

test('an answer that was packed is kept as it was sent', async () => {
  const client = new Client(far.backend);
  const sandbox = await client.create();
  const path = '/filesystem.Filesystem/ListDir';
  const headers = { 'accept-encoding': 'gzip' };
  await client.unary(sandbox, path, { path: '/' }, { headers });
  const { answer, answerHeaders } = far.backend.requests.at(-1);
  expect(answerHeaders['content-encoding']).toBe('gzip');
  expect(JSON.parse(gunzipSync(answer))).toHaveProperty('entries');
});

test('secrets in an answer are not shown', async () => {
  await new Client(far.backend).create();
  const record = far.backend.requests.at(-1);
  const token = JSON.parse(record.answer.toString()).envdAccessToken;
  expect(JSON.stringify(record)).not.toContain(token);
  expect(require('node:util').inspect(record)).not.toContain(token);
});
