'use strict';

// Stands between a client and a PostgreSQL server and loses what a test wants to be lost: the answer to a
// request that the server has carried out, or the request itself.

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

/**
 * @param {string} socket of the server
 * @returns {Promise<{ url: string, lose: Function, lost: number, close: () => Promise<void> }>}
 *   `lose(what, pattern, times)`: 'answer' or 'request' of the next so many that contain the text
 */
async function startProxy(socket) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-pgp-'));
  const sockets = new Set();
  let plan = null;
  const proxy = {
    lost: 0,
    url: `postgres://tester@/postgres?host=${encodeURIComponent(folder)}`,
    lose(what, pattern, times = 1) {
      plan = { what, pattern, times };
    },
    async close() {
      for (const one of sockets) one.destroy();
      server.close();
      await once(server, 'close');
      fs.rmSync(folder, { recursive: true });
    },
  };

  const isToBeLost = (bytes) => {
    if (plan === null || plan.times === 0 || !bytes.includes(plan.pattern)) return null;
    plan.times -= 1;
    proxy.lost += 1;
    return plan.what;
  };

  const server = net.createServer((client) => {
    const far = net.connect(socket);
    const cut = () => {
      client.destroy();
      far.destroy();
    };
    let isAnswerLost = false;
    for (const one of [client, far]) {
      sockets.add(one);
      one.on('error', cut);
      one.on('close', () => {
        sockets.delete(one);
        cut();
      });
    }
    client.on('data', (bytes) => {
      const lost = isToBeLost(bytes);
      if (lost === 'request') {
        cut();
        return;
      }
      isAnswerLost ||= lost === 'answer';
      far.write(bytes);
    });
    // Its first answer comes when the statement is done: parse, bind, execute and sync are one message.
    far.on('data', (bytes) => {
      if (isAnswerLost) cut();
      else client.write(bytes);
    });
  });
  server.listen(path.join(folder, '.s.PGSQL.5432'));
  await once(server, 'listening');
  return proxy;
}

module.exports = { startProxy };
