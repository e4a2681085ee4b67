// The backend's one port: takes requests, finds who answers them, applies faults, and keeps count of
// the connections. No knowledge of any operation.
'use strict';

const { HttpError, errorJson, raw } = require('./answer');
const { routeAdmin } = require('./admin');
const { Admission } = require('./admission');
const { CODE_INTERPRETER_PORT, routeInterpreter } = require('./code-interpreter');
const { deliver, faultAnswer, reset } = require('./delivery');
const { routeEnvd } = require('./envd');
const { routeForeignEnvd } = require('./envd-front');
const { Listener } = require('./listener');
const { answerRaw, proxyRequest, proxyUpgrade, refuseTraffic } = require('./port-proxy');
const { ENVD_PORT, routeRequest } = require('./routing');

const BODY_TIMEOUT_MS = 10_000; // a body that is read whole must come at least this steadily
const DEFAULT_BODY_BYTES = 64 * 1024;
const NOT_EXECUTED = new Set(['status', 'disk-full', 'reset']);
const GOES = new Set(['vanish', 'crash']);

class Server {
  #listener;
  #responses = new Map(); // of exchanges that are under way, with their records
  #parts;
  #admission;
  #registry;
  #faults;
  #requestLog;
  #log;

  /**
   * @param {object} parts
   * @param {import('./registry').Registry} parts.registry
   * @param {import('./transitions').Transitions} parts.transitions
   * @param {number} parts.maxConnections  to one sandbox, at a time
   * @param {import('./control-plane').ControlPlane} parts.control
   * @param {import('./metrics').Metrics} parts.metrics
   * @param {import('./faults').Faults} parts.faults
   * @param {import('./request-log').RequestLog} parts.requestLog
   * @param {object} parts.admin  what the admin route works on, see `admin.js`
   * @param {{ key: string, cert: string }|null} parts.certificate  null: no TLS
   * @param {string|null} parts.domain  of the sandboxes' host names
   * @param {boolean} parts.hasOwnEnvd  false: a program in each sandbox answers in its place
   * @param {(line: string) => void} parts.log
   */
  constructor(parts) {
    this.#parts = parts;
    this.#admission = new Admission(parts);
    this.#registry = parts.registry;
    this.#faults = parts.faults;
    this.#requestLog = parts.requestLog;
    this.#log = parts.log;
    this.#listener = new Listener({
      certificate: parts.certificate,
      onRequest: (request, response) => void this.#serve(request, response),
      onUpgrade: (request, socket, head) => void this.#upgrade(request, socket, head),
    });
  }

  /** @returns {Promise<number>} the port; rejects when it cannot be had */
  listen(port) {
    return this.#listener.listen(port);
  }

  /** Lets the process end though this listens. */
  unref() {
    this.#listener.unref();
  }

  /**
   * Cuts the connections that are in use, also stalled ones. Idle ones stay: a client that reuses one
   * at this moment would take the cut for a failure of its next request. So does the admin route's.
   */
  cutExchanges() {
    for (const [response, { op }] of this.#responses) if (op !== 'admin') response.destroy();
  }

  /** @returns {Promise<void>} when the port is free again */
  close() {
    return this.#listener.close();
  }

  async #serve(request, response) {
    const record = this.#requestLog.add(request);
    record.watch(response);
    this.#responses.set(response, record);
    response.on('close', () => this.#responses.delete(response));
    response.on('error', () => {});
    response.on('finish', () => {
      // HTTP/2 calls a stream finished that was reset, too.
      if (response.writableEnded) record.status = response.statusCode;
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
    const { call, route } = this.#look(request, record);
    let answer = null;
    if (route.streamsBody) {
      call.capture = (chunk) => record.capture(chunk);
    } else {
      answer = await this.#readBody(request, response, { route, record, call });
      if (response.destroyed) return;
    }
    let fault = this.#faults.decide(route.op, record);
    const vanish = () => this.#vanish(route.sandboxId, fault);
    if (fault && this.#preempts(fault, response)) return;
    if (isAnswer(fault)) return void (await deliver(response, faultAnswer(fault), {}));
    if (GOES.has(fault?.type) && fault.afterEvents === undefined) {
      await vanish();
      fault = null;
    }
    if (fault?.type === 'clock') this.#jump(route.sandboxId, fault);
    answer ??= await this.#execute(route, call, response);
    if (answer.stream) fault ??= this.#faults.decide('stream', record);
    if (answer.stream && fault && NOT_EXECUTED.has(fault.type)) fault = { type: 'reset-after' };
    await deliver(response, answer, { fault, vanish });
  }

  /** The sandbox goes, with or without the control plane's knowledge. */
  async #vanish(id, fault) {
    if (fault.type === 'vanish')
      return void (await this.#registry.remove(id, 'vanished by a fault'));
    const sandbox = this.#registry.get(id);
    if (!sandbox) return undefined;
    sandbox.crashed = true;
    sandbox.disconnect();
    return void (await sandbox.life.stop());
  }

  #jump(id, { byMs }) {
    const sandbox = this.#registry.get(id);
    if (sandbox) this.#registry.setEnd(sandbox, sandbox.endAt + byMs);
  }

  /** Actions that need no answer at all. */
  #preempts(fault, response) {
    if (fault.type === 'reset') reset(response);
    return fault.type === 'reset' || (fault.type === 'stall' && !fault.execute);
  }

  /** What a request is for. */
  #look(request, record) {
    const mark = record.target.indexOf('?');
    const query = new URLSearchParams(mark === -1 ? '' : record.target.slice(mark + 1));
    const { method, path, headers } = record;
    const route = this.#route({ method, path, query, headers });
    record.op = route.op;
    record.sandboxId = route.sandboxId;
    const scheme = request.socket.encrypted ? 'https' : 'http';
    const origin = `${scheme}://${headers.host}`;
    const { metrics } = this.#parts;
    return { route, call: { method, path, query, headers, request, metrics, origin } };
  }

  #route(request) {
    const target = routeRequest(request, () => this.#registry.list(), this.#parts.domain);
    if (target.plane === 'control') {
      const admin = routeAdmin(request, this.#parts.admin);
      return admin ?? this.#parts.control.route(request.method, request.path);
    }
    if (target.plane === 'refused') {
      const { status, text } = target;
      const answer =
        status === 401
          ? errorJson(401, text)
          : raw(status, text, { 'content-type': 'text/plain; charset=utf-8' });
      return { op: 'refused', sandboxId: null, handle: () => answer };
    }
    const { sandboxId, port } = target;
    const inSandbox = { sandboxId, port, needsSandbox: true };
    if (port === ENVD_PORT) {
      const route = this.#parts.hasOwnEnvd ? routeEnvd : routeForeignEnvd;
      return { ...route(request.method, request.path), ...inSandbox };
    }
    if (port === CODE_INTERPRETER_PORT && this.#registry.get(sandboxId)?.interpreter) {
      const route = routeInterpreter(request.method, request.path);
      const handle = (call) => refuseTraffic(call.sandbox, call.headers) ?? route.handle(call);
      return { ...route, handle, ...inSandbox };
    }
    const handle = (call) => proxyRequest({ ...call, port });
    return { op: 'port', streamsBody: true, handle, ...inSandbox };
  }

  async #execute(route, call, response) {
    try {
      if (!route.needsSandbox) return await route.handle(call);
      const { sandbox, refused } = await this.#admission.enter(route, call.headers, response);
      if (refused) return refused;
      return await route.handle({ ...call, sandbox });
    } catch (error) {
      if (error instanceof HttpError) return error.toAnswer();
      throw error;
    }
  }

  /** An upgrade is for a port of a sandbox, or for nobody. */
  async #upgrade(request, socket, head) {
    socket.on('error', () => {}); // a client that goes away
    const record = this.#requestLog.add(request);
    const { route } = this.#look(request, record);
    try {
      const fault = this.#faults.decide(route.op, record);
      if (isAnswer(fault)) return answerRaw(socket, faultAnswer(fault));
      if (fault && fault.type !== 'slow') return socket.destroy();
      if (route.op !== 'port')
        return answerRaw(socket, errorJson(400, 'nothing to upgrade to here'));
      const { sandbox, refused } = await this.#admission.enter(route, request.headers, socket);
      if (refused) return answerRaw(socket, refused);
      return await proxyUpgrade({ sandbox, port: route.port, request, socket, head });
    } catch (error) {
      if (error instanceof HttpError) return answerRaw(socket, error.toAnswer());
      this.#log(`upgrade of ${record.path} failed: ${error.stack}`);
      return socket.destroy();
    }
  }

  /** Fills `call.body`; returns an answer when there is none to be had. */
  async #readBody(request, response, { route, record, call }) {
    const limit = route.maxBodyBytes ?? DEFAULT_BODY_BYTES;
    const chunks = [];
    let bytes = 0;
    const timer = setTimeout(() => response.destroy(), BODY_TIMEOUT_MS);
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

/** @returns {boolean} whether a fault is an answer of its own */
function isAnswer(fault) {
  return fault?.type === 'status' || fault?.type === 'disk-full';
}

module.exports = { Server };
