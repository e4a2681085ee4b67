'use strict';

// What libcurl, OpenSSL and Node do to one another unless somebody takes care. Traps that belong to a
// concept with a test file of its own are tested there: docs/traps.md says which is where.

const { spawn } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http2 = require('node:http2');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { once } = require('node:events');
const native = require('../../lib');
const { createAuthority } = require('../../lib/local/certificate');
const { isAlive, waitFor } = require('../helpers/backend');
const { startHostile } = require('../helpers/hostile');
const { startProxy } = require('../helpers/hostile/proxy');
const { startHttp2FarEnd } = require('../helpers/http2-far-end');
const { withShim } = require('./helpers/calls-in-child');

const overheard = withShim('overheard');
const authority = createAuthority();
const STRANGER = { code: 'CERTIFICATE_UNKNOWN_ISSUER', outcome: 'not-sent', retryable: false };
const ROUNDS = 20;

const open = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
async function opened(starting) {
  const one = await starting;
  open.push(one);
  return one;
}
const secureFarEnd = async (options) => opened(startHttp2FarEnd({ authority, ...options }));
const list = (client) => native.listE2bSandboxes('all', client);

describe("libcurl's traps (ENGINE 3)", () => {
  test('an image without any CA file does for TLS, and none is looked for', async () => {
    const [young, old] = [await secureFarEnd(), await secureFarEnd({ protocols: ['http/1.1'] })];
    const { results, noted } = await overheard(
      [
        { client: young.client, times: 3 },
        { client: old.client, times: 3 },
        { client: { ...young.client, ca: undefined } },
      ],
      { NODE_EXTRA_CA_CERTS: '' },
    );
    expect(results.slice(0, 6)).toEqual(Array(6).fill({ value: [] }));
    expect(results[6]).toMatchObject(STRANGER);
    expect(noted).toEqual([]);
  });

  test('no variable and no option switches verification off, or trusts anybody else', async () => {
    const far = await secureFarEnd();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-trust-'));
    const file = path.join(folder, 'ca.pem');
    fs.writeFileSync(file, authority.cert);
    const client = { ...far.client, ca: undefined };
    const { results } = await overheard([{ client }, { client: far.client }], {
      NODE_EXTRA_CA_CERTS: '',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
      SSL_CERT_FILE: file,
      SSL_CERT_DIR: folder,
      CURL_CA_BUNDLE: file,
    });
    fs.rmSync(folder, { recursive: true });
    expect(results).toMatchObject([STRANGER, { value: [] }]);
    for (const option of ['rejectUnauthorized', 'insecure', 'verify', 'checkServerIdentity']) {
      const call = list({ ...client, [option]: false });
      await expect(call).rejects.toMatchObject({ code: 'UNKNOWN_OPTION', outcome: 'not-sent' });
    }
    expect(far.requests).toHaveLength(1);
  });

  test('no thread of the pool looks into the environment, and an empty option disables a proxy', async () => {
    const far = await secureFarEnd();
    const plain = await opened(startHostile());
    const [proxy, other] = [await opened(startProxy()), await opened(startProxy())];
    const { results, noted } = await overheard(
      [
        { client: far.client },
        { client: plain.client },
        { client: { ...plain.client, proxy: other.url } },
        { client: { ...far.client, proxy: '' } },
        { client: { ...plain.client, proxy: '' } },
      ],
      {
        NODE_EXTRA_CA_CERTS: '',
        http_proxy: proxy.url,
        https_proxy: proxy.url,
        all_proxy: proxy.url,
      },
    );
    expect(results).toEqual(Array(5).fill({ value: [] }));
    expect([proxy.asked.length, other.asked.length]).toEqual([2, 1]);
    expect(noted).toEqual([]);
  });

  test('a program that is started during transfers keeps none of their connections', async () => {
    const controller = new AbortController();
    const ends = [
      await opened(startHttp2FarEnd({ secure: false })),
      await secureFarEnd({ protocols: ['http/1.1'] }),
      await secureFarEnd(),
    ];
    const calls = [];
    for (const end of ends) {
      await list(end.client);
      for (let i = 0; i < 5; i++) {
        end.play('says nothing', 'list');
        const call = list({ ...end.client, signal: controller.signal });
        calls.push(call.catch(({ code }) => code));
      }
      await waitFor(() => end.count('list') === 6);
    }
    const program = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(program, 'spawn');
    try {
      controller.abort();
      expect(await Promise.all(calls)).toEqual(Array(calls.length).fill('CANCELLED'));
      // For a far end a connection is over when nobody has it any more.
      await waitFor(() => ends.every(({ open: sockets }) => sockets.size === 0));
      expect(isAlive(program.pid)).toBe(true);
      expect(inheritedBy(program.pid)).toEqual([]);
    } finally {
      program.kill('SIGKILL');
    }
  });
});

/** What a program has open besides its stdio that this process has open too, and did not open it. */
function inheritedBy(pid) {
  const links = (of) =>
    fs.readdirSync(`/proc/${of}/fd`).flatMap((fd) => {
      const name = fs.readlinkSync(`/proc/${of}/fd/${fd}`, { encoding: 'utf8' });
      return Number(fd) > 2 ? [name] : [];
    });
  return links(pid).filter((name) => !before.has(name));
}
// What whoever started us has left open is not ours.
const before = new Set(
  fs.readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [fs.readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // that of the folder
    }
  }),
);

/** A request by Node's own client. */
function byNode(url) {
  return new Promise((resolve, reject) => {
    const request = https.get(`${url}/v2/sandboxes`, { ca: authority.cert, agent: false });
    request.on('error', reject);
    request.on('response', async (answer) =>
      resolve(String(Buffer.concat(await answer.toArray()))),
    );
  });
}

async function byNodesHttp2(session) {
  const stream = session.request({ ':path': '/v2/sandboxes' });
  return String(Buffer.concat(await stream.toArray()));
}

describe('node and the addon share OpenSSL and nghttp2', () => {
  test("node's TLS and HTTP/2 and ours go on side by side, in the same process", async () => {
    const [young, old] = [await secureFarEnd(), await secureFarEnd({ protocols: ['http/1.1'] })];
    const session = http2.connect(young.url, { ca: authority.cert });
    for (let i = 0; i < ROUNDS; i++) {
      const answers = await Promise.all([
        list(young.client),
        list(old.client),
        byNode(old.url),
        byNodesHttp2(session),
      ]);
      expect(answers).toEqual([[], [], '[]', '[]']);
    }
    session.close();
    expect(young.count('list') + old.count('list')).toBe(4 * ROUNDS);
  });

  test("a handshake of ours that fails leaves node's cryptography on the same threads alone", async () => {
    const far = await secureFarEnd();
    const stranger = { ...far.client, ca: createAuthority('another').cert };
    const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const data = Buffer.from('something to sign');
    for (let i = 0; i < ROUNDS; i++) {
      const refused = list(stranger).catch(({ code }) => code);
      const signed = Array.from({ length: 8 }, async () => {
        const signature = await promisify(crypto.sign)('sha256', data, privateKey);
        return promisify(crypto.verify)('sha256', data, publicKey, signature);
      });
      expect(await Promise.all(signed)).toEqual(Array(8).fill(true));
      expect(await refused).toBe(STRANGER.code);
    }
    await expect(byNode(far.url)).resolves.toBe('[]');
    await expect(list(far.client)).resolves.toEqual([]);
  });
});
