'use strict';

// TLS in front of a local backend, with HTTP/2 or without: what the cloud looks like from outside.
// Passes each request on as it is, and knows how many connections there were.

const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const { once } = require('node:events');
const { createAuthority } = require('../../lib/local/certificate');

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

/**
 * @param {string} target URL of the backend
 * @param {{ http2?: boolean, names?: string[], validity?: object, authority?: object,
 *   settings?: object }} [options] HTTP/2 unless false; names of the certificate, 127.0.0.1 by
 *   default; `settings` of HTTP/2
 * @returns {Promise<{ url: string, ca: string, connections: () => number,
 *   versions: Set<string>, sessions: Set<object>, close: () => Promise<void> }>}
 */
async function startTlsFront(target, options = {}) {
  const { names = ['127.0.0.1'], validity, authority = createAuthority(), settings } = options;
  const versions = new Set();
  const agent = new http.Agent({ keepAlive: true });
  const pass = (request, response) => {
    versions.add(request.httpVersion);
    passOn({ request, response, target, agent });
  };
  const certificate = authority.certify(names, validity);
  const server =
    options.http2 === false
      ? https.createServer(certificate, pass)
      : http2.createSecureServer({ ...certificate, settings }, pass);
  const sockets = new Set();
  const sessions = new Set();
  let count = 0;
  server.on('secureConnection', () => count++);
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // the client may be gone first
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${server.address().port}`,
    ca: authority.cert,
    connections: () => count,
    versions,
    sessions,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      agent.destroy();
      await closed;
    },
  };
}

function passOn({ request, response, target, agent }) {
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(
      ([name]) => !name.startsWith(':') && !HOP_BY_HOP.has(name),
    ),
  );
  headers.host = request.headers[':authority'] ?? request.headers.host;
  const onward = http.request(`${target}${request.url}`, {
    method: request.method,
    headers,
    agent,
  });
  onward.on('response', (answer) => {
    const kept = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name));
    response.writeHead(answer.statusCode, Object.fromEntries(kept));
    answer.pipe(response);
    answer.on('error', () => response.destroy?.());
  });
  onward.on('error', () => (response.stream ?? response).destroy());
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}

module.exports = { startTlsFront };
