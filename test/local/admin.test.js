// The admin route and files of faults: the same rules from other processes and languages.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { startLocalBackend } = require('../../lib/local');
const { Client, request } = require('../unit/local/client');
const { withBackend } = require('../helpers/backend');

const far = withBackend({ adminKey: 'admin-key' });
let client;

beforeEach(() => {
  client = new Client(far.backend);
});

async function admin(method, target, body, key = 'admin-key') {
  const headers = { 'x-e2b-local-admin': key };
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await request(far.url, { method, path: `/_local/${target}`, headers, body: text });
  return { status: answer.status, json: answer.body.length > 0 ? JSON.parse(answer.body) : null };
}

test('without its own key nothing is answered, also with an API key', async () => {
  for (const key of ['', 'wrong', far.backend.env.E2B_API_KEY]) {
    expect((await admin('GET', 'requests', undefined, key)).status).toBe(401);
  }
  expect((await admin('GET', 'nothing')).status).toBe(404);
});

test('rules are added, strike, are counted, and go', async () => {
  const rule = { op: 'get', match: { path: { regex: '^/SANDBOXES/', flags: 'i' } }, n: 1 };
  const added = await admin('POST', 'faults', [{ ...rule, action: { status: 503 } }]);
  expect([added.status, added.json]).toEqual([201, { added: 1 }]);
  const { id } = await client.create();
  expect((await client.control('GET', `/sandboxes/${id}`)).status).toBe(503);
  expect((await client.control('GET', `/sandboxes/${id}`)).status).toBe(200);
  const { json } = await admin('GET', 'faults');
  expect(json).toMatchObject({ rules: [{ op: 'get', hits: 1 }], hits: [{ op: 'get' }] });
  expect((await admin('DELETE', 'faults')).status).toBe(204);
  expect((await admin('GET', 'faults')).json).toEqual({ rules: [], hits: [] });
});

test('a rule that makes no sense is a 400 that says why', async () => {
  const bad = await admin('POST', 'faults', { op: 'get', action: 'explode' });
  expect([bad.status, bad.json.message]).toEqual([400, expect.stringContaining('explode')]);
});

test('requests are shown without secrets, and sandboxes as they are', async () => {
  const { id, token } = await client.create();
  const requests = await admin('GET', 'requests');
  expect(requests.json[0]).toMatchObject({ op: 'create', status: 201 });
  const text = JSON.stringify(requests.json);
  for (const secret of [token, far.backend.env.E2B_API_KEY, 'admin-key']) {
    expect(text).not.toContain(secret);
  }
  expect((await admin('GET', 'sandboxes')).json).toMatchObject([{ sandboxId: id }]);
});

test('a reset is answered when it is done', async () => {
  await client.create();
  expect((await admin('POST', 'reset')).status).toBe(204);
  expect(far.backend.sandboxes()).toEqual([]);
});

test('a backend starts with the faults of a file', async () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-faults-')), 'faults.json');
  fs.writeFileSync(file, JSON.stringify({ faults: [{ op: 'list', action: { status: 500 } }] }));
  const backend = await startLocalBackend({ isolation: 'none', faults: file });
  expect((await new Client(backend).control('GET', '/v2/sandboxes')).status).toBe(500);
  await backend.close();
  fs.writeFileSync(file, '[{"op":"list"}');
  await expect(startLocalBackend({ faults: file })).rejects.toThrow(file);
  fs.rmSync(path.dirname(file), { recursive: true });
});
