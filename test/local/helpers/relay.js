// Lets a server of the test's own process answer at a port of a sandbox: a program inside passes
// everything on, since nothing but a sandbox's own programs is reached through its ports.
'use strict';

const { waitFor } = require('../../helpers/backend');

const PROGRAM = `
  const net = require('node:net');
  const [to, at] = process.argv.slice(1).map(Number);
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const far = net.connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
    far.on('error', () => socket.destroy());
    socket.on('error', () => far.destroy());
    far.on('close', () => socket.destroy());
    far.pipe(socket).pipe(far);
  });
  server.listen(at, '127.0.0.1', () => console.log(server.address().port));`;

/**
 * @param {import('../../unit/local/client').Client} client
 * @param {{ id: string, token: string }} sandbox
 * @param {number} to  where the test's server listens
 * @param {number} [at]  of the sandbox; default: a free one
 * @returns {Promise<number>} the port of the sandbox
 */
async function relay(client, sandbox, to, at = 0) {
  const process = { cmd: 'node', args: ['-e', PROGRAM, String(to), String(at)] };
  const running = await client.background(sandbox, { process, stdin: false });
  return Number(await waitFor(() => running.stdout().includes('\n') && running.stdout()));
}

module.exports = { PROGRAM, relay };
