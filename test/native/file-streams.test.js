'use strict';

// Files as streams through the real addon: whole or an error, no faster than the other side, and in
// constant memory.

const { execFile } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const net = require('node:net');
const path = require('node:path');
const { Readable } = require('node:stream');
const { promisify } = require('node:util');
const { createE2bSandbox, readE2bFile, writeE2bFile } = require('../../lib');
const { waitFor, withBackend } = require('../helpers/backend');

const SMALL_QUARANTINE = 'quarantine_size_mb=1:thread_local_quarantine_size_kb=16';

const far = withBackend();
let sandboxId;
beforeEach(async () => {
  ({ sandboxId } = await createE2bSandbox('a', 'base', 600, undefined, undefined, far.client));
});

const write = (data, options) => writeE2bFile(sandboxId, 'f', data, { ...far.client, ...options });
const open = (options, file = 'f') =>
  readE2bFile(sandboxId, file, { ...far.client, encoding: 'stream', ...options });
const asBytes = () => readE2bFile(sandboxId, 'f', { ...far.client, encoding: 'buffer' });
const bytesOf = async (stream) => Buffer.concat(await stream.toArray());

describe('down', () => {
  test('all bytes, in order', async () => {
    const bytes = randomBytes(3_000_000);
    await write(bytes);
    expect(bytes.equals(await bytesOf(await open()))).toBe(true);
  });

  test('an empty file is an empty stream', async () => {
    await write('');
    expect(await bytesOf(await open())).toEqual(Buffer.alloc(0));
  });

  test('from an offset on', async () => {
    await write('0123456789');
    expect(String(await bytesOf(await open({ offset: 7 })))).toBe('789');
    expect(far.backend.requests.at(-1).headers.range).toBe('bytes=7-');
  });

  test('a far end that ignores the offset is not believed', async () => {
    await write('0123456789');
    far.backend.faults.add({ op: 'files.get', action: { status: 200, body: '0123456789' } });
    await expect(open({ offset: 7 })).rejects.toMatchObject({ code: 'BAD_RESPONSE' });
  });

  test('an offset behind the end is refused', async () => {
    await write('0123456789');
    await expect(open({ offset: 11 })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      status: 416,
      outcome: 'rejected',
    });
  });

  test('a file that is not there rejects, there is no stream', async () => {
    await expect(open({}, 'nothing')).rejects.toMatchObject({ code: 'NOT_FOUND', sandboxId });
  });

  test('one that breaks off is an error, and is resumed from what has come', async () => {
    const bytes = randomBytes(2_000_000);
    await write(bytes);
    far.backend.faults.add({ op: 'files.get', n: 1, action: 'reset-body' });
    const got = [];
    const whole = (async () => {
      for await (const chunk of await open()) got.push(chunk);
    })();
    await expect(whole).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      outcome: 'interrupted',
      retryable: true,
    });
    const offset = Buffer.concat(got).length;
    expect(offset).toBeGreaterThan(0);
    expect(offset).toBeLessThan(bytes.length);
    got.push(await bytesOf(await open({ offset })));
    expect(bytes.equals(Buffer.concat(got))).toBe(true);
  });

  test('who does not read holds back the far end, and nobody else', async () => {
    const bytes = randomBytes(8_000_000);
    await write(bytes);
    const slow = await open();
    await waitFor(() => slow.readableLength > 0);
    expect(bytes.equals(await bytesOf(await open()))).toBe(true);
    expect(slow.readableLength).toBeLessThan(1_300_000); // a mebibyte, and what came at once
    expect(bytes.equals(await bytesOf(slow))).toBe(true);
  });

  test('a reader that leaves ends the transfer', async () => {
    await write(randomBytes(8_000_000));
    const stream = await open();
    const [chunk] = await once(stream, 'data');
    expect(chunk.length).toBeGreaterThan(0);
    stream.destroy();
    await write('next'); // the connection's fate is nobody else's
    expect(String(await asBytes())).toBe('next');
  });

  test('a signal destroys it with CANCELLED and its reason', async () => {
    await write(randomBytes(8_000_000));
    const controller = new AbortController();
    const stream = await open({ signal: controller.signal });
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(bytesOf(stream)).rejects.toMatchObject({ code: 'CANCELLED', cause: reason });
  });

  test('a far end that stops sending is a TIMEOUT', async () => {
    await write('x');
    far.backend.faults.add({ op: 'files.get', action: 'stall' });
    await expect(open({ requestTimeoutMs: 100 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      outcome: 'unknown',
    });
  });
});

describe('up', () => {
  test.each([
    ['of known size', { size: 3_000_000 }],
    ['of unknown size', {}],
  ])('all bytes of a stream %s', async (_, options) => {
    const bytes = randomBytes(3_000_000);
    const pieces = [bytes.subarray(0, 1), bytes.subarray(1, 2_500_000), bytes.subarray(2_500_000)];
    const { path: where } = await write(Readable.from(pieces), options);
    expect(where).toMatch(/\/f$/);
    expect(bytes.equals(await asBytes())).toBe(true);
    const { headers } = far.backend.requests.at(-2);
    expect(headers['content-length']).toBe(options.size && String(options.size));
    expect(headers['transfer-encoding']).toBe(options.size ? undefined : 'chunked');
  });

  test('nothing at all', async () => {
    await write([], { size: 0 });
    expect((await asBytes()).length).toBe(0);
    await write([]);
    expect((await asBytes()).length).toBe(0);
  });

  test('texts, generators and web streams', async () => {
    await write(['ä', Buffer.from('b')]);
    expect(String(await asBytes())).toBe('äb');
    await write(Readable.toWeb(Readable.from([Buffer.from('web')])));
    expect(String(await asBytes())).toBe('web');
  });

  test.each([
    ['fewer', ['abc'], 4, 'data ended after 3 of 4 bytes'],
    ['more', ['abc', 'de'], 4, 'data is longer than its size of 4 bytes'],
  ])('%s bytes than its size is an error', async (_, data, size, message) => {
    await expect(write(data, { size })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message,
    });
  });

  test('what the source throws is what the write rejects with', async () => {
    const oops = new Error('oops');
    const source = async function* () {
      yield 'a';
      throw oops;
    };
    await expect(write(source())).rejects.toBe(oops);
    await write('next');
    expect(String(await asBytes())).toBe('next');
  });

  test('a piece that is no bytes is refused', async () => {
    await expect(write([1])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('a refusal ends the source, also one that is waited for', async () => {
    // Answers before the body has ended, as a daemon with a full disk does.
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write('HTTP/1.1 507 Full\r\nContent-Length: 0\r\n\r\n'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const source = new Readable({ read() {} });
    source.push('a');
    const sandboxUrl = `http://127.0.0.1:${server.address().port}`;
    const refused = { code: 'DISK_FULL', outcome: 'rejected' };
    await expect(write(source, { sandboxUrl })).rejects.toMatchObject(refused);
    await waitFor(() => source.destroyed);
    server.close();
  });

  test('a connection that is lost leaves the outcome unknown', async () => {
    far.backend.faults.add({ op: 'files.post', action: 'reset' });
    await expect(write(Readable.from(['abc']))).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      outcome: 'unknown',
      retryable: false,
    });
  });

  test('a signal ends it while its source is waited for', async () => {
    const controller = new AbortController();
    const source = new Readable({ read() {} });
    source.push('a');
    const written = write(source, { signal: controller.signal });
    await waitFor(() => far.backend.requests.some(({ op }) => op === 'files.post'));
    controller.abort();
    await expect(written).rejects.toMatchObject({ code: 'CANCELLED', outcome: 'unknown' });
    await waitFor(() => source.destroyed);
  });

  test('a source is read no faster than it is sent', async () => {
    far.backend.faults.add({ op: 'files.post', action: 'stall' });
    let asked = 0;
    const source = function* () {
      for (; asked < 1000; asked++) yield Buffer.alloc(1_000_000);
    };
    const written = write(source(), { requestTimeoutMs: 300 });
    await expect(written).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(asked).toBeLessThan(50); // sockets hold some
  });
});

test('options that do not fit are refused', async () => {
  const invalid = { code: 'INVALID_ARGUMENT' };
  await expect(write('x', { size: 1 })).rejects.toMatchObject(invalid);
  await expect(write(['x'], { size: -1 })).rejects.toMatchObject(invalid);
  await expect(open({ offset: 1.5 })).rejects.toMatchObject(invalid);
  await expect(open({ maxBytes: 1 })).rejects.toMatchObject(invalid);
  await expect(open({ encoding: 'utf8', offset: 1 })).rejects.toMatchObject(invalid);
  await expect(open({ encoding: 'hex' })).rejects.toThrow("'utf8' or 'buffer' or 'stream'");
});

test('300 MiB up and down leave the memory of the client constant', async () => {
  const child = path.join(__dirname, 'children', 'long-file.js');
  const ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ''}:${SMALL_QUARANTINE}`;
  const env = { ...process.env, ...far.backend.env, ASAN_OPTIONS };
  const length = '300';
  const { stdout } = await promisify(execFile)(process.execPath, [child, sandboxId, length], {
    env,
  });
  const { bytes, same, grownMb } = JSON.parse(stdout);
  expect({ bytes, same }).toEqual({ bytes: 300 * 1024 * 1024, same: true });
  expect(grownMb).toBeLessThan(96);
}, 60_000);
