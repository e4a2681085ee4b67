'use strict';

// Certificates that are refused, each with a code of its own, before anything is sent: of the far end,
// of an https proxy, and of a far end behind a tunnel.

const native = require('../../lib');
const { NetworkError } = require('../../lib/errors');
const { createAuthority } = require('../../lib/local/certificate');
const { withBackend } = require('../helpers/backend');
const { startProxy } = require('../helpers/hostile/proxy');
const { startTlsFront } = require('../helpers/tls-front');

const far = withBackend();
const open = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});
const opened = (server) => {
  open.push(server);
  return server;
};

/** What a server shows, and what the client trusts besides Node's own roots. */
const KINDS = [
  [
    'for another name',
    'CERTIFICATE_NAME',
    (authority) => ({ authority, names: ['elsewhere.example'] }),
  ],
  [
    'for another address',
    'CERTIFICATE_NAME',
    (authority) => ({ authority, names: ['127.0.0.2', '::1', 'localhost'] }),
  ],
  [
    'that has expired',
    'CERTIFICATE_EXPIRED',
    (authority) => ({ authority, validity: { notAfterMs: Date.now() - 1_000 } }),
  ],
  [
    'that is not valid yet',
    'CERTIFICATE_NOT_YET_VALID',
    (authority) => ({ authority, validity: { notBeforeMs: Date.now() + 86_400_000 } }),
  ],
  [
    'that is self-signed',
    'CERTIFICATE_SELF_SIGNED',
    () => ({ authority: { certify: () => createAuthority('127.0.0.1') } }),
  ],
  [
    'of an authority that nobody knows',
    'CERTIFICATE_UNKNOWN_ISSUER',
    () => ({ authority: createAuthority('stranger') }),
  ],
  [
    'that brings along its own authority',
    'CERTIFICATE_UNKNOWN_ISSUER',
    () => ({ authority: withChain(createAuthority('stranger')) }),
  ],
];

function withChain(authority) {
  return {
    certify(...args) {
      const { cert, key } = authority.certify(...args);
      return { cert: cert + authority.cert, key };
    },
  };
}

/** @returns {{ options: object, ca: string }} of a server, and the authority that the client trusts */
function shown(make) {
  const authority = createAuthority();
  return { options: make(authority), ca: authority.cert };
}

const refusal = (code) => ({ code, outcome: 'not-sent', retryable: false, status: null });

async function expectRefused(promise, code) {
  const error = await promise.then(
    () => null,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(NetworkError);
  expect(error).toMatchObject(refusal(code));
  expect(error.cause.curlCode).toBe(60);
  expect(far.backend.requests).toEqual([]);
}

const create = (client) => native.createE2bSandbox('a', 'base', 60, undefined, undefined, client);

describe.each(KINDS)('a certificate %s', (_, code, make) => {
  test.each([
    ['HTTP/1.1', false],
    ['HTTP/2', true],
  ])(`is ${code} over %s, and the client goes on`, async (__, http2) => {
    const { options, ca } = shown(make);
    const front = opened(await startTlsFront(far.url, { http2, ...options }));
    const { apiKey } = far.client;
    const client = { apiKey, apiUrl: front.url, sandboxUrl: front.url, ca };
    await expectRefused(create(client), code);
    await expectRefused(native.listE2bSandboxes('all', client), code);
    await expect(native.listE2bSandboxes('all', far.client)).resolves.toEqual([]);
  });

  test(`of a daemon is ${code}: nothing was started`, async () => {
    const { options, ca } = shown(make);
    const front = opened(await startTlsFront(far.url, { http2: false, ...options }));
    const client = { ...far.client, sandboxUrl: front.url, ca };
    const { sandboxId } = await create(client);
    far.backend.requests.splice(0);
    await expectRefused(native.executeE2bProcess(sandboxId, 'true', null, 5, true, client), code);
  });

  test(`of an https proxy is ${code}`, async () => {
    const { options, ca } = shown(make);
    const { authority, names = ['127.0.0.1'], validity } = options;
    const proxy = opened(await startProxy({ tls: authority.certify(names, validity) }));
    await expectRefused(
      native.listE2bSandboxes('all', { ...far.client, proxy: proxy.url, ca }),
      code,
    );
    expect(proxy.asked).toEqual([]);
  });

  test(`behind a tunnel is ${code}`, async () => {
    const { options, ca } = shown(make);
    const front = opened(await startTlsFront(far.url, { http2: false, ...options }));
    const proxy = opened(await startProxy());
    const { apiKey } = far.client;
    const client = { apiKey, apiUrl: front.url, sandboxUrl: front.url, ca, proxy: proxy.url };
    await expectRefused(create(client), code);
    expect(proxy.asked).toEqual([`CONNECT ${new URL(front.url).host}`]);
  });
});
