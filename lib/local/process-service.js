// envd's process.Process service: Start, Connect, List, SendInput, StreamInput, CloseStdin, SendSignal,
// Update. Keeps the processes of one sandbox; speaks messages, not bytes on the wire.
'use strict';

const { RpcError, parseTimeoutMs } = require('./connect-rpc');
const { EventStream } = require('./event-stream');
const { ManagedProcess } = require('./managed-process');
const { parseSize, parseStart, startError } = require('./start-request');

const LATE_CONNECT_MS = 30_000;
const MAX_TIMER_MS = 0x7fffffff;
const SIGNALS = {
  SIGNAL_SIGTERM: 'SIGTERM',
  SIGNAL_SIGKILL: 'SIGKILL',
  15: 'SIGTERM',
  9: 'SIGKILL',
};

class ProcessService {
  #sandbox;
  #maxProcesses;
  #running = new Map();
  #ended = new Map(); // for the late Connect
  #starting = 0;

  /**
   * @param {import('./sandbox').Sandbox} sandbox
   * @param {number} maxProcesses  that were started here, at a time
   */
  constructor(sandbox, maxProcesses) {
    this.#sandbox = sandbox;
    this.#maxProcesses = maxProcesses;
  }

  /** @returns {{ pid: number, cmd: string, args: string[], tag?: string }[]} for the owner's eyes */
  describe() {
    return [...this.#running.values()].map(({ pid, config: { cmd, args }, tag }) => ({
      ...{ pid, cmd, args },
      ...(tag === undefined ? {} : { tag }),
    }));
  }

  /**
   * @param {object} message  StartRequest
   * @param {{ headers: object, user: string }} caller
   * @returns {Promise<EventStream>}
   */
  async start(message, { headers, user }) {
    const { spec, config } = await parseStart(message, user, this.#sandbox);
    const timeoutMs = parseTimeoutMs(headers);
    if (this.#running.size + this.#starting >= this.#maxProcesses) {
      throw new RpcError(
        'resource_exhausted',
        `the sandbox has ${this.#maxProcesses} processes already`,
      );
    }
    this.#starting += 1;
    let process;
    try {
      process = await this.#sandbox.init.spawn(spec);
    } catch (error) {
      throw startError(error, spec);
    } finally {
      this.#starting -= 1;
    }
    const managed = new ManagedProcess({
      ...{ process, config, tag: message.tag },
      onEnd: () => this.#retire(managed, user),
    });
    this.#running.set(managed.pid, managed);
    this.#sandbox.logs.add('info', 'Process started', logFields(managed, user));
    const stream = this.#open(managed, headers, { timeoutMs, kill: true });
    managed.begin();
    return stream;
  }

  /** @returns {EventStream} a further stream of a process, also of one that ended lately */
  connect(message, { headers }) {
    const managed = this.#find(message.process, { ended: true });
    return this.#open(managed, headers, { timeoutMs: parseTimeoutMs(headers), kill: false });
  }

  list() {
    const processes = [...this.#running.values()].map(({ config, pid, tag }) => ({
      config,
      pid,
      ...(tag === undefined ? {} : { tag }),
    }));
    return processes.length > 0 ? { processes } : {};
  }

  async sendInput(message) {
    await writeInput(this.#find(message.process), message.input);
    return {};
  }

  /**
   * A stream of input for one process, which the first message names.
   * @param {AsyncIterable<object>} messages
   */
  async streamInput(messages) {
    let managed = null;
    for await (const { start, data } of messages) {
      if (start) managed = this.#find(start.process);
      else if (data && !managed) throw new RpcError('invalid_argument', 'data before start');
      else if (data) await writeInput(managed, data.input);
    }
    return {};
  }

  closeStdin(message) {
    this.#find(message.process).closeStdin();
    return {};
  }

  sendSignal(message) {
    const managed = this.#find(message.process);
    const signal = SIGNALS[message.signal];
    if (!signal) throw new RpcError('unimplemented', `invalid signal: ${message.signal}`);
    managed.signal(signal);
    return {};
  }

  update(message) {
    const managed = this.#find(message.process);
    if (message.pty) managed.resize(parseSize(message.pty));
    return {};
  }

  /** Lets go of all processes when the sandbox is gone, or starts anew. */
  dispose() {
    for (const managed of this.#running.values()) managed.dispose();
    for (const { timer } of this.#ended.values()) clearTimeout(timer);
    this.#running.clear();
    this.#ended.clear();
  }

  #open(managed, headers, { timeoutMs, kill }) {
    let timer = null;
    const stream = new EventStream({
      headers,
      onDrain: () => managed.unblock(stream),
      onClose: () => {
        clearTimeout(timer);
        managed.detach(stream);
      },
    });
    if (timeoutMs !== null && kill) {
      managed.setDeadline(timeoutMs, stream);
    } else if (timeoutMs !== null) {
      timer = setTimeout(() => managed.expire(stream), Math.min(timeoutMs, MAX_TIMER_MS));
      timer.unref();
    }
    managed.attach(stream);
    return stream;
  }

  #retire(managed, user) {
    if (!this.#running.delete(managed.pid)) return;
    const { exitCode = 0, status } = managed.end;
    const fields = { ...logFields(managed, user), exitCode, status };
    this.#sandbox.logs.add('info', 'Process ended', fields);
    const timer = setTimeout(() => this.#ended.delete(managed.pid), LATE_CONNECT_MS);
    timer.unref();
    this.#ended.set(managed.pid, { managed, timer });
  }

  #find(selector = {}, { ended = false } = {}) {
    const { pid, tag } = selector;
    const candidates = [...this.#running.values()];
    if (ended) candidates.push(...[...this.#ended.values()].map((entry) => entry.managed));
    const byTag = tag !== undefined;
    const found = candidates.find((one) => (byTag ? one.tag === tag : one.pid === Number(pid)));
    if (found) return found;
    const name = byTag ? `tag ${tag}` : `pid ${pid}`;
    throw new RpcError('not_found', `process with ${name} not found`);
  }
}

/** What the sandbox's log tells of a process: not its variables, which may hold secrets. */
function logFields({ pid, config: { cmd, args }, tag }, user) {
  const fields = { logger: 'process', pid, cmd, args: args.join(' '), user };
  return tag === undefined ? fields : { ...fields, tag };
}

/** @param {{ stdin?: string, pty?: string }} [input]  base64 */
async function writeInput(managed, input = {}) {
  const [kind] = ['stdin', 'pty'].filter((name) => typeof input[name] === 'string');
  if (!kind) throw new RpcError('unimplemented', 'invalid input type');
  await managed.write(kind, Buffer.from(input[kind], 'base64'));
}

module.exports = { LATE_CONNECT_MS, ProcessService };
