// A running local backend: puts the parts together, owns their lifetime, and is what users hold.
'use strict';

const { randomBytes } = require('node:crypto');
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
const { ServerIdentity } = require('./server-identity');
const { StateDirectory } = require('./state-directory');
const { TemplateBuilds } = require('./template-builds');
const { Templates } = require('./templates');
const { Transitions } = require('./transitions');

class LocalBackend {
  #state;
  #directory;
  #registry;
  #transitions;
  #templates;
  #builds;
  #identity;
  #reaper;
  #metrics;
  #server;
  #requestLog;
  #unguard;
  #closing = null;

  /** Use `startLocalBackend`. @param {object} options  checked, see `options.js` */
  constructor(options) {
    const { apiKeys, limits, templates, envdVersion, domain, log } = options;
    this.isolation = chooseIsolation(options.isolation);
    this.faults = new Faults();
    for (const rule of options.faults) this.faults.add(rule);
    const requestLog = new RequestLog();
    this.requests = requestLog.records;
    this.#state = new StateDirectory(options.stateDir);
    this.#directory = this.#state.run;
    const nonce = randomBytes(8).toString('hex');
    const table = new ProcessTable(nonce);
    this.#reaper = new Reaper(table);
    const pipes = new PipePool(this.#directory);
    const { maxProcesses, maxSandboxes, maxTimeoutSeconds } = limits;
    const host = { directory: this.#directory, table, reaper: this.#reaper, pipes, maxProcesses };
    const seed = this.#state.seed();
    this.#registry = new Registry(host, { seed, maxSandboxes, log });
    this.#metrics = new Metrics(table, this.#registry);
    this.#templates = new Templates(templates, this.#state);
    const parts = { registry: this.#registry, templates: this.#templates, state: this.#state, log };
    this.#transitions = new Transitions(parts);
    this.#builds = new TemplateBuilds(parts);
    const shared = {
      ...{ registry: this.#registry, metrics: this.#metrics, transitions: this.#transitions },
      canIsolateNetwork: this.isolation.rung !== 'none',
    };
    const control = new ControlPlane({
      ...{ ...shared, apiKeys, envdVersion, templates: this.#templates, builds: this.#builds },
      maxTimeout: maxTimeoutSeconds,
    });
    this.#requestLog = requestLog;
    this.#identity = new ServerIdentity({ domain, tls: options.tls, directory: this.#state.run });
    this.ca = this.#identity.ca;
    const admin = {
      ...{ key: options.adminKey ?? randomBytes(16).toString('hex'), faults: this.faults },
      ...{ requestLog, sandboxes: () => this.sandboxes(), reset: () => this.reset() },
    };
    this.#server = new Server({
      ...{ ...shared, control, faults: this.faults, requestLog, admin, domain, log },
      certificate: this.#identity.certificate,
    });
    const unguard = guardExit((end) => this.#closeSync(end));
    const dismiss = isMainThread
      ? () => {}
      : postGuardian(nonce, this.#state.persistent ? this.#state.live : this.#state.root);
    this.#unguard = () => {
      unguard();
      dismiss();
    };
    this.apiKey = apiKeys[0];
    this.adminKey = admin.key;
    for (const name of ['apiKey', 'adminKey']) {
      Object.defineProperty(this, name, { enumerable: false });
    }
    pipes.warm();
  }

  /** Use `startLocalBackend`. */
  async listen(port) {
    try {
      const actual = await this.#server.listen(port);
      this.#identity.port = actual;
      this.url = this.#identity.url;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** What any E2B client needs in its environment; with a domain that, else URLs. */
  get env() {
    return { ...this.#identity.env, E2B_API_KEY: this.apiKey };
  }

  /** The domain of the sandboxes' host names with the port, as E2B_DOMAIN has it; null: none. */
  get domain() {
    return this.#identity.domainWithPort;
  }

  /**
   * @returns {{ sandboxId: string, templateId: string, alias: string, state: 'running'|'paused',
   *   startedAt: string, endAt: string, metadata: object, home: string,
   *   processes: { pid: number, cmd: string, args: string[], tag?: string }[] }[]} a snapshot;
   *   `home` is where `/home/user` lies on the host
   */
  sandboxes() {
    return this.#registry.list().map((sandbox) => ({
      sandboxId: sandbox.id,
      templateId: sandbox.templateId,
      alias: sandbox.template.alias,
      state: sandbox.state,
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
   * As if newly started, on the same port: no sandboxes, also paused ones, no snapshots, faults, hits
   * or requests; connections in use are cut. Templates that were built stay.
   */
  async reset() {
    this.faults.clear();
    this.#server.cutExchanges();
    await this.#registry.removeAll('reset');
    await this.#templates.removeSnapshots();
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
    await this.#builds.close();
    const kept = (sandbox) => this.#transitions.outlivesBackend(sandbox);
    await this.#registry.removeAll('backend closed', (sandbox) => !kept(sandbox));
    await closed;
    const processes = this.#reaper.killAllSync();
    this.#unguard();
    await this.#state.close();
    const sandboxes = this.#registry.list().filter((sandbox) => !kept(sandbox)).length;
    return { left: { sandboxes, processes } };
  }

  /** For the end of the process, when no promise will be settled any more. */
  #closeSync({ final }) {
    this.#registry.killAllSync();
    if (final) this.#state.closeSync();
  }
}

module.exports = { LocalBackend };
