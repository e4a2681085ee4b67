// The mirror of csrc/init/wire.h: the same numbers, and bytes as the header describes them.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const wire = require('../../../../lib/local/init/wire');

const { CHANNEL, FrameDecoder, FrameReader, FrameWriter, TYPE, WireError, dataHead } = wire;
const HEADER = path.join(__dirname, '../../../../csrc/init/');

/** Every number that a header gives a WIRE_ or BOOT_ name, by #define or in an enum. */
function numbersOf(file) {
  const source = fs.readFileSync(HEADER + file, 'utf8').replace(/\/\*[^]*?\*\//g, '');
  const found = {};
  for (const [, name, value] of source.matchAll(/#define ((?:WIRE|BOOT)_\w+) (\(?[\du *]+\)?)/g)) {
    const factors = value.replace(/[()u]/g, '').split('*').map(Number);
    found[name] = factors.reduce((product, factor) => product * factor, 1);
  }
  for (const [, name, value] of source.matchAll(/\b(WIRE_\w+) = (\d+)/g)) {
    found[name] = Number(value);
  }
  return found;
}

/** The mirror's numbers under the header's names. */
function ownNumbers() {
  const named = (prefix, table) =>
    Object.entries(table).map(([name, value]) => [`WIRE_${prefix}${name}`, value]);
  return Object.fromEntries([
    ...['HEAD', 'MAX_DATA', 'MAX_FRAME', 'WINDOW', 'MAX_STREAMS', 'WRAPPER_ARGS'].map((n) => [
      `WIRE_${n}`,
      wire[n],
    ]),
    ...[...named('', TYPE), ...named('', CHANNEL), ...named('SPAWN_', wire.SPAWN_FLAG)],
    ...[...named('WATCH_', wire.WATCH_FLAG), ...named('HAS_', wire.HAS)],
    ...named('', wire.EVENT_TYPE),
    ...named('', {
      ...{ FILE: wire.FILE_TYPE.FILE, DIRECTORY: wire.FILE_TYPE.DIRECTORY },
      ...{ OTHER: wire.FILE_TYPE.OTHER, BROKEN: wire.FILE_TYPE.BROKEN },
    }),
  ]);
}

test('every number of the header is the mirror’s, and none is missing', () => {
  expect(ownNumbers()).toEqual(numbersOf('wire.h'));
  expect(numbersOf('boot.h')).toEqual({ BOOT_NO_NETWORK: wire.BOOT_FLAG.NO_NETWORK });
});

test('a frame lies in bytes as the header says', () => {
  const frame = new FrameWriter(TYPE.SPAWN, 7).list(['sh', '']).text('é').u32(3).i64(-2).take();
  // length, type and channel, stream; count, "sh", ""; "é"; 3; -2: on a little-endian machine.
  const hex =
    '20000000 02000000 07000000 02000000 02000000 7368 00000000' +
    '02000000 c3a9 03000000 feffffffffffffff';
  expect(frame.toString('hex')).toBe(hex.replaceAll(' ', ''));
  expect(dataHead(7, CHANNEL.STDERR, 5).toString('hex')).toBe('050000003c02000007000000');
});

test('what was written is read back', () => {
  const entry = (frame) =>
    frame
      .text('/a')
      .u32(1)
      .i64(5)
      .u32(0o100644)
      .text('user')
      .text('user')
      .i64(1n << 60n);
  const frame = entry(new FrameWriter(TYPE.ENTRY, 1)).text('').list(['k', 'v']).take();
  const [{ type, stream, payload }] = [...new FrameDecoder().push(frame)];
  const reader = new FrameReader(payload);
  expect([type, stream, reader.entry()]).toEqual([
    ...[TYPE.ENTRY, 1],
    {
      ...{ path: '/a', type: 1, size: 5, mode: 0o100644, owner: 'user', group: 'user' },
      ...{ mtimeNs: 1n << 60n, link: '', metadata: { k: 'v' } },
    },
  ]);
  expect(() => reader.end()).not.toThrow();
});

test('a frame grows with its fields, wherever its first piece of memory ends', () => {
  for (let bytes = 200; bytes < 300; bytes += 1) {
    const frame = new FrameWriter(TYPE.LOG, 1).text('x'.repeat(bytes)).u32(7).i64(-1).u32(9).take();
    const reader = new FrameReader(frame.subarray(wire.HEAD));
    expect(reader.text()).toHaveLength(bytes);
    expect([reader.u32(), reader.i64(), reader.u32()]).toEqual([7, -1n, 9]);
  }
});

test('frames come out whole, however their bytes are cut', () => {
  const bytes = Buffer.concat([
    new FrameWriter(TYPE.EXITED, 1).u32(3).u32(0).take(),
    new FrameWriter(TYPE.DONE, 1).take(),
    new FrameWriter(TYPE.LOG, 0).text('x'.repeat(1000)).take(),
  ]);
  for (const step of [1, 5, 12, 13, 100, bytes.length]) {
    const decoder = new FrameDecoder();
    const types = [];
    for (let at = 0; at < bytes.length; at += step) {
      for (const { type } of decoder.push(bytes.subarray(at, at + step))) types.push(type);
    }
    expect(types).toEqual([TYPE.EXITED, TYPE.DONE, TYPE.LOG]);
  }
});

test('what breaks the rules is refused', () => {
  const tooLong = Buffer.from('01004000 3c000000 01000000'.replaceAll(' ', ''), 'hex');
  expect(() => [...new FrameDecoder().push(tooLong)]).toThrow(WireError);
  const notZero = Buffer.from('00000000 3c000100 01000000'.replaceAll(' ', ''), 'hex');
  expect(() => [...new FrameDecoder().push(notZero)]).toThrow(WireError);
  const reader = () => new FrameReader(Buffer.from([9, 0, 0, 0, 65]));
  expect(() => reader().text()).toThrow('shorter');
  expect(() => reader().list()).toThrow('longer');
  expect(() => reader().end()).toThrow('longer');
  expect(() => new FrameWriter(TYPE.STAT, 1).text('a\0b')).toThrow('NUL');
  expect(() => new FrameWriter(TYPE.STAT, 1).text('x'.repeat(wire.MAX_FRAME))).toThrow('too long');
});
