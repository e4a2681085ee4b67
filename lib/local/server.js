// The backend's one port: takes requests, finds who answers them, applies faults, and keeps count of
// the connections. No knowledge of any operation.
'use strict';

const http = require('node:http');
const { HttpError, errorJson, portNotOpen, raw, sandboxNotFound } = require('./answer');
const { deliver, faultAnswer, reset } = require('./delivery');
const { routeEnvd } = require('./envd');
const { ENVD_PORT, routeRequest } = require('./routing');

const MAX_HEADER_BYTES = 64 * 1024;
const IDLE_MS = 10 * 60_000; // as the cloud: a shorter time makes clients hit closing connections
const BODY_TIMEOUT_MS = 10_000; // a body that is read whole must come at least this steadily
const DEFAULT_BODY_BYTES = 64 * 1024;
const NOT_EXECUTED = new Set(['status', 'reset']);

class Server {
  #server;
  #sockets = new Set();
  #responses = new Set(); // of exchanges that are under way
  #registry;
  #control;
  #metrics;
  #faults;
  #requestLog;
  #log;
  #unheld = false; // the process may end while this serves

  /**
   * @param {object} parts
   * @param {import('./registry').Registry} parts.registry
   * @param {import('./control-plane').ControlPlane} parts.control
   * @param {import('./metrics').Metrics} parts.metrics
   * @param {import('./faults').Faults} parts.faults
   * @param {import('./request-log').RequestLog} parts.requestLog
   * @param {(line: string) => void} parts.log
   */
  constructor({ registry, control, metrics, faults, requestLog, log }) {
    this.#registry = registry;
    this.#control = control;
    this.#metrics = metrics;
    this.#faults = faults;
    this.#requestLog = requestLog;
    this.#log = log;
    // Nagle's algorithm off: it would cost 40 ms on every small call.
    const options = { noDelay: true, maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: IDLE_MS };
    this.#server = http.createServer({ ...options, requestTimeout: 0 });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      if (this.#unheld) socket.unref();
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('request', (request, response) => void this.#serve(request, response));
  }

  /** @returns {Promise<number>} the port; rejects when it cannot be had */
  listen(port) {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', () => resolve(this.#server.address().port));
    });
  }

  /** From now on the server and its connections do not keep the process from ending. */
  unref() {
    this.#unheld = true;
    this.#server.unref();
    for (const socket of this.#sockets) socket.unref();
  }

  /**
   * Cuts the connections that are in use, also stalled ones. Idle ones stay: a client that reuses one
   * at this moment would take the cut for a failure of its next request.
   */
  cutExchanges() {
    for (const response of this.#responses) response.destroy();
  }

  /** @returns {Promise<void>} when the port is free again */
  close() {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  async #serve(request, response) {
    const record = this.#requestLog.add(request);
    this.#responses.add(response);
    response.on('close', () => this.#responses.delete(response));
    response.on('error', () => {});
    response.on('finish', () => {
      record.status = response.statusCode;
    });
    try {
      await this.#exchange(request, response, record);
    } catch (error) {
      this.#log(`${record.method} ${record.path} failed: ${error.stack}`);
      if (response.headersSent) response.destroy();
      else await deliver(response, errorJson(500, error.message), {});
    }
  }

  async #exchange(request, response, record) {
    const mark = record.target.indexOf('?');
    const query = new URLSearchParams(mark === -1 ? '' : record.target.slice(mark + 1));
    const { method, path, headers } = record;
    const route = this.#route({ method, path, query, headers });
    record.op = route.op;
    record.sandboxId = route.sandboxId;
    const call = { method, path, query, headers, request, metrics: this.#metrics };
    let answer = null;
    if (route.streamsBody) {
      call.capture = (chunk) => record.capture(chunk);
    } else {
      answer = await this.#readBody(request, route, record, call);
      if (response.destroyed) return;
    }
    const vanish = () => this.#registry.remove(route.sandboxId, 'vanished by a fault');
    let fault = this.#faults.decide(route.op, record);
    if (fault && this.#preempts(fault, response)) return;
    if (fault?.type === 'status') return void (await deliver(response, faultAnswer(fault), {}));
    if (fault?.type === 'vanish' && fault.afterEvents === undefined) {
      await vanish();
      fault = null;
    }
    answer ??= await this.#execute(route, call, response);
    if (answer.stream) fault ??= this.#faults.decide('stream', record);
    if (answer.stream && fault && NOT_EXECUTED.has(fault.type)) fault = { type: 'reset-after' };
    await deliver(response, answer, { fault, vanish });
  }

  /** Actions that need no answer at all. */
  #preempts(fault, response) {
    if (fault.type === 'reset') reset(response);
    return fault.type === 'reset' || (fault.type === 'stall' && !fault.execute);
  }

  #route(request) {
    const target = routeRequest(request, () => this.#registry.list());
    if (target.plane === 'control') return this.#control.route(request.method, request.path);
    if (target.plane === 'refused') {
      const { status, text } = target;
      const answer =
        status === 401
          ? errorJson(401, text)
          : raw(status, text, { 'content-type': 'text/plain; charset=utf-8' });
      return { op: 'refused', sandboxId: null, handle: () => answer };
    }
    const { sandboxId, port } = target;
    if (port !== ENVD_PORT) {
      const handle = () => portNotOpen(sandboxId, port);
      return { op: 'port', sandboxId, needsSandbox: true, handle };
    }
    return { ...routeEnvd(request.method, request.path), sandboxId, needsSandbox: true };
  }

  async #execute(route, call, response) {
    try {
      if (!route.needsSandbox) return await route.handle(call);
      const sandbox = this.#registry.get(route.sandboxId);
      if (!sandbox) return sandboxNotFound(route.sandboxId);
      const { socket } = response;
      sandbox.hold(socket);
      response.once('close', () => sandbox.release(socket));
      return await route.handle({ ...call, sandbox });
    } catch (error) {
      if (error instanceof HttpError) return error.toAnswer();
      throw error;
    }
  }

  /** Fills `call.body`; returns an answer when there is none to be had. */
  async #readBody(request, route, record, call) {
    const limit = route.maxBodyBytes ?? DEFAULT_BODY_BYTES;
    const chunks = [];
    let bytes = 0;
    const timer = setTimeout(() => request.destroy(), BODY_TIMEOUT_MS);
    timer.unref();
    try {
      for await (const chunk of request) {
        timer.refresh();
        record.capture(chunk);
        bytes += chunk.length;
        if (bytes <= limit) chunks.push(chunk);
        else chunks.length = 0; // read on, so that the client gets to read the answer
      }
    } catch {
      return errorJson(400, 'the request body broke off');
    } finally {
      clearTimeout(timer);
    }
    call.body = Buffer.concat(chunks);
    return bytes > limit ? errorJson(413, `the request body exceeds ${limit} bytes`) : null;
  }
}

module.exports = { Server };
