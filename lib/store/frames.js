'use strict';

// How records lie in the files of a store: each in a frame of its own that says its length and its
// checksum, so that one which was cut short or damaged is known for what it is. Pure.
//
//   0  length of the payload        4  CRC-32 of everything after it
//   8  how many bytes of the file were known to be on disk when this frame was written
//   12 payload (UTF-8)              all numbers: 32 bits, little endian

const HEAD_BYTES = 12;
const MAX_PAYLOAD_BYTES = 1024 * 1024;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes, start, end, seed) {
  let crc = ~seed;
  for (let at = start; at < end; at += 1) crc = CRC_TABLE[(crc ^ bytes[at]) & 0xff] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// The length is in it too, but not where it would make a frame out of zeros.
function checksum(bytes, start, end) {
  return crc32(bytes, start + 8, end, end - start);
}

/** @param {number} syncedBytes @returns {Buffer} */
function frameOf(text, syncedBytes) {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(HEAD_BYTES + length);
  frame.writeUInt32LE(length, 0);
  frame.writeUInt32LE(syncedBytes, 8);
  frame.write(text, HEAD_BYTES);
  frame.writeUInt32LE(checksum(frame, 0, frame.length), 4);
  return frame;
}

/** The frame at an offset, or null when there is none that is whole. */
function frameAt(bytes, offset) {
  if (offset + HEAD_BYTES > bytes.length) return null;
  const length = bytes.readUInt32LE(offset);
  const end = offset + HEAD_BYTES + length;
  if (length === 0 || length > MAX_PAYLOAD_BYTES || end > bytes.length) return null;
  if (bytes.readUInt32LE(offset + 4) !== checksum(bytes, offset, end)) return null;
  return {
    syncedBytes: bytes.readUInt32LE(offset + 8),
    text: bytes.toString('utf8', offset + HEAD_BYTES, end),
    end,
  };
}

/**
 * Reads frames up to the first that is not whole.
 *
 * @returns {{ texts: string[], goodBytes: number, isDamaged: boolean }} goodBytes: where the whole
 *   frames end. isDamaged: a later frame proves that what is not whole there was on disk once; else it
 *   is the end of a write that was never confirmed.
 */
function readFrames(bytes) {
  const texts = [];
  let goodBytes = 0;
  for (let frame; (frame = frameAt(bytes, goodBytes)) !== null; goodBytes = frame.end) {
    texts.push(frame.text);
  }
  let isDamaged = false;
  for (let at = goodBytes + 1; at + HEAD_BYTES <= bytes.length && !isDamaged; at += 1) {
    isDamaged = (frameAt(bytes, at)?.syncedBytes ?? 0) > goodBytes;
  }
  return { texts, goodBytes, isDamaged };
}

module.exports = { frameOf, readFrames };
