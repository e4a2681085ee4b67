// Connect's stream framing: one byte of flags, four bytes of length (big endian), then the payload.
// Functions on buffers; must not know what the payloads mean.
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

/**
 * Splits a body into its envelopes while it comes.
 * @param {AsyncIterable<Buffer>} source
 * @param {number} maxBytes  of one payload
 * @param {(chunk: Buffer) => void} [onChunk]  is shown the body as it comes
 * @returns {AsyncGenerator<{ compressed: boolean, payload: Buffer }>}
 * @throws {RangeError} when the body ends inside an envelope, or one is too long
 */
async function* decodeEnvelopeStream(source, maxBytes, onChunk = () => {}) {
  let held = Buffer.alloc(0);
  for await (const chunk of source) {
    onChunk(chunk);
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= HEADER_BYTES) {
      const length = held.readUInt32BE(1);
      if (length > maxBytes) throw new RangeError(`an envelope of ${length} bytes`);
      const end = HEADER_BYTES + length;
      if (held.length < end) break;
      const compressed = (held[0] & FLAG_COMPRESSED) !== 0;
      yield { compressed, payload: held.subarray(HEADER_BYTES, end) };
      held = held.subarray(end);
    }
  }
  if (held.length > 0) throw new RangeError('the body ends inside an envelope');
}

module.exports = {
  ...{ FLAG_COMPRESSED, FLAG_END, HEADER_BYTES },
  ...{ decodeEnvelopeStream, decodeEnvelopes, encodeEnvelope },
};
