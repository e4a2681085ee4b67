// A connection to a port of a sandbox as a Node stream: bytes go on as fast as each side takes them.
// Must not know what is spoken over it.
'use strict';

const { Duplex } = require('node:stream');
const { CHANNEL, TYPE } = require('./wire');

class PortConnection extends Duplex {
  #stream;
  #held = 0; // bytes that were handed to a reader who has enough

  /** @param {import('./stream').Stream} stream  started */
  constructor(stream) {
    // Both directions may have ended here while bytes are still on their way there: DONE says when.
    super({ allowHalfOpen: true, autoDestroy: false });
    this.#stream = stream;
    stream.listen((type, channel, bytes) => {
      if (type === TYPE.END) return void this.push(null);
      if (type !== TYPE.DATA) return undefined;
      if (this.push(bytes)) stream.credit(bytes.length);
      else this.#held += bytes.length;
      return undefined;
    });
    stream.done.then(
      () => this.destroy(),
      (error) => this.destroy(error),
    );
  }

  // What node:http calls on the sockets that it is given: they have no meaning here.
  setTimeout() {
    return this;
  }

  setNoDelay() {
    return this;
  }

  setKeepAlive() {
    return this;
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  _read() {
    if (this.#held === 0) return;
    this.#stream.credit(this.#held);
    this.#held = 0;
  }

  _write(chunk, _encoding, callback) {
    this.#stream.send(CHANNEL.BYTES, chunk).then(() => callback(), callback);
  }

  _final(callback) {
    this.#stream.sendEnd(CHANNEL.BYTES).then(() => callback(), callback);
  }

  _destroy(error, callback) {
    this.#stream.cancel();
    callback(error);
  }
}

module.exports = { PortConnection };
