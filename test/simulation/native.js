'use strict';

// The native functions that the fleet uses, for one simulated process: same arguments, same shapes,
// same errors as lib/native, over wire and provider. Nothing here decides when or whether something
// happens.

const { wireError } = require('./wire');

const PREFIX = 'e2b-swarm.';
const kReserved = Symbol('simulated.reserved');
const LONGEST_RUN_MS = 20_000;

/**
 * @param {object} process
 * @param {object} far { wire, provider, random, pageSize, scheduler }
 */
function nativeOf(process, { wire, provider, random, pageSize, scheduler }) {
  const send = (op, sandboxId, options, perform, how) =>
    wire.send(process, { op, sandboxId, options, perform, idempotent: true, ...how });
  const iso = (ms) => new Date(ms).toISOString();

  function createE2bSandbox(name, template, timeout, memoryMb, cpuCount, options = {}) {
    const metadata = { ...options.metadata, [`${PREFIX}name`]: name };
    for (const [key, value] of Object.entries(options[kReserved] ?? {})) {
      metadata[PREFIX + key] = value;
    }
    const token = metadata[`${PREFIX}token`] ?? null;
    const perform = ({ duplicate }) => {
      const wish = { template, timeout, metadata, maker: process.name, duplicate };
      const { id } = provider.create(wish);
      const bornMs = process.clock.now();
      return {
        sandboxId: id,
        name,
        template,
        status: 'running',
        createdAt: iso(bornMs),
        endsAt: iso(bornMs + Math.ceil(timeout) * 1000),
        url: `https://49983-${id}.simulated`,
        cpuCount: null,
        memoryMb: null,
        metadata: { ...options.metadata },
      };
    };
    return send('create', null, options, perform, { makes: true, idempotent: false, token });
  }

  async function listE2bSandboxes(_status = 'all', options = {}) {
    const { metadata, limit = Infinity } = options;
    const found = new Map();
    for (let below = null; ;) {
      const ask = () => provider.page(metadata, below, Math.min(pageSize, limit));
      const { items, next } = await send('list', null, options, ask);
      for (const item of items) found.set(item.sandboxId, item);
      if (next === null || found.size >= limit) break;
      below = next;
    }
    return [...found.values()].slice(0, limit);
  }

  function getE2bSandboxStatus(id, options = {}) {
    const unreachable = options.metrics === true && random.chance(0.01);
    return send('get', id, options, () => provider.status(id, { unreachable }));
  }

  async function terminateE2bSandbox(id, _force = false, options = {}) {
    try {
      await send('terminate', id, options, () => provider.terminate(id, process));
      return { sandboxId: id, status: 'terminated', alreadyGone: false };
    } catch (error) {
      if (error.code !== 'NOT_FOUND') throw error;
      return { sandboxId: id, status: 'terminated', alreadyGone: true };
    }
  }

  function setE2bSandboxTimeout(id, seconds, options = {}) {
    return send('timeout', id, options, () => {
      provider.setTimeout(id, seconds);
      return { sandboxId: id, endsAt: iso(process.clock.now() + Math.ceil(seconds) * 1000) };
    });
  }

  function connectE2bSandbox(id, options = {}) {
    return send('connect', id, options, () => {
      provider.connect(id, options.timeout ?? 300);
      return { sandboxId: id, template: null, status: 'running', resumed: false, url: '' };
    });
  }

  // Started by a request of its own; what it writes and its end come without a deadline.
  function startProcess(op, id, options, lengthMs) {
    let end;
    const done = new Promise((resolve, reject) => {
      end = { resolve, reject };
    });
    done.catch(() => {});
    const perform = () => {
      const onEnd = (dead) => {
        const facts = { sandboxId: id, outcome: 'interrupted' };
        const tell = dead
          ? () => end.reject(wireError('NetworkError', 'CONNECTION_LOST', facts))
          : () => end.resolve();
        scheduler.after(random.between(1, 50), tell, process);
      };
      return provider.start(id, lengthMs, onEnd);
    };
    const started = send(op, id, options, perform, { idempotent: false });
    return { started, done };
  }

  function killE2bProcess(id, pid, signal = 'SIGKILL', options = {}) {
    return send('kill', id, options, () => {
      provider.find(id);
      return { sandboxId: id, pid, signal };
    });
  }

  async function executeE2bProcess(id, command, args, timeout, _capture = true, options = {}) {
    const beganMs = process.clock.steady();
    const { started, done } = startProcess(
      'execute',
      id,
      options,
      random.between(5, LONGEST_RUN_MS),
    );
    const { pid } = await started;
    const ended = done.then(() => ({
      sandboxId: id,
      command,
      args: args ?? null,
      pid,
      exitCode: 0,
      signal: null,
      stdout: 'done\n',
      stderr: '',
      truncated: false,
      timedOut: false,
      durationMs: process.clock.steady() - beganMs,
    }));
    if (!options.background) return ended;
    ended.catch(() => {});
    return { sandboxId: id, pid, command, done: ended, disconnect() {} };
  }

  async function runE2bAgent(id, agentType, symbols, _params, _useGpu, options = {}) {
    const { started, done } = startProcess(
      'agent',
      id,
      options,
      random.between(1000, LONGEST_RUN_MS),
    );
    const { pid } = await started;
    const facts = {
      agentId: `agent-${random.uuid().slice(0, 8)}`,
      sandboxId: id,
      agentType,
      symbols,
    };
    const shape = { ...facts, pid, exitCode: 0, signals: [], summary: {}, stdout: '', stderr: '' };
    const ended = done.then(() => ({ ...shape, status: 'completed', durationMs: 1, sample: true }));
    if (!options.background) return ended;
    ended.catch(() => {});
    return { ...facts, sample: true, pid, firstLine: Promise.resolve(), done: ended };
  }

  function writeE2bFile(id, path, data, options = {}) {
    return send('write', id, options, () => {
      provider.find(id).files.set(path, String(data));
      return { sandboxId: id, path, name: path.slice(path.lastIndexOf('/') + 1) };
    });
  }

  function readE2bFile(id, path, options = {}) {
    return send('read', id, options, () => {
      const text = provider.find(id).files.get(path);
      if (text !== undefined) return text;
      const facts = { sandboxId: id, outcome: 'rejected', status: 404 };
      throw wireError('NotFoundError', 'NOT_FOUND', facts);
    });
  }

  return {
    kReserved,
    createE2bSandbox,
    listE2bSandboxes,
    getE2bSandboxStatus,
    terminateE2bSandbox,
    setE2bSandboxTimeout,
    connectE2bSandbox,
    executeE2bProcess,
    killE2bProcess,
    runE2bAgent,
    writeE2bFile,
    readE2bFile,
  };
}

module.exports = { nativeOf };
