// Connect's stream framing: one byte of flags, four bytes of length (big endian), then the payload.
// Pure functions on buffers; must not know what the payloads mean.
'use strict';

const HEADER_BYTES = 5;
const FLAG_COMPRESSED = 0x01;
const FLAG_END = 0x02;

/**
 * @param {number} flags
 * @param {string|Buffer} payload
 * @returns {Buffer} one envelope
 */
function encodeEnvelope(flags, payload) {
  const length = Buffer.byteLength(payload);
  const envelope = Buffer.allocUnsafe(HEADER_BYTES + length);
  envelope[0] = flags;
  envelope.writeUInt32BE(length, 1);
  if (typeof payload === 'string') envelope.write(payload, HEADER_BYTES);
  else payload.copy(envelope, HEADER_BYTES);
  return envelope;
}

/**
 * Splits a complete body into its envelopes.
 * @param {Buffer} body
 * @returns {{ flags: number, payload: Buffer }[]}
 * @throws {RangeError} when the body ends inside an envelope
 */
function decodeEnvelopes(body) {
  const envelopes = [];
  let offset = 0;
  while (offset < body.length) {
    if (body.length - offset < HEADER_BYTES) throw new RangeError('incomplete envelope header');
    const end = offset + HEADER_BYTES + body.readUInt32BE(offset + 1);
    if (end > body.length) throw new RangeError('envelope is longer than the body');
    envelopes.push({ flags: body[offset], payload: body.subarray(offset + HEADER_BYTES, end) });
    offset = end;
  }
  return envelopes;
}

module.exports = { FLAG_COMPRESSED, FLAG_END, HEADER_BYTES, decodeEnvelopes, encodeEnvelope };
