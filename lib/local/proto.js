// The binary form of the messages of process.proto and filesystem.proto, from and to their ProtoJSON
// form, by a table of fields. Pure functions on buffers; what messages mean is the services' business.
'use strict';

const STRING = 'string';
const BYTES = 'bytes';
const BOOL = 'bool';
const UINT32 = 'uint32';
const SINT32 = 'sint32';
const INT64 = 'int64';
const TIMESTAMP = 'timestamp';
const MAP = 'map'; // of strings by strings
const SELECTOR = { process: [1, 'process.ProcessSelector'] };
const ENTRY = { entry: [1, 'filesystem.EntryInfo'] };
const PATH = { path: [1, STRING] };
const WATCH = {
  ...PATH,
  ...{ recursive: [2, BOOL], includeEntry: [3, BOOL], allowNetworkMounts: [4, BOOL] },
};

/**
 * Field name -> [number, type, rule]. Rules: `*` is repeated, `?` has presence (it is written though
 * it is the default), `|` is one of a oneof, of which a message of the table has one at most.
 */
const MESSAGES = {
  'process.PTY': { size: [1, 'process.PTY.Size'] },
  'process.PTY.Size': { cols: [1, UINT32], rows: [2, UINT32] },
  'process.ProcessConfig': {
    ...{ cmd: [1, STRING], args: [2, STRING, '*'], envs: [3, MAP], cwd: [4, STRING, '?'] },
  },
  'process.ListRequest': {},
  'process.ProcessInfo': {
    ...{ config: [1, 'process.ProcessConfig'], pid: [2, UINT32], tag: [3, STRING, '?'] },
  },
  'process.ListResponse': { processes: [1, 'process.ProcessInfo', '*'] },
  'process.StartRequest': {
    ...{ process: [1, 'process.ProcessConfig'], pty: [2, 'process.PTY'] },
    ...{ tag: [3, STRING, '?'], stdin: [4, BOOL, '?'] },
  },
  'process.UpdateRequest': { ...SELECTOR, pty: [2, 'process.PTY'] },
  'process.UpdateResponse': {},
  'process.ProcessEvent': {
    ...{ start: [1, 'process.StartEvent', '|'], data: [2, 'process.DataEvent', '|'] },
    ...{ end: [3, 'process.EndEvent', '|'], keepalive: [4, 'Empty', '|'] },
  },
  'process.StartEvent': { pid: [1, UINT32] },
  'process.DataEvent': { stdout: [1, BYTES, '|'], stderr: [2, BYTES, '|'], pty: [3, BYTES, '|'] },
  'process.EndEvent': {
    ...{ exitCode: [1, SINT32], exited: [2, BOOL], status: [3, STRING], error: [4, STRING, '?'] },
  },
  'process.StartResponse': { event: [1, 'process.ProcessEvent'] },
  'process.ConnectResponse': { event: [1, 'process.ProcessEvent'] },
  'process.SendInputRequest': { ...SELECTOR, input: [2, 'process.ProcessInput'] },
  'process.SendInputResponse': {},
  'process.ProcessInput': { stdin: [1, BYTES, '|'], pty: [2, BYTES, '|'] },
  'process.StreamInputRequest': {
    ...{ start: [1, 'process.InputStart', '|'], data: [2, 'process.InputData', '|'] },
    keepalive: [3, 'Empty', '|'],
  },
  'process.InputStart': SELECTOR,
  'process.InputData': { input: [2, 'process.ProcessInput'] },
  'process.StreamInputResponse': {},
  'process.SendSignalRequest': { ...SELECTOR, signal: [2, 'process.Signal'] },
  'process.SendSignalResponse': {},
  'process.CloseStdinRequest': SELECTOR,
  'process.CloseStdinResponse': {},
  'process.ConnectRequest': SELECTOR,
  'process.ProcessSelector': { pid: [1, UINT32, '|'], tag: [2, STRING, '|'] },
  'filesystem.MoveRequest': { source: [1, STRING], destination: [2, STRING] },
  'filesystem.MoveResponse': ENTRY,
  'filesystem.MakeDirRequest': PATH,
  'filesystem.MakeDirResponse': ENTRY,
  'filesystem.RemoveRequest': PATH,
  'filesystem.RemoveResponse': {},
  'filesystem.StatRequest': PATH,
  'filesystem.StatResponse': ENTRY,
  'filesystem.EntryInfo': {
    ...{ name: [1, STRING], type: [2, 'filesystem.FileType'], path: [3, STRING], size: [4, INT64] },
    ...{ mode: [5, UINT32], permissions: [6, STRING], owner: [7, STRING], group: [8, STRING] },
    ...{ modifiedTime: [9, TIMESTAMP], symlinkTarget: [10, STRING, '?'], metadata: [11, MAP] },
  },
  'filesystem.ListDirRequest': { ...PATH, depth: [2, UINT32] },
  'filesystem.ListDirResponse': { entries: [1, 'filesystem.EntryInfo', '*'] },
  'filesystem.WatchDirRequest': WATCH,
  'filesystem.FilesystemEvent': {
    ...{ name: [1, STRING], type: [2, 'filesystem.EventType'] },
    entry: [3, 'filesystem.EntryInfo'],
  },
  'filesystem.WatchDirResponse': {
    ...{ start: [1, 'Empty', '|'], filesystem: [2, 'filesystem.FilesystemEvent', '|'] },
    keepalive: [3, 'Empty', '|'],
  },
  'filesystem.CreateWatcherRequest': WATCH,
  'filesystem.CreateWatcherResponse': { watcherId: [1, STRING] },
  'filesystem.GetWatcherEventsRequest': { watcherId: [1, STRING] },
  'filesystem.GetWatcherEventsResponse': { events: [1, 'filesystem.FilesystemEvent', '*'] },
  'filesystem.RemoveWatcherRequest': { watcherId: [1, STRING] },
  'filesystem.RemoveWatcherResponse': {},
  Empty: {},
};

const ENUMS = {
  'process.Signal': { SIGNAL_UNSPECIFIED: 0, SIGNAL_SIGTERM: 15, SIGNAL_SIGKILL: 9 },
  'filesystem.FileType': enumOf('FILE_TYPE', ['UNSPECIFIED', 'FILE', 'DIRECTORY', 'SYMLINK']),
  'filesystem.EventType': enumOf('EVENT_TYPE', [
    ...['UNSPECIFIED', 'CREATE', 'WRITE', 'REMOVE', 'RENAME', 'CHMOD'],
  ]),
};

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;
const MAP_FIELDS = { key: [1, STRING], value: [2, STRING] };
const TIME_FIELDS = { seconds: [1, INT64], nanos: [2, 'int32'] };
const FIELDS_BY_NUMBER = new Map(
  Object.entries(MESSAGES).map(([type, fields]) => [type, byNumberOf(fields)]),
);
const MAP_BY_NUMBER = byNumberOf(MAP_FIELDS);
const TIME_BY_NUMBER = byNumberOf(TIME_FIELDS);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * @param {string} type  such as `process.StartRequest`
 * @param {object} message  ProtoJSON
 * @returns {Buffer}
 */
function encodeMessage(type, message) {
  return encodeFields(MESSAGES[type], message);
}

/**
 * @param {string} type
 * @param {Buffer} bytes
 * @returns {object} ProtoJSON: fields with default values are left out
 * @throws {RangeError} the bytes are no message
 */
function decodeMessage(type, bytes) {
  return decodeFields(FIELDS_BY_NUMBER.get(type), bytes, {});
}

function encodeFields(fields, message) {
  const parts = [];
  for (const [name, [number, type, rule = '']] of Object.entries(fields)) {
    const value = message[name];
    if (value === undefined || value === null) continue;
    if (rule === '*') {
      for (const one of value) putField(parts, number, type, one);
    } else if (type === MAP) {
      for (const [key, one] of Object.entries(value)) {
        putField(parts, number, BYTES, encodeFields(MAP_FIELDS, { key, value: one }));
      }
    } else if (rule !== '' || isMessage(type) || !isDefault(type, value)) {
      putField(parts, number, type, value);
    }
  }
  return Buffer.concat(parts);
}

function putField(parts, number, type, value) {
  const bytes = bytesOf(type, value);
  const wire = bytes === null ? VARINT : LENGTH;
  parts.push(varint(BigInt(number * 8 + wire)));
  if (bytes === null) return void parts.push(varint(numberOf(type, value)));
  parts.push(varint(BigInt(bytes.length)), bytes);
  return undefined;
}

/** @returns {Buffer|null} null: the type is a number */
function bytesOf(type, value) {
  if (type === STRING) return Buffer.from(value);
  if (type === BYTES) return Buffer.isBuffer(value) ? value : Buffer.from(value, 'base64');
  if (type === TIMESTAMP) return encodeFields(TIME_FIELDS, parseTime(value));
  return isMessage(type) ? encodeMessage(type, value) : null;
}

function numberOf(type, value) {
  if (type === BOOL) return value ? 1n : 0n;
  if (type === SINT32) return BigInt(((value << 1) ^ (value >> 31)) >>> 0);
  if (Object.hasOwn(ENUMS, type)) return BigInt(ENUMS[type][value] ?? value);
  return BigInt.asUintN(64, BigInt(value));
}

function isDefault(type, value) {
  if (Object.hasOwn(ENUMS, type)) return numberOf(type, value) === 0n;
  if (type === INT64) return BigInt(value) === 0n;
  return value === '' || value === 0 || value === false;
}

function isMessage(type) {
  return type === TIMESTAMP || Object.hasOwn(MESSAGES, type);
}

function varint(value) {
  const bytes = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** A field that comes twice: a message is added to, a list grows, of anything else the last is right. */
function decodeFields(byNumber, bytes, message) {
  const reader = { bytes, at: 0 };
  while (reader.at < bytes.length) {
    const tag = Number(readVarint(reader));
    const wire = tag & 7;
    const raw = readRaw(reader, wire);
    const found = byNumber.get(tag >>> 3);
    if (!found) continue;
    const [name, [, type, rule = '']] = found;
    if (wire !== (hasLength(type) ? LENGTH : VARINT)) {
      throw new RangeError(`field ${name} has the wire type ${wire}`);
    }
    if (rule === '|') forgetOthers(byNumber, message, name);
    setField(message, name, { type, rule, raw });
  }
  return message;
}

function setField(message, name, { type, rule, raw }) {
  if (type === MAP) {
    const { key = '', value = '' } = decodeFields(MAP_BY_NUMBER, raw, {});
    message[name] = { ...message[name], [key]: value };
  } else if (rule === '*') {
    (message[name] ??= []).push(valueOf(type, raw, undefined));
  } else {
    const value = valueOf(type, raw, message[name]);
    if (rule !== '' || isMessage(type) || !isDefault(type, value)) message[name] = value;
    else delete message[name];
  }
}

function valueOf(type, raw, before) {
  if (type === STRING) return text(raw);
  if (type === BYTES) return raw.toString('base64');
  if (type === BOOL) return raw !== 0n;
  if (type === UINT32) return Number(BigInt.asUintN(32, raw));
  if (type === 'int32') return Number(BigInt.asIntN(32, raw));
  if (type === SINT32) return Number(BigInt.asIntN(32, (raw >> 1n) ^ -(raw & 1n)));
  if (type === INT64) return String(BigInt.asIntN(64, raw));
  if (type === TIMESTAMP) return formatTime(decodeFields(TIME_BY_NUMBER, raw, {}));
  if (isMessage(type)) return decodeFields(FIELDS_BY_NUMBER.get(type), raw, before ?? {});
  const number = Number(BigInt.asIntN(32, raw));
  const names = Object.entries(ENUMS[type]);
  return names.find(([, value]) => value === number)?.[0] ?? number;
}

function hasLength(type) {
  return type === STRING || type === BYTES || type === MAP || isMessage(type);
}

function forgetOthers(byNumber, message, chosen) {
  for (const [name, [, , rule]] of byNumber.values()) {
    if (rule === '|' && name !== chosen) delete message[name];
  }
}

function readRaw(reader, wire) {
  if (wire === VARINT) return readVarint(reader);
  const sizes = { [FIXED64]: 8, [FIXED32]: 4 };
  const length = wire === LENGTH ? Number(readVarint(reader)) : sizes[wire];
  if (length === undefined) throw new RangeError(`unknown wire type ${wire}`);
  const end = reader.at + length;
  if (end > reader.bytes.length) throw new RangeError('a field is longer than its message');
  const raw = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return raw;
}

function readVarint(reader) {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (reader.at >= reader.bytes.length) throw new RangeError('a number is cut off');
    const byte = reader.bytes[reader.at++];
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new RangeError('a number is too long');
}

function text(raw) {
  try {
    return utf8.decode(raw);
  } catch {
    throw new RangeError('a text is not UTF-8');
  }
}

/** RFC 3339 with up to nine decimals. */
function parseTime(value) {
  const [whole, decimals = ''] = value.replace(/Z$/, '').split('.');
  const seconds = String(Math.floor(Date.parse(`${whole}Z`) / 1000));
  return { seconds, nanos: Number(decimals.padEnd(9, '0').slice(0, 9)) };
}

function formatTime({ seconds = '0', nanos = 0 }) {
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  if (nanos === 0) return `${whole}Z`;
  const decimals = String(nanos)
    .padStart(9, '0')
    .replace(/(000){1,2}$/, '');
  return `${whole}.${decimals}Z`;
}

function enumOf(prefix, names) {
  return Object.fromEntries(names.map((name, number) => [`${prefix}_${name}`, number]));
}

function byNumberOf(fields) {
  return new Map(Object.entries(fields).map(([name, field]) => [field[0], [name, field]]));
}

module.exports = { ENUMS, MESSAGES, decodeMessage, encodeMessage };
