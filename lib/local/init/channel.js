// The connection to one sandbox: frames to streams and back, and its end, which is the sandbox's. Waits
// where the socket is full, so that what was not read is not kept here either. Must not know what the
// requests mean.
'use strict';

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { ChannelClosed } = require('./init-error');
const { Stream } = require('./stream');
const { FrameDecoder, FrameReader, FrameWriter, MAX_STREAMS, TYPE, dataHead } = require('./wire');

const MAX_SOCKET_NAME = 107;
const END_MS = 10_000; // after which a sandbox that does not end is cut off

class Channel {
  #socket;
  #decoder = new FrameDecoder();
  #streams = new Map();
  #nextId = 0;
  #room = null; // a promise while the socket is full
  #failure = null;
  #onLog;

  /** @type {Promise<Error>} when the far end is gone, with what is known about it */
  closed;

  /**
   * @param {string} name  of the launcher's socket
   * @param {(line: string) => void} onLog  what the sandbox says for the backend's log
   * @returns {Promise<Channel>}
   */
  static async connect(name, onLog) {
    const opened = Buffer.byteLength(name) > MAX_SOCKET_NAME ? openDirectory(name) : null;
    const socket = net.connect({ path: opened?.name ?? name, allowHalfOpen: true });
    try {
      await once(socket, 'connect');
    } finally {
      if (opened) fs.closeSync(opened.fd);
    }
    return new Channel(socket, onLog);
  }

  /** @param {net.Socket} socket  connected, with `allowHalfOpen` */
  constructor(socket, onLog = () => {}) {
    this.#socket = socket;
    this.#onLog = onLog;
    this.closed = new Promise((resolve) => {
      socket.on('close', () => resolve(this.#close()));
    });
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => socket.destroy());
    socket.on('error', (error) => {
      this.#failure ??= new ChannelClosed(`the connection to the sandbox broke: ${error.message}`);
    });
  }

  /** From now on, until `end`, the connection does not keep the process from ending. */
  unref() {
    this.#socket.unref();
  }

  /**
   * @param {number} type  a request
   * @param {(frame: FrameWriter) => void} fill  puts its fields
   * @param {Function|null} [handler]  see Stream
   * @returns {Stream}
   * @throws {Error} ChannelClosed, WireError, or when there are too many streams
   */
  open(type, fill, handler = () => {}) {
    if (this.#failure) throw this.#failure;
    if (this.#streams.size >= MAX_STREAMS) {
      throw Object.assign(new Error('the sandbox has too many calls under way'), {
        code: 'EAGAIN',
      });
    }
    const id = type === TYPE.BOOT ? 0 : this.#newId();
    const frame = new FrameWriter(type, id);
    fill(frame);
    const stream = new Stream(this, id, handler);
    this.#streams.set(id, stream);
    this.write(frame.take());
    return stream;
  }

  /**
   * Ends the sandbox, with all that is in it: it hangs up when nothing of it runs any more.
   * @returns {Promise<number>} 0, or 1: it was given up
   */
  async end() {
    let left = 0;
    if (this.#socket.destroyed) return left;
    this.#socket.ref();
    this.#socket.end();
    const timer = setTimeout(() => {
      left = 1;
      this.#fail(new Error('the sandbox did not end'));
    }, END_MS);
    await this.closed;
    clearTimeout(timer);
    return left;
  }

  /** For streams: a small frame. */
  write(frame) {
    if (!this.#socket.writable) return;
    if (!this.#socket.write(frame)) this.#waitForRoom();
  }

  /** For streams: @returns {Promise<void>} when there is room for more */
  async writeData(id, channel, bytes) {
    if (this.#room) await this.#room;
    if (!this.#socket.writable) throw this.#failure ?? new ChannelClosed();
    this.#socket.cork();
    this.#socket.write(dataHead(id, channel, bytes.length));
    const roomLeft = this.#socket.write(bytes);
    this.#socket.uncork();
    if (!roomLeft) this.#waitForRoom();
    return this.#room;
  }

  /** For streams: it has ended. */
  forget(stream) {
    this.#streams.delete(stream.id);
  }

  #waitForRoom() {
    this.#room ??= new Promise((resolve) => {
      const go = () => {
        this.#socket.off('drain', go);
        this.#socket.off('close', go);
        this.#room = null;
        resolve();
      };
      this.#socket.on('drain', go);
      this.#socket.on('close', go);
    });
  }

  #receive(chunk) {
    try {
      for (const frame of this.#decoder.push(chunk)) {
        if (frame.type === TYPE.LOG) this.#onLog(new FrameReader(frame.payload).text());
        else this.#streams.get(frame.stream)?.receive(frame);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error) {
    this.#failure ??= error;
    this.#socket.destroy();
  }

  #close() {
    this.#failure ??= new ChannelClosed();
    for (const stream of [...this.#streams.values()]) stream.end(this.#failure);
    return this.#failure;
  }

  #newId() {
    do this.#nextId = (this.#nextId % 0xffffffff) + 1;
    while (this.#streams.has(this.#nextId));
    return this.#nextId;
  }
}

/** A name that is short enough, of a socket whose own is too long for the kernel. */
function openDirectory(name) {
  const fd = fs.openSync(path.dirname(name), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  return { fd, name: `/proc/self/fd/${fd}/${path.basename(name)}` };
}

module.exports = { Channel };
