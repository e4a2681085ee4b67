'use strict';

// A port that takes no connection and refuses none: a child process listens, never accepts, and its
// queue is full. What a packet filter or a dead machine looks like from outside; Linux drops the SYN.

const { spawn } = require('node:child_process');
const net = require('node:net');
const { once } = require('node:events');

const QUEUE = 1;

const PROGRAM = `
  const [host, port] = process.argv.slice(1);
  const server = require('node:net').createServer();
  server.listen({ host, port: Number(port), backlog: ${QUEUE} }, () => {
    require('node:fs').writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

/**
 * @param {string} host
 * @param {number} [port] any when it is not given
 * @returns {Promise<{ port: number, close: () => Promise<void> }>}
 */
async function startSilentPort(host, port = 0) {
  const child = spawn(process.execPath, ['-e', PROGRAM, host, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = await once(child.stdout, 'data');
  const bound = Number(text);
  // The kernel keeps one more than it was asked to.
  const inQueue = [];
  for (let i = 0; i <= QUEUE; i++) {
    const socket = net.connect(bound, host);
    socket.on('error', () => {});
    await once(socket, 'connect');
    inQueue.push(socket);
  }
  return {
    port: bound,
    async close() {
      for (const socket of inQueue) socket.destroy();
      const gone = once(child, 'close');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

module.exports = { startSilentPort };
