'use strict';

// Files of a sandbox: what is written is what is read.

const { randomBytes } = require('node:crypto');
const { Readable } = require('node:stream');
const { gunzipSync } = require('node:zlib');
const {
  createE2bSandbox,
  listE2bFiles,
  readE2bFile,
  removeE2bFile,
  statE2bFile,
  writeE2bFile,
  writeE2bFiles,
} = require('../../lib');
const { withBackend } = require('../helpers/backend');

const far = withBackend();
let id;
beforeEach(async () => {
  const made = await createE2bSandbox('a', 'base', 600, undefined, undefined, far.client);
  id = made.sandboxId;
});
const write = (path, data, options) => writeE2bFile(id, path, data, { ...far.client, ...options });
const read = (path, options) => readE2bFile(id, path, { ...far.client, ...options });

test.each([0, 1, 65_535, 65_536, 5_000_001])('%i bytes come back as they were', async (size) => {
  const bytes = randomBytes(size);
  expect(await write('a.bin', bytes)).toEqual({
    sandboxId: id,
    path: '/home/user/a.bin',
    name: 'a.bin',
    metadata: {},
  });
  expect(bytes.equals(await read('a.bin', { encoding: 'buffer' }))).toBe(true);
});

test('text is text, and names may be any', async () => {
  const path = 'a b/ü "q" & %41?#\'.txt';
  await write(path, 'grüße 漢字\n');
  expect(await read(path)).toBe('grüße 漢字\n');
});

test('views of memory are written as what they show', async () => {
  const memory = new Uint8Array([0, 1, 2, 3, 4]);
  await write('view', memory.subarray(1, 3));
  expect(await read('view', { encoding: 'buffer' })).toEqual(Buffer.from([1, 2]));
  await write('memory', memory.buffer);
  expect(await read('memory', { encoding: 'buffer' })).toEqual(Buffer.from(memory));
});

test('bytes that are changed after the call was answered do no harm', async () => {
  const bytes = Buffer.alloc(200_000, 1);
  await write('a', bytes);
  bytes.fill(2);
  expect((await read('a', { encoding: 'buffer' })).every((byte) => byte === 1)).toBe(true);
});

test('an existing file is replaced', async () => {
  await write('a', 'long text');
  await write('a', 'b');
  expect(await read('a')).toBe('b');
});

test('a file that is not there is NOT_FOUND', async () => {
  await expect(read('none')).rejects.toMatchObject({ code: 'NOT_FOUND', sandboxId: id });
});

test('a file that is longer than asked for is refused', async () => {
  await write('a', 'x'.repeat(1_001));
  await expect(read('a', { maxBytes: 1_000 })).rejects.toMatchObject({
    code: 'RESPONSE_TOO_LARGE',
  });
  await expect(read('a', { maxBytes: 1_001 })).resolves.toHaveLength(1_001);
});

test('a folder is listed, as deep as asked', async () => {
  await write('d/a.txt', 'abc');
  await write('d/sub/b.txt', '');
  const flat = await listE2bFiles(id, 'd', far.client);
  expect(flat.map(({ name, type, size }) => ({ name, type, size }))).toEqual(
    expect.arrayContaining([
      { name: 'a.txt', type: 'file', size: 3 },
      { name: 'sub', type: 'directory', size: expect.any(Number) },
    ]),
  );
  expect(flat).toHaveLength(2);
  expect(flat[0]).toMatchObject({
    path: expect.stringMatching(/^\/home\/user\/d\//),
    mode: expect.any(Number),
    modifiedAt: expect.stringMatching(/Z$/),
  });
  expect(await listE2bFiles(id, 'd', { ...far.client, depth: 2 })).toHaveLength(3);
  await expect(listE2bFiles(id, 'none', far.client)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('what is removed is gone, and removing nothing is fine', async () => {
  await write('d/a', 'x');
  expect(await removeE2bFile(id, 'd', far.client)).toEqual({ sandboxId: id, path: 'd' });
  await expect(read('d/a')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(removeE2bFile(id, 'd', far.client)).resolves.toBeDefined();
});

describe('metadata', () => {
  const stat = (path) => statE2bFile(id, path, far.client);
  const refused = { code: 'INVALID_ARGUMENT', outcome: 'not-sent' };

  test('is kept with the file until it is written again, and shown wherever it is described', async () => {
    const metadata = { author: 'me', 'x.y-z_1': 'a "b" \\ c', none: '' };
    expect(await write('m', 'x', { metadata })).toMatchObject({ metadata });
    expect(await stat('m')).toMatchObject({ name: 'm', metadata });
    expect(
      (await listE2bFiles(id, '.', far.client)).find(({ name }) => name === 'm'),
    ).toMatchObject({
      metadata,
    });
    await write('m', 'x');
    expect(await stat('m')).toMatchObject({ metadata: {} });
  });

  test('goes with a stream, with a form and with what is packed', async () => {
    const options = { metadata: { Kind: 'Log' } };
    await write('s', Readable.from(['x']), options);
    await write('z', Readable.from(['x']), { ...options, gzip: true });
    await writeE2bFiles(id, [{ path: 'f', data: 'x' }], { ...far.client, ...options });
    for (const path of ['s', 'z', 'f']) {
      expect((await stat(path)).metadata).toEqual({ kind: 'Log' });
    }
  });

  test('many keys go up, and what is more than the protocol allows does not', async () => {
    const keys = Array.from({ length: 60 }, (_, i) => [`k${100 + i}`, 'v'.repeat(20)]);
    await write('m', 'x', { metadata: Object.fromEntries(keys) });
    expect((await stat('m')).metadata).toEqual(Object.fromEntries(keys));
    const long = { a: 'v'.repeat(4_096 - 9) }; // 9 + 1 + 4087 = 4097
    await expect(write('m', 'x', { metadata: long })).rejects.toMatchObject({
      ...refused,
      message: /4096.*4097/,
    });
  });

  test.each([
    ['a value that is a number', { a: 5 }, /metadata\.a/],
    ['a key of two words', { 'a b': 'c' }, /"a b"/],
    ['an empty key', { '': 'c' }, /a key must be/],
    ['a key that is too long', { ['k'.repeat(247)]: 'c' }, /a key must be 1 to 246/],
    ['a value of two lines', { a: 'b\r\nX-Access-Token: c' }, /metadata\.a/],
    ['a value that is not ASCII', { a: 'ü' }, /metadata\.a/],
    ['a blank at the end, which would be lost', { a: 'b ' }, /metadata\.a.*blanks/],
    ['one key in two spellings', { A: '1', a: '2' }, /twice/],
  ])('%s is refused', async (_, metadata, message) => {
    const before = far.backend.requests.length;
    await expect(write('m', 'x', { metadata })).rejects.toMatchObject({ ...refused, message });
    expect(far.backend.requests).toHaveLength(before);
  });
});

describe('packed by gzip', () => {
  const text = 'line\n'.repeat(200_000);
  const sent = () => far.backend.requests.at(-1);

  test.each([
    ['whole data', () => text, undefined],
    ['no data', () => '', undefined],
    ['bytes', () => Buffer.from(text), undefined],
    ['a stream', () => Readable.from([text.slice(0, 7), text.slice(7)]), undefined],
    ['an empty stream', () => Readable.from([]), undefined],
    ['a stream of a known size', () => Readable.from([text]), text.length],
  ])('%s comes out as it was', async (name, data, size) => {
    await write('z', data(), { gzip: true, size });
    expect(sent().headers['content-encoding']).toBe('gzip');
    expect(await read('z')).toBe(/no data|empty/.test(name) ? '' : text);
  });

  test('less goes over the wire, and it is a whole gzip file', async () => {
    await write('z', 'a'.repeat(1_000), { gzip: true });
    const { headers, body } = sent();
    expect(Number(headers['content-length'])).toBeLessThan(100);
    expect(gunzipSync(Buffer.from(body, 'latin1')).toString()).toBe('a'.repeat(1_000));
  });

  test('a megabyte that cannot be packed comes through', async () => {
    const bytes = randomBytes(1_000_003);
    await write('z', Readable.from([bytes]), { gzip: true });
    expect(bytes.equals(await read('z', { encoding: 'buffer' }))).toBe(true);
  });

  test('what the source throws rejects the write, and a wrong size too', async () => {
    async function* broken() {
      yield 'a';
      throw new RangeError('mine');
    }
    await expect(write('z', broken(), { gzip: true })).rejects.toThrow(new RangeError('mine'));
    await expect(write('z', Readable.from(['abc']), { gzip: true, size: 4 })).rejects.toThrow(
      /ended after 3 of 4/,
    );
  });

  test('given up while it is packed, nothing is sent', async () => {
    const before = far.backend.requests.length;
    const controller = new AbortController();
    const writing = write('z', text, { gzip: true, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(writing).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(far.backend.requests).toHaveLength(before);
  });

  test('anything but true or false is refused', async () => {
    await expect(write('z', 'x', { gzip: 9 })).rejects.toMatchObject({ message: /gzip/ });
  });
});

describe('several files', () => {
  const writeMany = (files, options) => writeE2bFiles(id, files, { ...far.client, ...options });
  const refused = { code: 'INVALID_ARGUMENT', outcome: 'not-sent' };

  test('go up by one request, and are told in their order', async () => {
    const bytes = randomBytes(300_000);
    const before = far.backend.requests.length;
    const written = await writeMany([
      { path: '1.txt', data: 'one' },
      { path: '/home/user/sub/2.bin', data: bytes },
      { path: 'empty', data: '' },
    ]);
    expect(far.backend.requests).toHaveLength(before + 1);
    expect(Number(far.backend.requests.at(-1).headers['content-length'])).toBeGreaterThan(300_000);
    expect(written).toEqual([
      { sandboxId: id, path: '/home/user/1.txt', name: '1.txt', metadata: {} },
      { sandboxId: id, path: '/home/user/sub/2.bin', name: '2.bin', metadata: {} },
      { sandboxId: id, path: '/home/user/empty', name: 'empty', metadata: {} },
    ]);
    expect(await read('1.txt')).toBe('one');
    expect(bytes.equals(await read('sub/2.bin', { encoding: 'buffer' }))).toBe(true);
    expect(await read('empty')).toBe('');
  });

  test('streams among them too, and names with quotes and other letters', async () => {
    await writeMany([
      { path: 'a "b" \\ ü 漢.txt', data: Readable.from(['st', 'ream']) },
      { path: 'c', data: new Uint8Array([1, 2]) },
    ]);
    expect(await read('a "b" \\ ü 漢.txt')).toBe('stream');
    expect(await read('c', { encoding: 'buffer' })).toEqual(Buffer.from([1, 2]));
  });

  test('belong to the user who is named', async () => {
    const [{ path }] = await writeMany([{ path: 'r', data: 'x' }], { user: 'root' });
    expect(path).toBe('/root/r');
  });

  test('what one source throws rejects all, and the others are told to go', async () => {
    async function* broken() {
      yield 'a';
      throw new RangeError('mine');
    }
    const later = Readable.from(['b']);
    const writing = writeMany([
      { path: 'a', data: broken() },
      { path: 'b', data: later },
    ]);
    await expect(writing).rejects.toThrow(new RangeError('mine'));
    expect(later.destroyed).toBe(true);
  });

  test('one path twice is refused by the far end', async () => {
    const twice = writeMany([
      { path: 'a', data: '1' },
      { path: './a', data: '2' },
    ]);
    await expect(twice).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  test.each([
    ['no list', 'a', /files must be a list of 1 to 1000/],
    ['an empty list', [], /files must be a list of 1 to 1000/],
    ['no path', [{ data: 'x' }], /files\[0\]\.path/],
    ['a path of two lines', [{ path: 'a\r\nb', data: 'x' }], /files\[0\]\.path/],
    ['no data', [{ path: 'a' }], /files\[0\]\.data/],
    ['another key', [{ path: 'a', dat: 'x' }], /dat/],
  ])('%s is refused', async (_, files, message) => {
    const { code: _code, ...rest } = refused;
    await expect(writeMany(files)).rejects.toMatchObject({ ...rest, message });
  });
});
