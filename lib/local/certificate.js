'use strict';

// X.509 certificates for far ends that are on this machine: an authority made at start, and the
// certificates that it signs. Just the DER that such a certificate needs (RFC 5280), with Node's own
// keys and signatures: the packages that write any certificate weigh more than this whole one. Must
// never be asked for a certificate that others are to trust.

const { createHash, generateKeyPairSync, randomBytes, sign } = require('node:crypto');
const net = require('node:net');

const DAY_MS = 86_400_000;
const CLOCK_SKEW_MS = 3_600_000;

const SEQUENCE = 0x30;
const SET = 0x31;
const OID = {
  commonName: '550403',
  ecdsaWithSha256: '2a8648ce3d040302',
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  extendedKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
  subjectAltName: '551d11',
  subjectKeyId: '551d0e',
  authorityKeyId: '551d23',
};

/** One DER value: tag, length, and its parts. */
function der(tag, ...parts) {
  const body = Buffer.concat(parts);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const hex = body.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

const oid = (name) => der(0x06, Buffer.from(OID[name], 'hex'));
const octets = (...parts) => der(0x04, ...parts);
const bits = (unused, bytes) => der(0x03, Buffer.from([unused]), bytes);
const yes = () => der(0x01, Buffer.from([0xff]));
const extension = (name, critical, value) =>
  der(SEQUENCE, oid(name), ...(critical ? [yes()] : []), octets(value));

function distinguishedName(commonName) {
  const text = der(0x0c, Buffer.from(commonName));
  return der(SEQUENCE, der(SET, der(SEQUENCE, oid('commonName'), text)));
}

function time(ms) {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  // Up to 2049 in the short form, from then on in the long one: RFC 5280, 4.1.2.5.
  return digits < '2050' ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
}

function addressBytes(address) {
  if (net.isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const [head, tail = []] = groups.map((part) => part.split(':').filter(Boolean));
  const zeros = groups.length > 1 ? Array(8 - head.length - tail.length).fill('0') : [];
  const hex = [...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join('');
  return Buffer.from(hex, 'hex');
}

function alternativeNames(names) {
  const entries = names.map((name) =>
    net.isIP(name) ? der(0x87, addressBytes(name)) : der(0x82, Buffer.from(name)),
  );
  return extension('subjectAltName', false, der(SEQUENCE, ...entries));
}

function keyIdOf(publicKey) {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest().subarray(0, 20);
}

function extensionsOf({ isAuthority, names, keyId, issuerKeyId }) {
  const list = [
    extension('basicConstraints', true, der(SEQUENCE, ...(isAuthority ? [yes()] : []))),
    // keyCertSign and cRLSign, or digitalSignature.
    extension(
      'keyUsage',
      true,
      isAuthority ? bits(1, Buffer.from([6])) : bits(7, Buffer.from([128])),
    ),
    extension('subjectKeyId', false, octets(keyId)),
    extension('authorityKeyId', false, der(SEQUENCE, der(0x80, issuerKeyId))),
  ];
  if (!isAuthority) {
    list.push(extension('extendedKeyUsage', false, der(SEQUENCE, oid('serverAuth'))));
    list.push(alternativeNames(names));
  }
  return der(0xa3, der(SEQUENCE, ...list));
}

function make({ subject, names, isAuthority, issuer, notBeforeMs, notAfterMs }) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyId = keyIdOf(publicKey);
  const algorithm = der(SEQUENCE, oid('ecdsaWithSha256'));
  const serial = randomBytes(16);
  serial[0] = (serial[0] & 0x7f) | 0x40; // positive, and never with a leading zero
  const signed = der(
    SEQUENCE,
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, serial),
    algorithm,
    distinguishedName(issuer?.subject ?? subject),
    der(SEQUENCE, time(notBeforeMs), time(notAfterMs)),
    distinguishedName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    extensionsOf({ isAuthority, names, keyId, issuerKeyId: issuer?.keyId ?? keyId }),
  );
  const signature = sign('sha256', signed, issuer?.privateKey ?? privateKey);
  const whole = der(SEQUENCE, signed, algorithm, bits(0, signature));
  const lines = whole
    .toString('base64')
    .match(/.{1,64}/g)
    .join('\n');
  return {
    subject,
    keyId,
    privateKey,
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

/**
 * An authority of our own.
 *
 * @param {string} [subject='e2b-swarm local authority']
 * @returns {{ cert: string, key: string, certify: (names: string[], validity?: object) =>
 *   { cert: string, key: string } }} its certificate as PEM, and what signs others: `names` are DNS
 *   names (also `*.example`) and addresses; `validity` has `notBeforeMs` and `notAfterMs` since the
 *   epoch (default: from an hour ago, for 397 days)
 */
function createAuthority(subject = 'e2b-swarm local authority') {
  const notBeforeMs = Date.now() - CLOCK_SKEW_MS;
  const notAfterMs = notBeforeMs + 397 * DAY_MS;
  const span = { notBeforeMs, notAfterMs };
  const issuer = make({ subject, names: [], isAuthority: true, issuer: null, ...span });
  return {
    cert: issuer.cert,
    key: issuer.key,
    certify(names, validity = {}) {
      const asked = { subject: names[0], names, isAuthority: false, issuer, ...span, ...validity };
      const { cert, key } = make(asked);
      return { cert, key };
    },
  };
}

module.exports = { createAuthority };
