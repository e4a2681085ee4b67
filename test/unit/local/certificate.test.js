'use strict';

// Certificates as others read them: Node's parser, and a real handshake.

const { X509Certificate } = require('node:crypto');
const { once } = require('node:events');
const tls = require('node:tls');
const { createAuthority } = require('../../../lib/local/certificate');

const authority = createAuthority();

async function handshake({ cert, key }, { servername, ca = authority.cert }) {
  const server = tls.createServer({ cert, key }, (socket) => socket.end());
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const options = { port: server.address().port, host: '127.0.0.1', servername, ca };
  const client = tls.connect({ ...options, checkServerIdentity: check(servername) });
  try {
    await once(client, 'secureConnect');
    return 'ok';
  } catch (error) {
    return error.code;
  } finally {
    client.destroy();
    server.close();
  }
}

// Node leaves the name out of an address; here it is the name that is looked at.
const check = (name) => (_, peer) => tls.checkServerIdentity(name, peer);

test('an authority may sign, and has signed itself', () => {
  const ca = new X509Certificate(authority.cert);
  expect(ca.ca).toBe(true);
  expect(ca.verify(ca.publicKey)).toBe(true);
  expect(ca.checkIssued(ca)).toBe(true);
});

test('a certificate has its names, its issuer, and no right to sign', () => {
  const { cert } = authority.certify(['a.example', '*.a.example', '127.0.0.1', '::1']);
  const made = new X509Certificate(cert);
  const ca = new X509Certificate(authority.cert);
  expect(made.ca).toBe(false);
  expect(made.checkIssued(ca)).toBe(true);
  expect(made.verify(ca.publicKey)).toBe(true);
  expect(made.subjectAltName).toBe(
    'DNS:a.example, DNS:*.a.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1',
  );
  expect(made.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(made.checkHost('x.a.example')).toBe('*.a.example');
});

test('serial numbers differ', () => {
  const serials = Array.from({ length: 50 }, () => authority.certify(['a.example']).cert).map(
    (cert) => new X509Certificate(cert).serialNumber,
  );
  expect(new Set(serials).size).toBe(50);
});

test('a time beyond 2049 is written in the long form', () => {
  const notAfterMs = Date.UTC(2050, 0, 2, 3, 4, 5);
  const { cert } = authority.certify(['a.example'], { notAfterMs });
  expect(new X509Certificate(cert).validTo).toBe('Jan  2 03:04:05 2050 GMT');
});

test('a handshake succeeds with the authority and the right name', async () => {
  const made = authority.certify(['localhost', 'a.example']);
  expect(await handshake(made, { servername: 'a.example' })).toBe('ok');
});

test.each([
  ['a wrong name', {}, { servername: 'b.example' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['one that has expired', { notAfterMs: Date.now() - 1 }, {}, 'CERT_HAS_EXPIRED'],
  ['one that is not valid yet', { notBeforeMs: Date.now() + 86_400_000 }, {}, 'CERT_NOT_YET_VALID'],
  [
    'another authority',
    {},
    { ca: createAuthority('other').cert },
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ],
])('%s is refused', async (_, validity, client, code) => {
  const made = authority.certify(['a.example'], validity);
  expect(await handshake(made, { servername: 'a.example', ...client })).toBe(code);
});
