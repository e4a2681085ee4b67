// The way to any port of a sandbox: HTTP with bodies streamed both ways, and upgrades such as
// WebSocket. Headers go through as they were written. Who may pass is decided here too; which sandbox
// it is was decided before.
'use strict';

const http = require('node:http');
const { setTimeout: delay } = require('node:timers/promises');
const { json, portNotOpen } = require('./answer');
const { safeEqual } = require('./signature');

const TRAFFIC_HEADER = 'e2b-traffic-access-token';
const ATTEMPTS = 5;
const ATTEMPT_GAP_MS = 250; // five attempts are over after a second
/** What is said about one connection, and not about the message. */
const HOP_BY_HOP = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'upgrade', 'expect', 'http2-settings'],
]);
/** What HTTP/2 must not carry. */
const NOT_IN_HTTP2 = new Set([...HOP_BY_HOP, 'transfer-encoding']);

/**
 * @param {object} call  as for `passOn`
 * @returns {Promise<import('./answer').Answer>}
 */
async function proxyRequest(call) {
  const { sandbox, port, request } = call;
  return refuseTraffic(sandbox, request.headers) ?? passOn(call, maskedHost(sandbox, port));
}

/**
 * Passes a request on as it is; whether it may pass was decided before.
 * @param {object} call
 * @param {import('./sandbox').Sandbox} call.sandbox
 * @param {number} call.port
 * @param {import('node:http').IncomingMessage} call.request
 * @param {(chunk: Buffer) => void} [call.capture]  sees the body that goes by
 * @param {Buffer} [call.body]  when it was read already
 * @param {string} [host]  in place of the request's own
 * @returns {Promise<import('./answer').Answer>}
 */
async function passOn({ sandbox, port, request, capture, body }, host) {
  const connection = await connect(sandbox, port);
  if (!connection) return portNotOpen(sandbox.id, port);
  const outgoing = forward({ request, connection, headers: plainHeaders(request), host });
  if (body === undefined) {
    request.on('data', capture);
    request.on('error', () => outgoing.destroy());
    request.on('aborted', () => outgoing.destroy());
    request.pipe(outgoing);
  } else {
    outgoing.end(body);
  }
  const incoming = await answerTo(outgoing).catch(() => null);
  if (!incoming) return noAnswer(sandbox, port);
  const isHttp2 = request.httpVersionMajor === 2;
  return {
    status: incoming.statusCode,
    ...(isHttp2 ? {} : { statusMessage: incoming.statusMessage }),
    headers: isHttp2 ? headersOfHttp2(incoming) : filterRaw(incoming.rawHeaders, HOP_BY_HOP),
    file: { open: () => incoming, start: 0, end: Infinity, exact: false, flush: true },
  };
}

/**
 * Passes an upgrade on; the answer is the port's own, also when it refuses.
 * @param {{ sandbox: object, port: number, request: object, socket: import('node:net').Socket,
 *   head: Buffer }} call
 */
async function proxyUpgrade({ sandbox, port, request, socket, head }) {
  const refused = refuseTraffic(sandbox, request.headers);
  if (refused) return answerRaw(socket, refused);
  const connection = await connect(sandbox, port);
  if (!connection) return answerRaw(socket, portNotOpen(sandbox.id, port));
  const outgoing = forward({
    ...{ request, connection, headers: request.rawHeaders, host: maskedHost(sandbox, port) },
  });
  socket.once('close', () => connection.destroy());
  outgoing.on('error', () => socket.destroy());
  outgoing.on('response', (incoming) => {
    // Not upgraded: an ordinary answer, after which this connection is of no further use.
    writeHead(socket, incoming, [
      ...filterRaw(incoming.rawHeaders, NOT_IN_HTTP2),
      'Connection',
      'close',
    ]);
    incoming.pipe(socket);
  });
  outgoing.on('upgrade', (incoming, upstream, first) => {
    writeHead(socket, incoming, incoming.rawHeaders);
    if (first.length > 0) socket.write(first);
    if (head.length > 0) upstream.write(head);
    upstream.on('error', () => socket.destroy());
    upstream.on('close', () => socket.destroy());
    upstream.pipe(socket).pipe(upstream);
  });
  outgoing.end();
  return undefined;
}

/** @returns {import('./answer').Answer|null} why this traffic must not pass; null: it may */
function refuseTraffic(sandbox, headers) {
  if (sandbox.trafficToken === null) return null;
  const token = headers[TRAFFIC_HEADER];
  if (token !== undefined && safeEqual(token, sandbox.trafficToken)) return null;
  const message =
    token === undefined
      ? `Sandbox is secured with traffic access token. Token header '${TRAFFIC_HEADER}' is missing`
      : 'Sandbox is secured with traffic access token. ' +
        `Provided token in header '${TRAFFIC_HEADER}' is invalid`;
  return json(403, { sandboxId: sandbox.id, message, code: 403 });
}

/** @returns {Promise<import('node:stream').Duplex|null>} null: nothing listens there */
async function connect(sandbox, port) {
  for (let attempt = 1; !sandbox.closed; attempt += 1) {
    try {
      return await sandbox.life.connect(port);
    } catch {
      if (attempt === ATTEMPTS) return null;
      await delay(ATTEMPT_GAP_MS, undefined, { ref: false });
    }
  }
  return null;
}

/** @returns {string|undefined} the host that programs of the sandbox see in requests */
function maskedHost({ settings }, port) {
  return settings.network?.maskRequestHost?.replaceAll('${PORT}', String(port)); // eslint-disable-line no-template-curly-in-string
}

function forward({ request, connection, headers, host }) {
  return http.request({
    createConnection: () => connection,
    method: request.method,
    path: request.url,
    headers: host === undefined ? headers : withHost(headers, host),
    setHost: false,
  });
}

/** The request's headers as they were written, without those of its connection. */
function plainHeaders(request) {
  if (request.httpVersionMajor !== 2) {
    return [...filterRaw(request.rawHeaders, HOP_BY_HOP), 'Connection', 'close'];
  }
  const headers = ['Host', request.authority ?? request.headers.host ?? 'localhost'];
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith(':') || name === 'host' || NOT_IN_HTTP2.has(name)) continue;
    for (const one of [value].flat()) headers.push(name, one);
  }
  const hasBody =
    !['GET', 'HEAD', 'DELETE'].includes(request.method) || !request.stream.endAfterHeaders;
  if (hasBody && !('content-length' in request.headers))
    headers.push('Transfer-Encoding', 'chunked');
  return [...headers, 'Connection', 'close'];
}

function withHost(rawHeaders, host) {
  const headers = [...rawHeaders];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i].toLowerCase() === 'host') headers[i + 1] = host;
  }
  return headers;
}

function headersOfHttp2({ headers }) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_IN_HTTP2.has(name)));
}

function filterRaw(rawHeaders, unwanted) {
  const kept = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!unwanted.has(rawHeaders[i].toLowerCase())) kept.push(rawHeaders[i], rawHeaders[i + 1]);
  }
  return kept;
}

function answerTo(outgoing) {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
    outgoing.once('close', () => reject(new Error('the connection was closed')));
  });
}

/** Something listens, and closed the connection without an answer. */
function noAnswer({ id }, port) {
  return json(502, {
    ...{ sandboxId: id, message: 'The sandbox did not answer', port, code: 502 },
  });
}

function writeHead(socket, { statusCode, statusMessage }, rawHeaders) {
  let head = `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2)
    head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  socket.write(`${head}\r\n`, 'latin1');
}

/** An answer on a connection that no HTTP server looks after any more. */
function answerRaw(socket, { status, headers, body }) {
  const incoming = { statusCode: status, statusMessage: http.STATUS_CODES[status] ?? '' };
  writeHead(socket, incoming, [...Object.entries(headers).flat(), 'connection', 'close']);
  socket.end(body);
}

module.exports = { answerRaw, passOn, proxyRequest, proxyUpgrade, refuseTraffic };
