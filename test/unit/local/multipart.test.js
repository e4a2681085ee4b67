// The incremental multipart parser, at every way of cutting its input.
'use strict';

const { MultipartError, MultipartParser } = require('../../../lib/local/multipart');

const BODY = Buffer.from(
  [
    'preamble',
    '--b0',
    'Content-Disposition: form-data; name="file"; filename="/home/user/a b.txt"',
    'Content-Type: application/octet-stream',
    '',
    'one\r\n--b1\r\n-',
    '--b0',
    'Content-Disposition: form-data; name="other"',
    '',
    '',
    '--b0',
    'content-disposition: form-data; name=file; filename="quo\\"te\\\\d.txt"',
    '',
    '',
    '--b0--',
    'epilogue',
  ].join('\r\n'),
);

/** Feeds the body in pieces of a size and joins what comes out. */
function parse(body, size) {
  const parser = new MultipartParser('b0');
  const parts = [];
  for (let at = 0; at < body.length; at += size) {
    for (const event of parser.push(body.subarray(at, at + size))) {
      if (event.type === 'part') parts.push({ ...event, text: '', ended: false });
      if (event.type === 'data') parts.at(-1).text += event.bytes.toString();
      if (event.type === 'end') parts.at(-1).ended = true;
    }
  }
  parser.finish();
  return parts.map(({ name, filename, text, ended }) => ({ name, filename, text, ended }));
}

test('parts come out the same however the body is cut', () => {
  const expected = [
    { name: 'file', filename: '/home/user/a b.txt', text: 'one\r\n--b1\r\n-', ended: true },
    { name: 'other', filename: undefined, text: '', ended: true },
    { name: 'file', filename: 'quo"te\\d.txt', text: '', ended: true },
  ];
  for (let size = 1; size <= BODY.length; size += 1) expect(parse(BODY, size)).toEqual(expected);
});

test('the directories of a file name are kept', () => {
  expect(parse(BODY, BODY.length)[0].filename).toBe('/home/user/a b.txt');
});

test('an extended file name is decoded', () => {
  const body = Buffer.from(
    '--b0\r\nContent-Disposition: form-data; name="file"; filename*=utf-8\'\'%C3%A9.txt\r\n\r\nx\r\n--b0--',
  );
  expect(parse(body, 7)).toEqual([{ name: 'file', filename: 'é.txt', text: 'x', ended: true }]);
});

test('a body that breaks off is an error', () => {
  const parser = new MultipartParser('b0');
  expect([...parser.push(BODY.subarray(0, 150))].length).toBeGreaterThan(0);
  expect(() => parser.finish()).toThrow(MultipartError);
});

test('endless part headers are an error', () => {
  const parser = new MultipartParser('b0');
  expect(() => [...parser.push(Buffer.from(`--b0\r\n${'x'.repeat(20_000)}`))]).toThrow(
    MultipartError,
  );
});

test('no more than a boundary is held back', () => {
  const parser = new MultipartParser('b0');
  const head = '--b0\r\nContent-Disposition: form-data; name="file"\r\n\r\n';
  expect([...parser.push(Buffer.from(head))]).toHaveLength(1);
  const [data] = parser.push(Buffer.alloc(100_000, 'x'));
  expect(data.bytes.length).toBeGreaterThanOrEqual(100_000 - '\r\n--b0'.length);
});
