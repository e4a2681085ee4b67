// One execution on its way to its client: messages as lines of JSON, a keepalive when nothing is said,
// the interruption of the code when the client goes away. What `delivery.js` opens as a stream.
'use strict';

const KEEPALIVE_MS = 5_000;
const NANOSECONDS = 1_000_000; // in a millisecond
const OUTPUT = new Set(['stdout', 'stderr']);

class Execution {
  #run;
  #controller = new AbortController();
  #handedOver = false;

  /** @param {(onMessage: Function, signal: AbortSignal) => Promise<void>} run */
  constructor(run) {
    this.#run = run;
  }

  /**
   * @param {import('node:http').ServerResponse} response
   * @param {{ afterEvents: number, take: () => void }|null} fault  gets the connection after so many
   *   messages
   * @returns {Promise<void>}
   */
  async open(response, fault) {
    let said = 0;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    response.on('close', () => this.close());
    const say = (message) => {
      if (this.#controller.signal.aborted) return undefined;
      keepalive.refresh();
      const hasRoom = response.write(`${JSON.stringify(stamped(message))}\n`);
      if (fault?.take && ++said >= fault.afterEvents) this.#handOver(fault);
      return hasRoom ? undefined : roomIn(response);
    };
    const keepalive = setInterval(() => say({ type: 'keepalive' }), KEEPALIVE_MS);
    keepalive.unref();
    try {
      await this.#run(say, this.#controller.signal);
      say({ type: 'end_of_execution' });
    } finally {
      clearInterval(keepalive);
      if (!this.#handedOver) response.end();
    }
  }

  #handOver(fault) {
    this.#handedOver = true;
    this.close();
    fault.take();
  }

  /** Interrupts the code. */
  close() {
    this.#controller.abort();
  }
}

function stamped(message) {
  if (!OUTPUT.has(message.type)) return message;
  return { ...message, timestamp: Date.now() * NANOSECONDS };
}

/** @returns {Promise<void>} when more can be written, or nothing any more */
function roomIn(response) {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
    if (response.destroyed) done();
  });
}

module.exports = { Execution };
