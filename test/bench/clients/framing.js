'use strict';

// The frames of a process's output, read in JavaScript as a careful user of an HTTP client alone
// would: the envelopes of Connect, JSON, base64, text. Must not know where the bytes come from.

const HEAD_BYTES = 5;
const FLAG_END = 2;

/**
 * Reads a stream of envelopes to its end.
 *
 * @param {AsyncIterable<Buffer>} body
 * @param {{ onStart?: () => void, onStdout: (text: string) => void }} listener
 * @returns {Promise<{ exited: boolean, status: string }>} how the process ended
 */
async function readEvents(body, { onStart, onStdout }) {
  const decoder = new TextDecoder();
  let rest = Buffer.alloc(0);
  let end = null;
  for await (const chunk of body) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= HEAD_BYTES) {
      const length = rest.readUInt32BE(at + 1);
      if (rest.length - at < HEAD_BYTES + length) break;
      const from = at + HEAD_BYTES;
      const message = JSON.parse(rest.toString('utf8', from, from + length));
      if (rest[at] === FLAG_END) {
        if (end === null || message.error) throw new Error('the stream broke off');
        return end;
      }
      const { start, data } = message.event;
      if (data) onStdout(decoder.decode(Buffer.from(data.stdout, 'base64'), { stream: true }));
      else if (start) onStart?.();
      else end = message.event.end;
      at = from + length;
    }
    rest = rest.subarray(at);
  }
  throw new Error('the stream has no end');
}

/** The body of a start. */
function startBody(command) {
  const json = JSON.stringify({
    process: { cmd: '/bin/bash', args: ['-l', '-c', command], envs: {} },
  });
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(Buffer.byteLength(json), 1);
  return Buffer.concat([head, Buffer.from(json)]);
}

module.exports = { readEvents, startBody };
