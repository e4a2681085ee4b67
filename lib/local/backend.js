// A running local backend: puts the parts together, owns their lifetime, and is what users hold.
'use strict';

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');
const { ControlPlane } = require('./control-plane');
const { guardExit } = require('./exit-guard');
const { Faults } = require('./faults');
const { postGuardian } = require('./guardian');
const { chooseIsolation } = require('./isolation');
const { Metrics } = require('./metrics');
const { PipePool } = require('./pipes');
const { ProcessTable } = require('./process-table');
const { Reaper } = require('./reaper');
const { Registry } = require('./registry');
const { RequestLog } = require('./request-log');
const { Server } = require('./server');
const { Templates } = require('./templates');

class LocalBackend {
  #directory;
  #registry;
  #reaper;
  #metrics;
  #server;
  #requestLog;
  #unguard;
  #closing = null;

  /** Use `startLocalBackend`. @param {object} options  checked, see `options.js` */
  constructor(options) {
    const { apiKeys, limits, templates, envdVersion, log } = options;
    this.isolation = chooseIsolation(options.isolation);
    this.faults = new Faults();
    const requestLog = new RequestLog();
    this.requests = requestLog.records;
    this.#directory = makeDirectory(options.stateDir);
    const nonce = randomBytes(8).toString('hex');
    const table = new ProcessTable(nonce);
    this.#reaper = new Reaper(table);
    const pipes = new PipePool(this.#directory);
    const { maxProcesses, maxSandboxes, maxTimeoutSeconds } = limits;
    const host = { directory: this.#directory, table, reaper: this.#reaper, pipes, maxProcesses };
    this.#registry = new Registry(host, { maxSandboxes, log });
    this.#metrics = new Metrics(table, this.#registry);
    const shared = { registry: this.#registry, metrics: this.#metrics };
    const control = new ControlPlane({
      ...shared,
      templates: new Templates(templates),
      apiKeys,
      maxTimeoutSeconds,
      envdVersion,
    });
    this.#requestLog = requestLog;
    this.#server = new Server({ ...shared, control, faults: this.faults, requestLog, log });
    const unguard = guardExit((end) => this.#closeSync(end));
    const dismiss = isMainThread ? () => {} : postGuardian(nonce, this.#directory);
    this.#unguard = () => {
      unguard();
      dismiss();
    };
    this.apiKey = apiKeys[0];
    Object.defineProperty(this, 'apiKey', { enumerable: false });
    pipes.warm();
  }

  /** Use `startLocalBackend`. */
  async listen(port) {
    try {
      const actual = await this.#server.listen(port);
      this.url = `http://127.0.0.1:${actual}`;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** What any E2B client needs in its environment. */
  get env() {
    return { E2B_API_URL: this.url, E2B_SANDBOX_URL: this.url, E2B_API_KEY: this.apiKey };
  }

  /**
   * @returns {{ sandboxId: string, templateId: string, alias: string, state: 'running',
   *   startedAt: string, endAt: string, metadata: object, home: string,
   *   processes: { pid: number, cmd: string, args: string[], tag?: string }[] }[]} a snapshot;
   *   `home` is where `/home/user` lies on the host
   */
  sandboxes() {
    return this.#registry.list().map((sandbox) => ({
      sandboxId: sandbox.id,
      templateId: sandbox.templateId,
      alias: sandbox.template.alias,
      state: 'running',
      startedAt: new Date(sandbox.startedAt).toISOString(),
      endAt: new Date(sandbox.endAt).toISOString(),
      metadata: { ...sandbox.metadata },
      home: sandbox.paths.toHost('/home/user'),
      processes: sandbox.processes.describe(),
    }));
  }

  /**
   * Lets the process end though the backend serves; its sandboxes end with the process. For backends
   * that somebody else starts, such as a test environment.
   */
  unref() {
    this.#server.unref();
  }

  /**
   * As if newly started, on the same port: no sandboxes, faults, hits or requests; connections in
   * use are cut.
   */
  async reset() {
    this.faults.clear();
    this.#server.cutExchanges();
    await this.#registry.removeAll('reset');
    this.#requestLog.clear();
  }

  /**
   * Ends everything: sandboxes with all their processes, connections, files. Further calls return
   * the same promise.
   * @returns {Promise<{ left: { sandboxes: number, processes: number } }>} what could not be ended:
   *   zeros, unless the kernel holds a process
   */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  async #close() {
    const closed = this.#server.close();
    this.#metrics.close();
    await this.#registry.removeAll('backend closed');
    await closed;
    const processes = this.#reaper.killAllSync();
    this.#unguard();
    await fs.promises.rm(this.#directory, { recursive: true, force: true, maxRetries: 3 });
    return { left: { sandboxes: this.#registry.list().length, processes } };
  }

  /** For the end of the process, when no promise will be settled any more. */
  #closeSync({ final }) {
    this.#registry.killAllSync();
    if (final) fs.rmSync(this.#directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** A directory of this backend's own; its real path, since that is what processes see. */
function makeDirectory(stateDir) {
  const parent = stateDir ?? os.tmpdir();
  fs.mkdirSync(parent, { recursive: true });
  return fs.realpathSync(fs.mkdtempSync(path.join(parent, 'e2b-local-')));
}

module.exports = { LocalBackend };
