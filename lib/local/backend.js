// A running local backend: puts the parts together, owns their lifetime, and is what users hold.
'use strict';

const { randomBytes } = require('node:crypto');
const { ControlPlane } = require('./control-plane');
const { Faults } = require('./faults');
const { chooseIsolation } = require('./isolation');
const { Metrics } = require('./metrics');
const { Registry } = require('./registry');
const { RequestLog } = require('./request-log');
const { Server } = require('./server');
const { ServerIdentity } = require('./server-identity');
const { StateDirectory } = require('./state-directory');
const { TemplateBuilds } = require('./template-builds');
const { Templates } = require('./templates');
const { memoryInPlaceOfOverlay } = require('./temporary-place');
const { Transitions } = require('./transitions');

class LocalBackend {
  #state;
  #launcher;
  #registry;
  #transitions;
  #templates;
  #builds;
  #identity;
  #metrics;
  #server;
  #requestLog;
  #closing = null;

  /**
   * Use `startLocalBackend`.
   * @param {object} options  checked, see `options.js`
   * @returns {Promise<LocalBackend>} serving
   */
  static async start(options) {
    const { stateDir, isolation, log } = options;
    const memory = stateDir === null && isolation !== 'none' ? memoryInPlaceOfOverlay() : null;
    if (memory !== null) {
      try {
        const state = new StateDirectory(null, memory.directory);
        const backend = await LocalBackend.#startIn(state, options, { onlyWalls: true });
        const free = `${Math.floor(memory.freeBytes / 2 ** 20)} MiB free`;
        log(
          `the temporary directory is an overlay: files of sandboxes lie in ${memory.directory}, ` +
            `${free}; give a stateDir on a volume for more`,
        );
        return backend;
      } catch (error) {
        if (error.code !== 'ISOLATION_UNAVAILABLE') throw error;
      }
    }
    return LocalBackend.#startIn(new StateDirectory(stateDir), options, { onlyWalls: false });
  }

  static async #startIn(state, options, { onlyWalls }) {
    const { isolation: asked, log, port, envd } = options;
    let launcher = null;
    try {
      const directory = state.live;
      const ground = await chooseIsolation({ asked, onlyWalls, directory, envd, log });
      ({ launcher } = ground);
      state.prepare(); // the launcher of a rung that failed has cleared it
      state.bind(ground.isolation.rung);
      const backend = new LocalBackend(options, state, ground);
      launcher = null; // from here on the backend closes it
      await backend.#listen(port);
      return backend;
    } catch (error) {
      await launcher?.close();
      await state.close();
      throw error;
    }
  }

  /** Use `startLocalBackend`. */
  constructor(options, state, { isolation, launcher, ...ground }) {
    const { apiKeys, limits, templates, envdVersion, domain, log } = options;
    this.isolation = isolation;
    this.faults = new Faults();
    for (const rule of options.faults) this.faults.add(rule);
    const requestLog = new RequestLog();
    this.requests = requestLog.records;
    this.#state = state;
    this.#launcher = launcher;
    const { maxProcesses, maxConnections, maxSandboxes, maxTimeoutSeconds } = limits;
    const onDeath = ({ id }, reason) => void this.#registry.remove(id, reason);
    const host = {
      ...{ rung: isolation.rung, hasWalls: isolation.has.files, launcher, ...ground },
      ...{ maxProcesses, log, onDeath },
    };
    const seed = this.#state.seed();
    this.#registry = new Registry(host, { seed, maxSandboxes, log });
    this.#metrics = new Metrics(this.#registry);
    this.#templates = new Templates(templates, this.#state);
    const parts = { registry: this.#registry, templates: this.#templates, state: this.#state, log };
    this.#transitions = new Transitions(parts);
    this.#builds = new TemplateBuilds(parts);
    const shared = {
      ...{ registry: this.#registry, metrics: this.#metrics, transitions: this.#transitions },
      canIsolateNetwork: isolation.has.network,
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
      ...{ certificate: this.#identity.certificate, maxConnections },
      hasOwnEnvd: options.envd === null,
    });
    this.apiKey = apiKeys[0];
    this.adminKey = admin.key;
    for (const name of ['apiKey', 'adminKey']) {
      Object.defineProperty(this, name, { enumerable: false });
    }
    void launcher.ended.then((how) => {
      if (!launcher.closing)
        log(`the launcher ${how}: all sandboxes are gone, and none can be made`);
    });
  }

  async #listen(port) {
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
   *   `home` is where what was written to `/home/user` lies on the host
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
      home: sandbox.homeOnHost,
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
    const left = await this.#registry.removeAll('backend closed', (one) => !kept(one));
    await closed;
    const processes = (await this.#launcher.close()) ? 0 : left;
    await this.#state.close();
    const sandboxes = this.#registry.list().filter((sandbox) => !kept(sandbox)).length;
    return { left: { sandboxes, processes } };
  }
}

module.exports = { LocalBackend };
