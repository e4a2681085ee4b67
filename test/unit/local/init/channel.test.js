// Streams on one connection: windows, order, ends. The far end is the test's, in the bytes of wire.h.
'use strict';

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { waitFor } = require('../../../helpers/backend');
const { Channel } = require('../../../../lib/local/init/channel');
const { IncomingBytes } = require('../../../../lib/local/init/incoming-bytes');
const { PortConnection } = require('../../../../lib/local/init/port-connection');
const wire = require('../../../../lib/local/init/wire');

const { CHANNEL, FrameDecoder, FrameReader, FrameWriter, TYPE, WINDOW, dataHead } = wire;

/** The other side of a channel: keeps the frames that come, and sends what the test says. */
class FarEnd {
  frames = [];

  constructor(socket) {
    this.socket = socket;
    const decoder = new FrameDecoder();
    socket.on('data', (chunk) => this.frames.push(...decoder.push(chunk)));
    socket.on('error', () => {});
  }

  send(type, stream, fill = () => {}, channel = 0) {
    const frame = new FrameWriter(type, stream, channel);
    fill(frame);
    this.socket.write(frame.take());
  }

  data(stream, channel, bytes) {
    this.socket.write(dataHead(stream, channel, bytes.length));
    this.socket.write(bytes);
  }

  types() {
    return this.frames.map(({ type }) => type);
  }

  bytes() {
    const data = this.frames.filter(({ type }) => type === TYPE.DATA);
    return data.reduce((sum, { payload }) => sum + payload.length, 0);
  }
}

let directory;
let server;
let channel;
let far;
const logged = [];

beforeEach(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-channel-'));
  const name = path.join(directory, 'launch.sock');
  server = net.createServer().listen(name);
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  channel = await Channel.connect(name, (line) => logged.push(line));
  far = new FarEnd((await accepted)[0]);
});

afterEach(async () => {
  far.socket.destroy();
  await channel.closed;
  server.close();
  fs.rmSync(directory, { recursive: true });
});

const nothing = () => {};

test('a request is a frame under a number of its own, and its answer comes back to it', async () => {
  const [one, two] = [TYPE.STAT, TYPE.SYNC].map((type) => channel.open(type, nothing));
  await waitFor(() => far.frames.length === 2);
  expect(far.frames.map(({ type, stream }) => [type, stream])).toEqual([
    [TYPE.STAT, one.id],
    [TYPE.SYNC, two.id],
  ]);
  far.send(TYPE.DONE, two.id);
  far.send(TYPE.FAILED, one.id, (frame) => frame.u32(2).text('lstat /x'));
  await two.done;
  await expect(one.done).rejects.toMatchObject({
    ...{ code: 'ENOENT', errno: 2, message: 'lstat /x: no such file or directory' },
  });
});

test('what comes before somebody listens waits, in order', async () => {
  const stream = channel.open(TYPE.SPAWN, nothing, null);
  far.send(TYPE.STARTED, stream.id, (frame) => frame.u32(42));
  far.data(stream.id, CHANNEL.STDOUT, Buffer.from('early'));
  far.send(TYPE.EXITED, stream.id, (frame) => frame.u32(0).u32(0));
  far.send(TYPE.DONE, stream.id);
  expect((await stream.started).u32()).toBe(42);
  await stream.done;
  const told = [];
  stream.listen((type, which, value) => told.push(value instanceof Buffer ? `${value}` : type));
  expect(told).toEqual(['early', TYPE.EXITED]);
});

test('no more is sent than the window, and the rest after credit, in order', async () => {
  const stream = channel.open(TYPE.WRITE, nothing);
  const first = stream.send(CHANNEL.BYTES, Buffer.alloc(WINDOW + 1000, 'a'));
  const second = stream.send(CHANNEL.BYTES, Buffer.alloc(500, 'b'));
  const ended = stream.sendEnd(CHANNEL.BYTES);
  await waitFor(() => far.bytes() === WINDOW);
  // A request on another stream overtakes what has no credit.
  channel.open(TYPE.SYNC, nothing);
  await waitFor(() => far.types().includes(TYPE.SYNC));
  expect(far.bytes()).toBe(WINDOW);
  far.send(TYPE.CREDIT, stream.id, (frame) => frame.u32(WINDOW));
  await Promise.all([first, second, ended]);
  await waitFor(() => far.types().at(-1) === TYPE.END);
  const data = far.frames.filter(({ type }) => type === TYPE.DATA);
  expect(data.every(({ payload }) => payload.length <= wire.MAX_DATA)).toBe(true);
  const text = Buffer.concat(data.map(({ payload }) => payload)).toString();
  expect(text).toBe('a'.repeat(WINDOW + 1000) + 'b'.repeat(500));
});

test('credit is given for what was read, not for what came', async () => {
  const stream = channel.open(TYPE.READ, nothing, null);
  const pieces = new IncomingBytes(stream)[Symbol.asyncIterator]();
  for (let i = 0; i < 4; i += 1) far.data(stream.id, 0, Buffer.alloc(WINDOW / 4, `${i}`));
  await pieces.next();
  expect(far.types()).not.toContain(TYPE.CREDIT);
  const { value } = await pieces.next();
  expect(value.toString()).toBe('1'.repeat(WINDOW / 4));
  await waitFor(() => far.types().includes(TYPE.CREDIT));
  const granted = far.frames.find(({ type }) => type === TYPE.CREDIT);
  expect(new FrameReader(granted.payload).u32()).toBe(WINDOW / 4);
  await pieces.return();
  await waitFor(() => far.types().includes(TYPE.CANCEL));
});

test('a far end that sends past its window loses the connection', async () => {
  const stream = channel.open(TYPE.READ, nothing, null);
  for (let sent = 0; sent <= WINDOW; sent += 65_536) far.data(stream.id, 0, Buffer.alloc(65_536));
  await expect(stream.done).rejects.toThrow('more data than the window');
  expect((await channel.closed).message).toContain('window');
});

test('the end of the connection is the end of every call, and of those to come', async () => {
  const streams = [TYPE.STAT, TYPE.WATCH].map((type) => channel.open(type, nothing));
  const sending = channel.open(TYPE.WRITE, nothing).send(0, Buffer.alloc(WINDOW + 1));
  await waitFor(() => far.frames.length > 2);
  far.socket.destroy();
  for (const { done } of streams) await expect(done).rejects.toThrow('the sandbox is gone');
  await expect(sending).rejects.toThrow('the sandbox is gone');
  expect(() => channel.open(TYPE.STAT, nothing)).toThrow('the sandbox is gone');
});

test('an end that is asked for waits until the far end has hung up', async () => {
  far.socket.allowHalfOpen = true;
  const hungUp = once(far.socket, 'end');
  let over = false;
  const ended = channel.end().then(() => {
    over = true;
  });
  await hungUp;
  expect(over).toBe(false);
  far.socket.end();
  await ended;
});

test('a cancelled stream is told of once, and what crosses is ignored', async () => {
  const stream = channel.open(TYPE.WATCH, nothing, () => {
    throw new Error('told after the cancel');
  });
  stream.cancel();
  stream.cancel();
  far.send(TYPE.EVENT, stream.id, (frame) => frame.text('x').u32(1).u32(0));
  far.send(TYPE.DONE, stream.id);
  far.send(TYPE.LOG, 0, (frame) => frame.text('a line'));
  await waitFor(() => logged.includes('a line'));
  expect(far.types()).toEqual([TYPE.WATCH, TYPE.CANCEL]);
});

test('more streams than a sandbox may have are refused here', () => {
  for (let i = 0; i < wire.MAX_STREAMS; i += 1) channel.open(TYPE.WATCH, nothing);
  expect(() => channel.open(TYPE.STAT, nothing)).toThrow('too many calls');
});

test('a port is a Node stream: both ways, half-closed, with back-pressure', async () => {
  const stream = channel.open(TYPE.CONNECT, nothing, null);
  const port = new PortConnection(stream);
  port.end('ping');
  await waitFor(() => far.types().includes(TYPE.END));
  expect(far.bytes()).toBe(4);
  for (let i = 0; i < 4; i += 1) far.data(stream.id, 0, Buffer.alloc(WINDOW / 4));
  await waitFor(() => port.readableLength === WINDOW);
  expect(far.types()).not.toContain(TYPE.CREDIT);
  let received = 0;
  port.on('data', (bytes) => {
    received += bytes.length;
  });
  await waitFor(() => far.types().includes(TYPE.CREDIT));
  const ends = ['end', 'close'].map((event) => once(port, event));
  far.send(TYPE.END, stream.id);
  await ends[0];
  expect(received).toBe(WINDOW);
  far.send(TYPE.DONE, stream.id);
  await ends[1];
  expect(far.types()).not.toContain(TYPE.CANCEL);
});

test('a socket with a name too long for the kernel is reached all the same', async () => {
  const deep = path.join(directory, 'd'.repeat(120));
  fs.mkdirSync(deep);
  const short = path.join(directory, 'launch.sock');
  fs.linkSync(short, path.join(deep, 'launch.sock'));
  const accepted = once(server, 'connection');
  const other = await Channel.connect(path.join(deep, 'launch.sock'), nothing);
  (await accepted)[0].destroy();
  await other.closed;
});
