'use strict';

// TLS and HTTP/2, through the real addon: whom it trusts, what it speaks, how many connections.

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const native = require('../../lib');
const { createAuthority } = require('../../lib/local/certificate');
const { waitFor, withBackend } = require('../helpers/backend');
const { NODE, patience } = require('../helpers/pace');
const { startTlsFront } = require('../helpers/tls-front');

const far = withBackend();
let front = null;
afterEach(async () => {
  await front?.close();
  front = null;
});

/** @returns {Promise<object>} the provider options of a client that trusts the front */
async function behindTls(options) {
  front = await startTlsFront(far.url, options);
  const { apiKey } = far.client;
  return { apiKey, apiUrl: front.url, sandboxUrl: front.url, ca: front.ca };
}

const create = (client) => native.createE2bSandbox('a', 'base', 60, undefined, undefined, client);

describe.each([
  ['HTTP/2', {}, '2.0'],
  ['HTTP/1.1', { http2: false }, '1.1'],
])('%s', (_, options, version) => {
  test('carries a whole life: create, run, files, kill', async () => {
    const client = await behindTls(options);
    const { sandboxId } = await create(client);
    const run = (command) => native.executeE2bProcess(sandboxId, command, null, 20, true, client);
    expect(await run('echo hi; exit 3')).toMatchObject({ stdout: 'hi\n', exitCode: 3 });
    const bytes = Buffer.alloc(300_000, 'ab');
    await native.writeE2bFile(sandboxId, '/home/user/f', bytes, client);
    const asBytes = { ...client, encoding: 'buffer' };
    const read = await native.readE2bFile(sandboxId, '/home/user/f', asBytes);
    expect(bytes.equals(read)).toBe(true);
    expect(await native.terminateE2bSandbox(sandboxId, true, client)).toMatchObject({
      sandboxId,
    });
    expect([...front.versions]).toEqual([version]);
  });

  test('a megabyte of output arrives whole', async () => {
    const client = await behindTls(options);
    const { sandboxId } = await create(client);
    const line = 'seq 1 150000';
    const { stdout } = await native.executeE2bProcess(sandboxId, line, null, 20, true, client);
    expect(stdout).toBe(`${Array.from(Array(150_000).keys(), (i) => i + 1).join('\n')}\n`);
  });
});

test('a hundred calls at once over HTTP/2 share one connection', async () => {
  const client = await behindTls();
  const calls = Array.from({ length: 100 }, () => native.listE2bSandboxes('all', client));
  await Promise.all(calls);
  expect([front.connections(), [...front.versions]]).toEqual([1, ['2.0']]);
});

test('a create whose HTTP/2 connection dies is unknown, and was sent once', async () => {
  const client = await behindTls();
  await native.listE2bSandboxes('all', client);
  far.backend.faults.add({ op: 'create', action: 'stall' });
  const created = create(client);
  const rejected = expect(created).rejects.toMatchObject({
    code: 'CONNECTION_LOST',
    outcome: 'unknown',
  });
  const asked = () => far.backend.requests.filter(({ op }) => op === 'create').length;
  await waitFor(() => asked() === 1);
  for (const session of front.sessions) session.destroy();
  await rejected;
  expect(asked()).toBe(1);
});

describe('whom it trusts', () => {
  const refused = { code: 'CERTIFICATE_UNKNOWN_ISSUER', outcome: 'not-sent', retryable: false };

  test('nobody whose authority it does not know', async () => {
    const client = await behindTls();
    await expect(create({ ...client, ca: undefined })).rejects.toMatchObject(refused);
    const ca = createAuthority('other').cert;
    await expect(create({ ...client, ca })).rejects.toMatchObject(refused);
    expect(far.backend.requests).toEqual([]);
  });

  test.each([
    ['HTTP/2', {}],
    ['HTTP/1.1', { http2: false }],
  ])('not by the connection of who trusts another authority, %s', async (_, options) => {
    const client = await behindTls(options);
    expect(await native.listE2bSandboxes('all', client)).toEqual([]);
    await expect(create({ ...client, ca: undefined })).rejects.toMatchObject(refused);
    expect(await native.listE2bSandboxes('all', client)).toEqual([]);
    expect(front.connections()).toBe(1);
  });

  test('the certificates of NODE_EXTRA_CA_CERTS', async () => {
    const client = await behindTls();
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-ca-')), 'ca.pem');
    fs.writeFileSync(file, client.ca);
    const before = process.env.NODE_EXTRA_CA_CERTS;
    process.env.NODE_EXTRA_CA_CERTS = file;
    try {
      const listed = await native.listE2bSandboxes('all', { ...client, ca: undefined });
      expect(listed).toEqual([]);
    } finally {
      if (before === undefined) delete process.env.NODE_EXTRA_CA_CERTS;
      else process.env.NODE_EXTRA_CA_CERTS = before;
      fs.rmSync(path.dirname(file), { recursive: true });
    }
  });

  test('a process with open HTTP/2 connections ends by itself', async () => {
    const client = await behindTls();
    const program = `require(${JSON.stringify(path.resolve(__dirname, '../../lib'))})
      .listE2bSandboxes('all', ${JSON.stringify(client)}).then(() => console.log('listed'))`;
    const { stdout } = await promisify(execFile)(NODE, ['-e', program], {
      timeout: patience(20_000),
    });
    expect(stdout).toBe('listed\n');
  });
});
