// The official JavaScript SDK in the words of the scenarios: calls it as its users do, changes
// nothing in it, and gives plain results. What a version does not have is in `lacks`.
'use strict';

const { officialHandle, outcomeOf } = require('./official-handle');
const { officialKind } = require('./kinds');

/** What a package does not offer. */
const LACKS = {
  e2b: ['code'],
  'e2b-old': ['code', 'connect.reboot', 'create.network.rules'],
  'code-interpreter': [],
};

/**
 * @param {object} sdk  the module
 * @param {{ name: keyof LACKS, options: object }} settings  `options`: the connection
 * @returns {object} see `scenarios/README` in `scenarios/index.js`
 */
function officialClient(sdk, { name, options }) {
  const { Sandbox } = sdk;
  const boxOf = (sandbox) => ({ id: sandbox.sandboxId, sandbox });
  const pagesOf = async (paginator) => {
    const items = [];
    while (paginator.hasNext) items.push(...(await paginator.nextItems()));
    return items;
  };
  return {
    name,
    sdk,
    options,
    lacks: new Set(['logs', ...LACKS[name]]),
    kindOf: officialKind,

    // ---- sandboxes
    async create({ template, timeoutS, env, internet, autoPause, autoResume, ...rest } = {}) {
      const { keepMemory = true, ...same } = rest;
      const onTimeout = keepMemory ? 'pause' : { action: 'pause', keepMemory };
      const given = {
        ...options,
        ...same,
        ...(timeoutS === undefined ? {} : { timeoutMs: timeoutS * 1000 }),
        ...(env === undefined ? {} : { envs: env }),
        ...(internet === undefined ? {} : { allowInternetAccess: internet }),
        ...(autoPause ? { lifecycle: { onTimeout, ...(autoResume ? { autoResume } : {}) } } : {}),
      };
      return boxOf(
        template === undefined
          ? await Sandbox.create(given)
          : await Sandbox.create(template, given),
      );
    },
    async list({ metadata, states, template, startedAfter, order, pageSize } = {}) {
      const query = { metadata, state: states, template, startedAfter };
      const items = await pagesOf(Sandbox.list({ ...options, query, order, limit: pageSize }));
      return items.map((item) => infoOf(item));
    },
    async info({ id }) {
      return infoOf(await Sandbox.getInfo(id, options));
    },
    async isRunning({ sandbox }) {
      return sandbox.isRunning();
    },
    trafficToken: ({ sandbox }) => sandbox.trafficAccessToken ?? null,
    async setTimeout({ id }, seconds) {
      await Sandbox.setTimeout(id, seconds * 1000, options);
    },
    async connect({ id }, { timeoutS, reboot } = {}) {
      const timeoutMs = timeoutS === undefined ? undefined : timeoutS * 1000;
      const onResume = reboot ? 'reboot' : undefined;
      return boxOf(await Sandbox.connect(id, { ...options, timeoutMs, onResume }));
    },
    kill: ({ id }) => Sandbox.kill(id, options),
    async pause({ id, sandbox }, { memory } = {}) {
      if (sandbox) return sandbox.pause(memory === false ? { keepMemory: false } : undefined);
      return Sandbox.pause(id, options);
    },
    async fork({ id }, { count, timeoutS }) {
      const forks = await Sandbox.fork(id, { ...options, count, timeoutMs: timeoutS * 1000 });
      return forks.map((fork) => boxOf(fork));
    },
    async snapshot({ id }, snapshotName) {
      const given = snapshotName === undefined ? options : { ...options, name: snapshotName };
      return (await Sandbox.createSnapshot(id, given)).snapshotId;
    },
    async listSnapshots({ id }) {
      const items = await pagesOf(Sandbox.listSnapshots({ ...options, sandboxId: id }));
      return items.map(({ snapshotId }) => snapshotId);
    },
    deleteSnapshot: (snapshotId) => Sandbox.deleteSnapshot(snapshotId, options),
    setNetwork: ({ sandbox }, { internet, ...network }) =>
      sandbox.updateNetwork({
        ...network,
        ...(internet === undefined ? {} : { allowInternetAccess: internet }),
      }),
    async metrics({ id }, range = {}) {
      return Sandbox.getMetrics(id, { ...options, ...range });
    },
    hostUrl: async ({ sandbox }, port) => `https://${sandbox.getHost(port)}`,

    // ---- commands
    async run({ sandbox }, line, settings = {}) {
      return outcomeOf(sandbox.commands.run(line, commandOptions(settings)));
    },
    async start({ sandbox }, line, settings = {}) {
      const given = { ...commandOptions(settings), background: true };
      return officialHandle(await sandbox.commands.run(line, given));
    },
    async processes({ sandbox }) {
      const list = await sandbox.commands.list();
      return list.map(({ pid, cmd, args }) => ({ pid, command: cmd, args }));
    },
    async attach({ sandbox }, pid, settings = {}) {
      return officialHandle(await sandbox.commands.connect(pid, commandOptions(settings)));
    },
    send: ({ sandbox }, pid, data) => sandbox.commands.sendStdin(pid, data),
    closeInput: ({ sandbox }, pid) => sandbox.commands.closeStdin(pid),
    killProcess: ({ sandbox }, pid) => sandbox.commands.kill(pid),

    // ---- terminals
    async terminal({ sandbox }, { cols, rows, env, cwd, user, onText }) {
      const decoder = new TextDecoder();
      const handle = await sandbox.pty.create({
        ...{ cols, rows, cwd, user, envs: env, timeoutMs: 60_000 },
        onData: (bytes) => onText(decoder.decode(bytes, { stream: true })),
      });
      const { pid } = handle;
      return {
        ...officialHandle(handle),
        type: (text) => sandbox.pty.sendInput(pid, new TextEncoder().encode(text)),
        resize: (size) => sandbox.pty.resize(pid, size),
        kill: () => sandbox.pty.kill(pid),
      };
    },

    // ---- files
    write: ({ sandbox }, path, data, settings) => sandbox.files.write(path, data, settings),
    writeMany: ({ sandbox }, files) => sandbox.files.write(files),
    async read({ sandbox }, path, { as = 'text', ...settings } = {}) {
      const format = as;
      const found = await sandbox.files.read(path, { ...settings, format });
      if (as === 'text') return found;
      if (as === 'blob') return found.text();
      if (as === 'bytes') return Buffer.from(found).toString();
      const chunks = [];
      for await (const chunk of found) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    },
    async stat({ sandbox }, path, settings) {
      return entryOf(await sandbox.files.getInfo(path, settings));
    },
    exists: ({ sandbox }, path) => sandbox.files.exists(path),
    async files({ sandbox }, path, settings) {
      return (await sandbox.files.list(path, settings)).map((entry) => entryOf(entry));
    },
    makeDir: ({ sandbox }, path) => sandbox.files.makeDir(path),
    async move({ sandbox }, from, to) {
      return entryOf(await sandbox.files.rename(from, to));
    },
    remove: ({ sandbox }, path) => sandbox.files.remove(path),
    async watch({ sandbox }, path, onEvent, { recursive, entries, networkMounts } = {}) {
      const wanted = { recursive, includeEntry: entries, allowNetworkMounts: networkMounts };
      const given = { ...wanted, timeoutMs: 0 };
      return sandbox.files.watchDir(path, onEvent, given);
    },
    signedUrl: ({ sandbox }, path, { operation, user, expiresInS }) =>
      sandbox[operation === 'write' ? 'uploadUrl' : 'downloadUrl'](path, {
        ...{ user, useSignatureExpiration: expiresInS },
      }),

    // ---- code
    async runCode({ sandbox }, code, { language, context, env, ...callbacks } = {}) {
      const { onStdout, onStderr, onResult } = callbacks;
      const { results, logs, error, executionCount, text } = await sandbox.runCode(code, {
        ...{ language, context, envs: env, onResult },
        onStdout: onStdout && (({ line }) => onStdout(line)),
        onStderr: onStderr && (({ line }) => onStderr(line)),
      });
      return {
        ...{ text: text ?? null, results: results.length, count: executionCount },
        ...{ stdout: logs.stdout.join(''), stderr: logs.stderr.join('') },
        error: error ? { name: error.name, value: error.value } : null,
      };
    },
    createContext: ({ sandbox }, settings) => sandbox.createCodeContext(settings),
    contexts: ({ sandbox }) => sandbox.listCodeContexts(),
    restartContext: ({ sandbox }, { id }) => sandbox.restartCodeContext(id),
    removeContext: ({ sandbox }, { id }) => sandbox.removeCodeContext(id),
  };
}

function commandOptions({ timeoutS, env, ...rest }) {
  return {
    ...rest,
    ...(env === undefined ? {} : { envs: env }),
    ...(timeoutS === undefined ? {} : { timeoutMs: timeoutS * 1000 }),
  };
}

function infoOf(info) {
  const { sandboxId, state, metadata, startedAt, endAt, cpuCount, memoryMB, name } = info;
  return {
    ...{ id: sandboxId, state, metadata, template: name, cpuCount, memoryMb: memoryMB },
    lifeS: Math.round((endAt - startedAt) / 1000),
    endsInS: (endAt - Date.now()) / 1000,
  };
}

function entryOf({ name, path, type, size, mode, permissions, owner, symlinkTarget, metadata }) {
  return {
    ...{ name, path, size, mode, permissions, owner },
    type: type === 'dir' ? 'directory' : type,
    target: symlinkTarget ?? null,
    ...(metadata ? { metadata } : {}),
  };
}

module.exports = { officialClient };
