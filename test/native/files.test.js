'use strict';

// Files of a sandbox: what is written is what is read.

const { randomBytes } = require('node:crypto');
const {
  createE2bSandbox,
  listE2bFiles,
  readE2bFile,
  removeE2bFile,
  writeE2bFile,
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
