'use strict';

// A proxy for tests: hands plain requests on, opens tunnels, asks for credentials, refuses, or is
// silent; with TLS on its own side when it is given a certificate. Notes what it was asked and with
// which headers. Listens on loopback only.

const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const { once } = require('node:events');

/**
 * @param {{ tls?: { cert: string, key: string }, credentials?: string, answer?: number,
 *   say?: string, silent?: boolean }} [options] `credentials`: 'user:password' that it wants;
 *   `answer`: the status with which it refuses everything, and `say` the body of that; `silent`: it
 *   takes requests and says nothing
 * @returns {Promise<{ url: string, at: (userinfo: string) => string, asked: string[],
 *   headers: object[], close: () => Promise<void> }>} `at` is the URL with credentials in it
 */
async function startProxy(options = {}) {
  const asked = [];
  const headers = [];
  const sockets = new Set();
  const note = (request) => {
    asked.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
  };
  const refusal = (request) => {
    if (options.answer !== undefined) return options.answer;
    const wanted = options.credentials;
    if (wanted === undefined) return null;
    const basic = `Basic ${Buffer.from(wanted).toString('base64')}`;
    return request.headers['proxy-authorization'] === basic ? null : 407;
  };
  const server = options.tls ? https.createServer(options.tls) : http.createServer();
  server.on('request', (request, response) => {
    note(request);
    if (options.silent) return;
    const status = refusal(request);
    if (status === null) {
      passOn(request, response);
      return;
    }
    const challenge = status === 407 ? { 'Proxy-Authenticate': 'Basic realm="here"' } : {};
    response.writeHead(status, challenge).end(options.say ?? 'the proxy says no');
  });
  server.on('connect', (request, socket, head) => {
    note(request);
    socket.on('error', () => {}); // the client may be gone first
    if (options.silent) return;
    const status = refusal(request);
    if (status === null) tunnel(request, socket, head, sockets);
    else socket.end(`HTTP/1.1 ${status} no\r\nContent-Length: 2\r\n\r\nno`);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const authority = `127.0.0.1:${server.address().port}`;
  const scheme = options.tls ? 'https' : 'http';
  return {
    url: `${scheme}://${authority}`,
    at: (userinfo) => `${scheme}://${userinfo}@${authority}`,
    asked,
    headers,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function passOn(request, response) {
  const { 'proxy-authorization': _, 'proxy-connection': __, ...headers } = request.headers;
  const onward = http.request(request.url, { method: request.method, headers });
  onward.on('response', (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.writeHead(502).end('the proxy reaches nobody'));
  request.pipe(onward);
}

function tunnel(request, socket, head, sockets) {
  const { hostname, port } = new URL(`http://${request.url}`);
  const onward = net.connect(Number(port || 80), hostname.replace(/^\[|\]$/g, ''));
  sockets.add(onward);
  onward.on('close', () => sockets.delete(onward));
  onward.on('error', () => socket.end('HTTP/1.1 502 no\r\n\r\n'));
  onward.on('connect', () => {
    socket.write('HTTP/1.1 200 here you are\r\n\r\n');
    onward.write(head);
    onward.pipe(socket).pipe(onward);
  });
}

module.exports = { startProxy };
