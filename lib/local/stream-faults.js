// What faults do to a Connect stream, message by message: where it breaks off, and which messages come
// spoiled, twice, late or not at all. A value that `event-stream.js` asks; what it breaks off is the
// connection, which `delivery.js` lends it.
'use strict';

const { encodeEnvelope } = require('./envelope');

const DATA = /^\{"event":\{"data"/;
const END = /^\{"event":\{"end"/;
const HUGE_BYTES = 64 * 1024 * 1024;
const EXTRA_BYTES = 7; // of an announced length that is wrong

/** The beginning of a data event in an envelope that announces more than will ever come. */
const HALF_ENVELOPE = Buffer.concat([
  Buffer.from([0, 0, 0, 0, 0x40]),
  Buffer.from('{"event":{"data":{"stdout":"aGV'),
]);

/** What becomes of messages, by the kind of action; each strikes one message. */
const ALTERATIONS = {
  drop: () => onceFor(DATA, () => []),
  duplicate: () => onceFor(/^/, (envelope) => [envelope, envelope]),
  garbage: () => onceFor(/^/, () => [encodeEnvelope(0, '{"event":{"data"{]')]),
  corrupt: () => onceFor(/^/, corrupted),
  'wrong-length': () => onceFor(/^/, longer),
  huge: ({ bytes = HUGE_BYTES }) => onceFor(DATA, () => [hugeEnvelope(bytes)]),
  'no-end': () => onceFor(END, () => []),
  'late-data': lateData,
};

/**
 * @typedef {object} StreamFault
 * @property {number} afterEvents  messages that pass first
 * @property {() => void} [take]  gets the connection when they have
 * @property {(text: string, envelope: Buffer) => Buffer[]} [alter]  what is sent in place of each
 *   message after them
 */

/**
 * @param {import('./faults').FaultAction|null} fault
 * @param {{ reset: () => void, end: (last?: Buffer) => void, write: (bytes: Buffer|string, then:
 *   () => void) => void, vanish: () => void }} connection
 * @returns {StreamFault|null}
 */
function streamFault(fault, connection) {
  if (!fault) return null;
  const { type, how, where = 'inside', afterEvents = 1 } = fault;
  if (Object.hasOwn(ALTERATIONS, type)) return { afterEvents, alter: ALTERATIONS[type](fault) };
  const { reset, end, write, vanish } = connection;
  const half = where === 'inside' ? HALF_ENVELOPE : '';
  const takes = {
    'reset-body': () => write('', reset),
    vanish: () => write('', vanish),
    crash: () => write('', vanish),
    cut: () => (how === 'end' ? end(half) : write(half, reset)),
  };
  if (!Object.hasOwn(takes, type)) return null;
  return { afterEvents: type === 'reset-body' ? 1 : afterEvents, take: takes[type] };
}

function onceFor(pattern, alter) {
  let done = false;
  return (text, envelope) => {
    if (done || !pattern.test(text)) return [envelope];
    done = true;
    return alter(envelope);
  };
}

/** One data event comes after the end, which is told before all has been said. */
function lateData() {
  let held = null;
  return (text, envelope) => {
    if (held === null && DATA.test(text)) {
      held = envelope;
      return [];
    }
    return END.test(text) && held ? [envelope, held] : [envelope];
  };
}

/** Flags that mean nothing, and a payload with a bit of each byte turned over. */
function corrupted(envelope) {
  const bad = Buffer.from(envelope);
  for (let i = 5; i < bad.length; i += 1) bad[i] ^= 0x10;
  bad[0] = 0x40;
  return [bad];
}

/** The length reaches into the next envelope. */
function longer(envelope) {
  const bad = Buffer.from(envelope);
  bad.writeUInt32BE(bad.readUInt32BE(1) + EXTRA_BYTES, 1);
  return [bad];
}

function hugeEnvelope(bytes) {
  const [head, tail] = ['{"event":{"data":{"stdout":"', '"}}}'];
  const payload = Buffer.alloc(head.length + Math.ceil(bytes / 4) * 4 + tail.length, 'A');
  payload.write(head);
  payload.write(tail, payload.length - tail.length);
  return encodeEnvelope(0, payload);
}

module.exports = { EXTRA_BYTES, STREAM_ACTIONS: Object.keys(ALTERATIONS), streamFault };
