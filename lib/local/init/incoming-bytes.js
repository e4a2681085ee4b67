// The bytes that come in a stream, to be read piece by piece: the other side goes on when a piece was
// taken. Holds at most a window. Leaving the loop early ends the stream.
'use strict';

const { TYPE } = require('./wire');

class IncomingBytes {
  #stream;
  #pieces = [];
  #over = false;
  #wake = null;

  /** @param {import('./stream').Stream} stream  of which nothing was listened to yet */
  constructor(stream) {
    this.#stream = stream;
    stream.listen((type, channel, bytes) => {
      if (type === TYPE.DATA) this.#pieces.push(bytes);
      this.#wake?.();
    });
    const finish = () => {
      this.#over = true;
      this.#wake?.();
    };
    stream.done.then(finish, finish);
  }

  /** @returns {AsyncGenerator<Buffer>} rejects as the stream does */
  async *[Symbol.asyncIterator]() {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece) {
          yield piece;
          this.#stream.credit(piece.length);
        } else if (this.#over) {
          await this.#stream.done;
          return;
        } else {
          await new Promise((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.#stream.cancel();
    }
  }
}

module.exports = { IncomingBytes };
