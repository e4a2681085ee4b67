// Puts an answer on the wire, whole or spoiled by a fault. The only place that writes to responses,
// and the only one that resets connections.
'use strict';

const fs = require('node:fs');
const { setTimeout: delay } = require('node:timers/promises');
const { errorJson, json, raw } = require('./answer');
const { EXTRA_BYTES, streamFault } = require('./stream-faults');

const ENVD_VERSION = /("envdVersion":\s*)"[^"]*"/g;

/**
 * @param {import('./faults').FaultAction} fault
 * @returns {import('./answer').Answer} the answer that a `status` or `disk-full` fault gives
 */
function faultAnswer(fault) {
  if (fault.type === 'disk-full') return errorJson(507, 'not enough disk space available');
  const { status, body, headers = {}, retryAfter, contentType, errorCode, message } = fault;
  const extra = { ...headers };
  if (retryAfter !== undefined) extra['retry-after'] = String(retryAfter);
  if (contentType !== undefined) extra['content-type'] = contentType;
  if (body === undefined) {
    const answer = errorJson(status, message, errorCode);
    return { ...answer, headers: { ...answer.headers, ...extra } };
  }
  if (typeof body === 'string') return raw(status, body, extra);
  if (ArrayBuffer.isView(body)) return raw(status, Buffer.from(body), extra);
  return json(status, body, extra);
}

/**
 * @param {import('node:http').ServerResponse} response
 * @param {import('./answer').Answer} given
 * @param {object} options
 * @param {import('./faults').FaultAction|null} options.fault  one that lets the request be executed
 * @param {() => void} options.vanish  makes the request's sandbox disappear
 */
async function deliver(response, given, { fault, vanish }) {
  const answer = spoiled(given, fault);
  if (fault?.type === 'slow') await delay(fault.delayMs, undefined, { ref: false });
  if (fault?.type === 'reset-after') return reset(response, answer);
  if (fault?.type === 'stall') return answer.stream?.close();
  if (response.destroyed) return answer.stream?.close();
  if (answer.stream) {
    return answer.stream.open(response, streamFault(fault, connectionOf(response, vanish)));
  }
  if (fault?.type === 'reset-body') return deliverHalf(response, answer);
  if (fault?.type === 'wrong-length' && !answer.file) return deliverShort(response, answer);
  if (fault?.type === 'slow-body' && !answer.file) return trickle(response, answer, fault);
  if (answer.statusMessage === undefined) response.writeHead(answer.status, answer.headers);
  else response.writeHead(answer.status, answer.statusMessage, answer.headers);
  if (answer.file?.flush) response.flushHeaders();
  if (answer.file && response.req.method !== 'HEAD') return sendFile(response, answer.file);
  return void response.end(answer.body);
}

/** Resets the connection, of HTTP/2 the one stream: the client sees a reset, not an end. */
function reset(response, answer) {
  answer?.stream?.close();
  if (response.stream) return void response.destroy();
  const { socket } = response;
  // A socket that still connects or is gone already cannot be reset.
  if (!socket || socket.destroyed) return undefined;
  if (socket.encrypted)
    socket.destroy(); // without TLS's own goodbye
  else socket.resetAndDestroy();
  return undefined;
}

/** Sends the head and half of the body, then resets; a body of none is reset after the head. */
async function deliverHalf(response, answer) {
  response.writeHead(answer.status, answer.headers);
  const { file, body = Buffer.alloc(0) } = answer;
  if (!file) {
    response.write(body.subarray(0, Math.floor(body.length / 2)), () => reset(response));
    if (body.length < 2) response.flushHeaders();
    return;
  }
  const half = { ...file, end: file.start + Math.floor((file.end - file.start) / 2) };
  await sendFile(response, half, { last: false });
  response.write('', () => reset(response));
}

async function sendFile(response, { path, open, start, end, exact = true }, { last = true } = {}) {
  if (end > start) {
    const source = open ? open(start, end) : fs.createReadStream(path, { start, end: end - 1 });
    let sent = 0;
    const leave = () => source.destroy?.(); // a source that is silent would not notice
    response.once('close', leave);
    try {
      for await (const chunk of source) {
        sent += chunk.length;
        if (!response.write(chunk)) await drained(response);
        if (response.destroyed) return;
      }
    } catch {
      return void response.destroy();
    } finally {
      response.off('close', leave);
    }
    // The file shrank: the promised length cannot be kept, which the client must notice.
    if (exact && sent < end - start) return void response.destroy();
  }
  if (last) response.end();
}

function drained(response) {
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

/** What a fault of a stream may do with the connection. */
function connectionOf(response, vanish) {
  return {
    reset: () => reset(response),
    end: (last) => response.end(last),
    write: (bytes, then) => response.write(bytes, then),
    vanish,
  };
}

/** The answer as a fault that concerns its content makes it. */
function spoiled(answer, fault) {
  if (answer.stream || !fault) return answer;
  if (fault.type === 'garbage') {
    const { status, headers } = answer;
    return raw(status, '{"sandboxID":', { ...headers, 'content-type': 'application/json' });
  }
  if (fault.type === 'version' && answer.body?.length > 0) {
    const body = answer.body.toString().replaceAll(ENVD_VERSION, `$1"${fault.envdVersion}"`);
    return raw(answer.status, body, answer.headers);
  }
  return answer;
}

/** The body in pieces with pauses between them, whole at last. */
async function trickle(response, { status, headers, body = Buffer.alloc(0) }, fault) {
  const { delayMs, chunkBytes = Math.max(1, Math.ceil(body.length / 10)) } = fault;
  response.writeHead(status, headers);
  response.flushHeaders();
  for (let at = 0; at < body.length; at += chunkBytes) {
    await delay(delayMs, undefined, { ref: false });
    if (response.destroyed) return;
    response.write(body.subarray(at, at + chunkBytes));
  }
  response.end();
}

/** Announces more than comes; the connection ends after what there is. */
function deliverShort(response, { status, headers, body = Buffer.alloc(0) }) {
  response.writeHead(status, { ...headers, 'content-length': body.length + EXTRA_BYTES });
  response.write(body, () => (response.stream ? response.destroy() : response.socket?.end()));
  if (body.length === 0) response.flushHeaders();
}

module.exports = { deliver, faultAnswer, reset };
