'use strict';

// The numbers and the byte order of HTTP/2's frames (RFC 9113), for a far end that writes them by
// hand. It knows no connection, and reads nothing.

const FRAME = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
};
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const CODE = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  ENHANCE_YOUR_CALM: 11,
  HTTP_1_1_REQUIRED: 13,
};

function uint32(...values) {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeUInt32BE(value, 4 * index));
  return bytes;
}

/** Header fields, each a literal without indexing and without Huffman's code (RFC 7541, 6.2.2). */
function fields(pairs) {
  const text = (value) => {
    const bytes = Buffer.from(String(value));
    if (bytes.length > 126) throw new Error('a longer field needs a longer length');
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  };
  return Buffer.concat(
    pairs.flatMap(([name, value]) => [Buffer.from([0]), text(name.toLowerCase()), text(value)]),
  );
}

module.exports = { ACK, CODE, END_HEADERS, END_STREAM, FRAME, fields, uint32 };
