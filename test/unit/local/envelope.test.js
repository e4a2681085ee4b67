// Connect's stream framing.
'use strict';

const { FLAG_END, decodeEnvelopes, encodeEnvelope } = require('../../../lib/local/envelope');

test('an envelope is flags, a big-endian length, and the payload', () => {
  expect(encodeEnvelope(FLAG_END, '{}')).toEqual(Buffer.from([2, 0, 0, 0, 2, 0x7b, 0x7d]));
});

test('the length counts bytes, not characters', () => {
  const envelope = encodeEnvelope(0, '"é€"');
  expect(envelope.readUInt32BE(1)).toBe(7);
  expect(decodeEnvelopes(envelope)[0].payload.toString()).toBe('"é€"');
});

test('buffers and texts are encoded alike', () => {
  expect(encodeEnvelope(0, Buffer.from('{"a":1}'))).toEqual(encodeEnvelope(0, '{"a":1}'));
});

test('several envelopes come apart in order', () => {
  const body = Buffer.concat([
    encodeEnvelope(0, 'a'),
    encodeEnvelope(0, ''),
    encodeEnvelope(2, 'c'),
  ]);
  expect(decodeEnvelopes(body).map(({ flags, payload }) => [flags, payload.toString()])).toEqual([
    [0, 'a'],
    [0, ''],
    [2, 'c'],
  ]);
});

test('a body that ends inside an envelope is refused, wherever it ends', () => {
  const envelope = encodeEnvelope(0, 'abc');
  for (let length = 1; length < envelope.length; length += 1) {
    expect(() => decodeEnvelopes(envelope.subarray(0, length))).toThrow(RangeError);
  }
  expect(decodeEnvelopes(Buffer.alloc(0))).toEqual([]);
});
