// Our own client in the words of the scenarios: the public functions, as users call them.
'use strict';

const { ownKind } = require('./kinds');

/**
 * @param {object} native  the package
 * @param {{ options: object }} settings  the connection
 */
function ownClient(native, { options }) {
  const boxOf = ({ sandboxId, trafficAccessToken }) => ({ id: sandboxId, trafficAccessToken });
  const missing = (error) => {
    if (error.code === 'NOT_FOUND') return null;
    throw error;
  };
  return {
    name: 'own',
    sdk: native,
    options,
    lacks: new Set([...['list.order', 'git', 'templates', 'templates.tags'], 'connect.reboot']),
    kindOf: ownKind,

    // ---- sandboxes
    async create({ template, timeoutS, internet, keepMemory, ...same } = {}) {
      const wanted = { allowInternetAccess: internet, autoPauseMemory: keepMemory };
      const given = { ...options, ...same, ...wanted };
      const args = ['compat', template, timeoutS, undefined, undefined, given];
      return boxOf(await native.createE2bSandbox(...args));
    },
    async list({ states = [], pageSize, ...filters } = {}) {
      const filter =
        states.length === 1 ? { running: 'running', paused: 'stopped' }[states[0]] : 'all';
      void pageSize; // the function goes through all pages
      const found = await native.listE2bSandboxes(filter, { ...options, ...filters });
      return found.map(infoOf);
    },
    async info({ id }) {
      return infoOf(await native.getE2bSandboxStatus(id, { ...options, metrics: false }));
    },
    async isRunning({ id }) {
      const found = await native.getE2bSandboxStatus(id, options).catch(missing);
      return found?.status === 'running';
    },
    trafficToken: ({ trafficAccessToken }) => trafficAccessToken,
    setTimeout: ({ id }, seconds) => native.setE2bSandboxTimeout(id, seconds, options),
    async connect({ id }, { timeoutS, reboot } = {}) {
      const memory = reboot ? false : undefined;
      return boxOf(await native.connectE2bSandbox(id, { ...options, timeout: timeoutS, memory }));
    },
    async kill({ id }) {
      return !(await native.terminateE2bSandbox(id, true, options)).alreadyGone;
    },
    async pause({ id }, { memory } = {}) {
      return !(await native.pauseE2bSandbox(id, { ...options, memory })).alreadyPaused;
    },
    async fork({ id }, { count, timeoutS }) {
      const { sandboxIds } = await native.forkE2bSandbox(id, {
        ...options,
        count,
        timeout: timeoutS,
      });
      return sandboxIds.map((sandboxId) => ({ id: sandboxId }));
    },
    async snapshot({ id }, name) {
      return (await native.snapshotE2bSandbox(id, name, options)).snapshotId;
    },
    async listSnapshots({ id }) {
      const found = await native.listE2bSnapshots({ ...options, sandboxId: id });
      return found.map(({ snapshotId }) => snapshotId);
    },
    async deleteSnapshot(snapshotId) {
      return !(await native.deleteE2bSnapshot(snapshotId, options)).alreadyGone;
    },
    setNetwork: ({ id }, { internet, ...network }) =>
      native.setE2bSandboxNetwork(id, { ...network, allowInternetAccess: internet }, options),
    logs: ({ id }) => native.getE2bSandboxLogs(id, { ...options, direction: 'forward' }),
    metrics: ({ id }, range) => native.getE2bSandboxMetrics(id, { ...options, ...range }),
    hostUrl: ({ id }, port) => native.getE2bSandboxUrl(id, port, options),

    // ---- commands
    async run({ id }, line, { timeoutS, ...settings } = {}) {
      const given = { ...options, ...settings };
      const end = await native.executeE2bProcess(id, line, undefined, timeoutS, true, given);
      if (!end.timedOut) return outcomeOf(end);
      throw Object.assign(new Error('the command timed out'), { code: 'TIMEOUT' });
    },
    async start({ id }, line, { timeoutS, ...settings } = {}) {
      const given = { ...options, ...settings, background: true };
      return handleOf(
        await heard(given, (one) =>
          native.executeE2bProcess(id, line, undefined, timeoutS, true, one),
        ),
      );
    },
    async processes({ id }) {
      const list = await native.listE2bProcesses(id, options);
      return list.map(({ pid, command, args }) => ({ pid, command, args }));
    },
    async attach({ id }, pid, settings = {}) {
      const given = { ...options, ...settings };
      return handleOf(await heard(given, (one) => native.connectE2bProcess(id, pid, one)));
    },
    send: ({ id }, pid, data) => native.sendE2bInput(id, pid, data, options),
    closeInput: ({ id }, pid) => native.sendE2bInput(id, pid, '', { ...options, end: true }),
    killProcess: ({ id }, pid) =>
      native.killE2bProcess(id, pid, 'SIGKILL', options).then(
        () => true,
        (error) => missing(error) ?? false,
      ),

    // ---- terminals
    async terminal({ id }, { onText, ...settings }) {
      const handle = await native.createE2bPty(id, { ...options, ...settings, onData: onText });
      return {
        ...handleOf({ handle, text: () => '' }),
        type: (text) => handle.sendInput(text),
        resize: (size) => handle.resize(size),
      };
    },

    // ---- files
    write: ({ id }, path, data, settings) =>
      native.writeE2bFile(id, path, data, { ...options, ...settings }),
    writeMany: ({ id }, files) => native.writeE2bFiles(id, files, options),
    async read({ id }, path, { as = 'text', ...settings } = {}) {
      const encoding = { text: 'utf8', stream: 'stream' }[as] ?? 'buffer';
      const found = await native.readE2bFile(id, path, { ...options, ...settings, encoding });
      if (as !== 'stream') return found.toString();
      const chunks = [];
      for await (const chunk of found) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    },
    async stat({ id }, path, settings) {
      return entryOf(await native.statE2bFile(id, path, { ...options, ...settings }));
    },
    async exists({ id }, path) {
      return (await native.statE2bFile(id, path, options).catch(missing)) !== null;
    },
    async files({ id }, path, settings) {
      return (await native.listE2bFiles(id, path, { ...options, ...settings })).map(entryOf);
    },
    makeDir: ({ id }, path) =>
      native.makeE2bDir(id, path, options).then(
        () => true,
        (error) => {
          if (error.code === 'CONFLICT') return false;
          throw error;
        },
      ),
    async move({ id }, from, to) {
      return entryOf(await native.moveE2bFile(id, from, to, options));
    },
    remove: ({ id }, path) => native.removeE2bFile(id, path, options),
    watch: ({ id }, path, onEvent, settings) =>
      native.watchE2bFiles(id, path, onEvent, { ...options, ...settings }),
    signedUrl: ({ id }, path, { operation, user, expiresInS }) =>
      native.signE2bFileUrl(id, path, {
        ...options,
        operation,
        user,
        expiresInSeconds: expiresInS,
      }),

    // ---- code
    async runCode({ id }, code, { context, ...settings } = {}) {
      const given = { ...options, ...settings, context: context?.id };
      const { text, results, stdout, stderr, error, executionCount } = await native.runE2bCode(
        ...[id, code, given],
      );
      return {
        ...{ text, results: results.length, count: executionCount, stdout, stderr },
        error: error ? { name: error.name, value: error.value } : null,
      };
    },
    createContext: ({ id }, settings) =>
      native.createE2bCodeContext(id, { ...options, ...settings }),
    contexts: ({ id }) => native.listE2bCodeContexts(id, options),
    restartContext: (box, { id }) => native.restartE2bCodeContext(box.id, id, options),
    removeContext: (box, { id }) => native.removeE2bCodeContext(box.id, id, options),
  };
}

/** Starts something whose output is also kept as it comes, as a handle of the SDK does. */
async function heard({ onStdout, ...given }, start) {
  let text = '';
  const handle = await start({
    ...given,
    onStdout: (chunk) => {
      text += chunk;
      return onStdout?.(chunk);
    },
  });
  return { handle, text: () => text };
}

function handleOf({ handle, text }) {
  return {
    pid: handle.pid,
    stdout: text,
    wait: async () => outcomeOf(await handle.wait()),
    kill: async () => {
      await handle.kill();
      return true;
    },
    disconnect: () => {
      handle.done.catch(() => {});
      handle.disconnect();
    },
  };
}

function outcomeOf({ exitCode, signal, stdout, stderr }) {
  return { exitCode, signal, stdout, stderr };
}

function infoOf({ sandboxId, status, metadata, startedAt, endsAt, template, cpuCount, memoryMb }) {
  const { 'e2b-swarm.name': _, ...others } = metadata;
  return {
    ...{ id: sandboxId, state: status === 'stopped' ? 'paused' : status, metadata: others },
    ...{ template, cpuCount, memoryMb },
    lifeS: Math.round((Date.parse(endsAt) - Date.parse(startedAt)) / 1000),
    endsInS: (Date.parse(endsAt) - Date.now()) / 1000,
  };
}

function entryOf({ name, path, type, size, mode, permissions, owner, symlinkTarget, metadata }) {
  return {
    ...{ name, path, size, mode, permissions, owner, type, target: symlinkTarget },
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  };
}

module.exports = { ownClient };
