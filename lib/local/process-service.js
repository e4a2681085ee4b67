// envd's process.Process service: Start, Connect, List, SendInput, CloseStdin, SendSignal. Keeps the
// processes of one sandbox; speaks messages, not bytes on the wire.
'use strict';

const fs = require('node:fs');
const { RpcError, parseTimeoutMs } = require('./connect-rpc');
const { EventStream } = require('./event-stream');
const { ManagedProcess } = require('./managed-process');
const { MARKER_VARIABLE } = require('./process-table');
const { SANDBOX_PATH, startProcess } = require('./spawn');

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
  #host;
  #running = new Map();
  #ended = new Map(); // for the late Connect
  #starting = 0;

  /** Whether any process was ever started: if not, there is nothing to look for at the end. */
  used = false;

  /**
   * @param {import('./sandbox').Sandbox} sandbox
   * @param {object} host  what all sandboxes share: `{ table, reaper, pipes, maxProcesses }`
   */
  constructor(sandbox, host) {
    this.#sandbox = sandbox;
    this.#host = host;
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
    const { cmd, args, env, cwd, config } = this.#parse(message, user);
    const timeoutMs = parseTimeoutMs(headers);
    await assertDirectory(cwd.host, cwd.inside);
    if (this.#running.size + this.#starting >= this.#host.maxProcesses) {
      throw new RpcError(
        'resource_exhausted',
        `the sandbox has ${this.#host.maxProcesses} processes already`,
      );
    }
    this.#starting += 1;
    this.used = true;
    let started;
    try {
      const stdin = message.stdin !== false;
      const { pipes } = this.#host;
      started = await startProcess({ cmd, args, env, cwd: cwd.host, stdin, pipes });
    } finally {
      this.#starting -= 1;
    }
    const managed = new ManagedProcess({
      ...started,
      config,
      tag: message.tag,
      onEnd: () => this.#retire(managed, user),
    });
    this.#host.table.track(managed.pid, this.#sandbox.id);
    if (this.#sandbox.closed) {
      managed.dispose();
      await this.#host.reaper.kill(this.#sandbox.id);
      throw new RpcError('unavailable', 'the sandbox is gone');
    }
    this.#running.set(managed.pid, managed);
    this.#sandbox.logs.add('info', 'Process started', logFields(managed, user));
    return this.#open(managed, headers, { timeoutMs, kill: true });
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
    const managed = this.#find(message.process);
    const { stdin, pty } = message.input ?? {};
    if (pty !== undefined) throw new RpcError('internal', 'error writing to tty: no tty assigned');
    if (typeof stdin !== 'string') throw new RpcError('unimplemented', 'invalid input type');
    await managed.write(Buffer.from(stdin, 'base64'));
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

  /** Lets go of all processes when the sandbox is gone; the reaper kills them. */
  dispose() {
    for (const managed of this.#running.values()) {
      if (!this.#host.table.available) managed.killGroup();
      managed.dispose();
    }
    for (const { timer } of this.#ended.values()) clearTimeout(timer);
    this.#running.clear();
    this.#ended.clear();
  }

  #parse(message, user) {
    const { cmd, args = [], envs = {}, cwd } = message.process ?? {};
    if (typeof cmd !== 'string' || cmd === '') {
      throw new RpcError('invalid_argument', 'process.cmd is required');
    }
    if (!Array.isArray(args) || args.some((arg) => typeof arg !== 'string')) {
      throw new RpcError('invalid_argument', 'process.args must be strings');
    }
    if (message.pty) {
      throw new RpcError('unimplemented', 'pty is not in this version of the local backend');
    }
    const { paths, envVars } = this.#sandbox;
    const inside = paths.resolve(cwd ?? '', user);
    const env = {
      PATH: SANDBOX_PATH,
      HOME: paths.toHost(paths.homeOf(user)),
      USER: user,
      LOGNAME: user,
      TMPDIR: paths.temporary,
      E2B_SANDBOX: 'true',
      E2B_SANDBOX_ID: this.#sandbox.id,
      E2B_TEMPLATE_ID: this.#sandbox.templateId,
      ...envVars,
      ...stringsOnly(envs),
      [MARKER_VARIABLE]: this.#host.table.markerOf(this.#sandbox.id),
    };
    const config = { cmd, args, envs: stringsOnly(envs), ...(cwd === undefined ? {} : { cwd }) };
    return { cmd, args, env, cwd: { inside, host: paths.toHost(inside) }, config };
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

function stringsOnly(envs) {
  for (const [name, value] of Object.entries(envs)) {
    if (typeof value !== 'string' || name === '' || name.includes('=') || /\0/.test(name + value)) {
      throw new RpcError('invalid_argument', `process.envs: '${name}' is not a valid variable`);
    }
  }
  return envs;
}

async function assertDirectory(host, inside) {
  const stat = await fs.promises.stat(host).catch(() => null);
  if (!stat) throw new RpcError('invalid_argument', `cwd '${inside}' does not exist`);
  if (!stat.isDirectory()) {
    throw new RpcError('invalid_argument', `cwd '${inside}' is not a directory`);
  }
}

module.exports = { LATE_CONNECT_MS, ProcessService };
