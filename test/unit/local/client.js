// A plain client of the local backend for its own tests, on node:http: it shows what really came over
// the wire, also when a connection broke in the middle.
'use strict';

const http = require('node:http');
const { decodeEnvelopes, encodeEnvelope } = require('../../../lib/local/envelope');

/**
 * @param {string} url  of the backend
 * @param {object} options  `{ method, path, headers, body, agent, onResponse }`
 * @returns {Promise<{ status: number|null, headers: object, body: Buffer, error: string|null,
 *   reused: boolean }>} never rejects; `error` is the code of a connection that broke
 */
function request(
  url,
  { method = 'GET', path, headers = {}, body, agent = false, onResponse } = {},
) {
  return new Promise((resolve) => {
    const outcome = { status: null, headers: {}, body: Buffer.alloc(0), error: null };
    const chunks = [];
    const outgoing = http.request(url + path, { method, headers, agent });
    const settle = (error) => {
      outcome.error ??= error ? (error.code ?? error.message) : null;
      outcome.body = Buffer.concat(chunks);
      resolve({ ...outcome, reused: outgoing.reusedSocket });
    };
    outgoing.on('error', settle);
    outgoing.on('response', (response) => {
      outcome.status = response.statusCode;
      outcome.headers = response.headers;
      onResponse?.(response, outgoing);
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', settle);
      response.on('end', () => settle(null));
    });
    if (body && !('transfer-encoding' in headers)) {
      const bytes = Buffer.from(body);
      outgoing.setHeader('content-length', bytes.length);
      outgoing.end(bytes);
    } else {
      outgoing.end(body);
    }
  });
}

/** A client of one backend: control calls, and calls to a sandbox's envd. */
class Client {
  /**
   * @param {object} backend
   * @param {{ agent?: http.Agent }} [options]
   */
  constructor(backend, { agent } = {}) {
    this.backend = backend;
    this.agent = agent;
  }

  /** A call to the control plane; `json` is the body. */
  async control(method, path, json, options = {}) {
    const answer = await request(this.backend.url, {
      method,
      path,
      body: json === undefined ? undefined : JSON.stringify(json),
      agent: this.agent,
      ...options,
      headers: {
        'x-api-key': this.backend.env.E2B_API_KEY,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
    });
    return { ...answer, json: parse(answer) };
  }

  /** @returns {Promise<{ id: string, token: string }>} a new sandbox */
  async create(body = {}) {
    const { status, json } = await this.control('POST', '/v2/sandboxes', {
      templateID: 'base',
      ...body,
    });
    if (status !== 201) throw new Error(`create answered ${status}: ${JSON.stringify(json)}`);
    return { id: json.sandboxID, token: json.envdAccessToken };
  }

  /** A call to a sandbox's envd. */
  async envd({ id, token }, method, path, options = {}) {
    const answer = await request(this.backend.url, {
      method,
      path,
      agent: this.agent,
      ...options,
      headers: {
        'e2b-sandbox-id': id,
        'e2b-sandbox-port': '49983',
        'x-access-token': token,
        ...options.headers,
      },
    });
    return { ...answer, json: parse(answer) };
  }

  /** A unary RPC. */
  unary(sandbox, path, message, options = {}) {
    return this.envd(sandbox, 'POST', path, {
      body: JSON.stringify(message),
      ...options,
      headers: { 'content-type': 'application/json', ...options.headers },
    });
  }

  /** A server stream, read to its end. */
  async stream(sandbox, path, message, options = {}) {
    const answer = await this.envd(sandbox, 'POST', path, {
      body: encodeEnvelope(0, JSON.stringify(message)),
      ...options,
      headers: { 'content-type': 'application/connect+json', ...options.headers },
    });
    return { ...answer, ...readStream(answer.body) };
  }

  /** Starts a shell line without input and waits for the end of its stream. */
  run(sandbox, line, options = {}) {
    const process = { cmd: '/bin/sh', args: ['-c', line], ...options.process };
    return this.stream(sandbox, '/process.Process/Start', { process, stdin: false }, options);
  }

  /**
   * Starts a process whose stream stays open.
   * @returns {Promise<{ pid: number, done: Promise<object>, response: object, abort: () => void,
   *   stdout: () => string }>} `stdout`: what came so far
   */
  async background(sandbox, message, options = {}) {
    let done;
    const chunks = [];
    const { response, outgoing, pid } = await new Promise((resolve, reject) => {
      const onResponse = (incoming, sent) => {
        incoming.on('data', (chunk) => chunks.push(chunk));
        incoming.once('data', (chunk) => {
          const text = chunk.subarray(5, 5 + chunk.readUInt32BE(1)).toString();
          const event = JSON.parse(text).event;
          if (event) resolve({ response: incoming, outgoing: sent, pid: event.start.pid });
          else reject(new Error(text));
        });
      };
      const path = options.path ?? '/process.Process/Start';
      done = this.stream(sandbox, path, message, { ...options, onResponse });
      done.then((answer) => reject(new Error(`no start event: ${answer.status} ${answer.error}`)));
    });
    const stdout = () => readStream(Buffer.concat(chunks)).stdout;
    return { pid, done, response, stdout, abort: () => outgoing.destroy() };
  }
}

/** @returns {{ events: object[], end: object|null, stdout: string, stderr: string, rest: Buffer }} */
function readStream(body) {
  let whole = 0;
  while (whole + 5 <= body.length && whole + 5 + body.readUInt32BE(whole + 1) <= body.length) {
    whole += 5 + body.readUInt32BE(whole + 1);
  }
  const messages = [];
  let end = null;
  for (const { flags, payload } of decodeEnvelopes(body.subarray(0, whole))) {
    const message = JSON.parse(payload.toString());
    if (flags & 2) end = message;
    else messages.push(message);
  }
  const events = messages.map((message) => message.event);
  const join = (name) =>
    Buffer.concat(
      events.map((event) => Buffer.from(event?.data?.[name] ?? '', 'base64')),
    ).toString();
  return {
    events,
    end,
    exit: events.find((event) => event?.end)?.end ?? null,
    stdout: join('stdout'),
    stderr: join('stderr'),
    rest: body.subarray(whole),
  };
}

function parse({ headers, body }) {
  if (!/^application\/json/.test(headers['content-type'] ?? '') || body.length === 0) return null;
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}

module.exports = { Client, request };
