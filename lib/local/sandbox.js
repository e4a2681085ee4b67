// One sandbox: what it is, its pid 1 and where its files lie, its services, and the connections that end
// with it. It does not know HTTP beyond cutting sockets, and not when it must end: the registry does.
'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { HOSTNAME, copyHomes } = require('./base-layer');
const { Interpreter } = require('./code-interpreter/interpreter');
const { CpuMeter } = require('./cpu-meter');
const { startEnvd } = require('./envd-daemon');
const { FilesystemService } = require('./filesystem-service');
const { ChannelClosed } = require('./init/init-error');
const { SandboxInit } = require('./init/sandbox-init');
const { ProcessService } = require('./process-service');
const { SandboxLife } = require('./sandbox-life');
const { SandboxLogs } = require('./sandbox-logs');
const { HOMES, SandboxUsers } = require('./sandbox-users');
const { parseStart } = require('./start-request');

const MIB = 1024 * 1024;

class Sandbox {
  #exchanges = new Set();
  #host;
  #init = null;
  #hasForeignEnvd;

  /**
   * @param {object} options
   * @param {string} options.id
   * @param {import('./templates').Template} options.template
   * @param {string} options.token  of envd
   * @param {Record<string, string>} options.metadata
   * @param {Record<string, string>} options.envVars
   * @param {import('./create-request').Settings} options.settings  of its life and its network
   * @param {boolean} [options.isBuild]  no client will reach it
   * @param {Host} host  what all sandboxes share
   *
   * @typedef {object} Host
   * @property {'root'|'user'|'none'} rung
   * @property {boolean} hasWalls  sandboxes have files of their own
   * @property {import('./init/launcher').Launcher} launcher
   * @property {string} run  the directory in which each sandbox has one
   * @property {string} base  the layer on which all lie
   * @property {string[]} visible  directories of the host that all see
   * @property {string|null} envdLayer  has the executable that is their envd; null: the built-in one
   * @property {number} maxProcesses
   * @property {(line: string) => void} log
   * @property {(sandbox: Sandbox, reason: string) => void} onDeath  nobody asked for it
   */
  constructor({ id, template, token, metadata, envVars, settings, isBuild = false }, host) {
    this.id = id;
    this.template = template;
    this.templateId = template.templateId;
    this.token = token;
    this.metadata = metadata;
    this.envVars = { ...template.envVars, ...envVars };
    this.#hasForeignEnvd = host.envdLayer !== null && !isBuild;
    // It listens on all addresses: it must have a network of its own.
    const noInternet = this.#hasForeignEnvd ? { internet: false, allowInternetAccess: false } : {};
    this.settings = { ...settings, ...noInternet };
    this.envdVersion = null; // as it says itself; null: the backend's
    this.lost = null; // why, when its envd has died: it cannot live on
    this.trafficToken = null; // a token that traffic to its ports must carry
    this.startedAt = 0;
    this.endAt = 0;
    this.closed = false;
    this.crashed = false; // by a fault: nothing of it answers, and the control plane does not know
    this.state = 'running'; // or 'paused'
    this.keepsMemory = true; // of a paused one: its processes stand still and are not lost
    this.transition = null; // { kind, done } while it changes, see `transitions.js`
    this.#host = host;
    this.directory = path.join(host.run, id);
    this.users = new SandboxUsers(() => this.init, { isolated: host.hasWalls });
    this.users.defaultUser = template.user ?? 'user';
    this.users.defaultDirectory = template.workdir || null;
    this.processes = new ProcessService(this, host.maxProcesses);
    this.files = new FilesystemService(this);
    this.cpu = new CpuMeter();
    this.samples = [];
    this.life = new SandboxLife(this, host);
    this.logs = new SandboxLogs();
    this.interpreter = template.codeInterpreter
      ? new Interpreter((spec) => this.#startKernel(spec))
      : null;
  }

  /** What it has written, on the host: what a snapshot copies. */
  get upper() {
    return path.join(this.directory, 'upper');
  }

  /** Where what is written to `/home/user` lies; made of parts, the top has a place of its own. */
  get homeOnHost() {
    const top = path.join(this.upper, '.root');
    return path.join(fs.existsSync(top) ? top : this.upper, 'home/user');
  }

  /** @returns {boolean} whether a network that is not its own would be open to everybody's calls */
  get needsOwnNetwork() {
    return this.#hasForeignEnvd;
  }

  /** @returns {boolean} whether it has a pid 1 that can be called */
  get alive() {
    return this.#init !== null;
  }

  /** @returns {SandboxInit} @throws {ChannelClosed} while it is stopped */
  get init() {
    if (this.#init) return this.#init;
    throw new ChannelClosed('the sandbox does not run');
  }

  /** Variables that every process of it has. */
  get ownVariables() {
    return {
      E2B_SANDBOX: 'true',
      E2B_SANDBOX_ID: this.id,
      E2B_TEMPLATE_ID: this.templateId,
      ...(this.#host.hasWalls ? {} : { TMPDIR: path.join(this.directory, 'tmp') }),
    };
  }

  /** @returns {string} what a process of it must call a path of a home: without walls it differs */
  processPath(inside) {
    return this.#host.hasWalls ? inside : path.join(this.upper, inside);
  }

  /**
   * @returns {string} the same for a path that is going to be written to
   * @throws {Error} without walls: it is the host's
   */
  writableProcessPath(inside) {
    if (this.#host.hasWalls) return inside;
    const isHome = Object.values(HOMES).some((home) => `${inside}/`.startsWith(`${home}/`));
    if (isHome) return this.processPath(inside);
    if (/^(\/var)?\/tmp\/./.test(inside)) return inside;
    throw new Error(
      `'${inside}' is a file of the host: without isolation only homes and /tmp can be changed`,
    );
  }

  /** Starts it, on its own files if it has any already. */
  async prepare() {
    const { hasWalls, launcher, base, envdLayer, visible, maxProcesses, log } = this.#host;
    const { cpuCount, memoryMB, diskSizeMB, layers, root } = this.template;
    await fs.promises.mkdir(this.upper, { recursive: true, mode: 0o755 });
    if (!hasWalls) {
      copyHomes(base, this.upper);
      await fs.promises.mkdir(path.join(this.directory, 'tmp'), { recursive: true });
    }
    const boot = {
      ...{ id: this.id, hostname: HOSTNAME, directory: this.directory },
      ...{ root: root ?? '', visible },
      layers: [...(this.#hasForeignEnvd ? [envdLayer] : []), ...layers, base],
      network: this.settings.internet,
      bootId: randomUUID(),
      limits: {
        ...{ memoryBytes: memoryMB * MIB, diskBytes: diskSizeMB * MIB },
        ...{ cpuPercent: cpuCount * 100, processes: maxProcesses + 100 },
      },
    };
    const onLog = (line) => log(`sandbox ${this.id}: ${line}`);
    const init = await launcher.inTurn(() => SandboxInit.boot(launcher.socket, boot, onLog));
    init.unref(); // the server holds the process, if anything does
    this.#init = init;
    void init.closed.then((reason) => {
      if (this.#init !== init) return; // it was stopped
      this.#init = null;
      if (!this.closed) this.#host.onDeath(this, reason.message);
    });
    if (this.closed) await this.stop();
    else if (this.#hasForeignEnvd) await this.#startEnvd(init);
  }

  /** The daemon that speaks for it; when that is gone, so is the sandbox. */
  async #startEnvd(init) {
    const onDeath = (how) => {
      if (this.#init !== init) return; // it was stopped
      this.lost = how;
      this.#host.log(`sandbox ${this.id}: ${how}`);
      this.#host.onDeath(this, 'its envd is gone');
    };
    try {
      const { version } = await startEnvd(init, {
        ...{ environment: this.ownVariables, token: this.token, onDeath },
        envVars: { ...this.ownVariables, ...this.envVars },
        ...{ user: this.users.defaultUser, workdir: this.users.defaultDirectory },
      });
      this.envdVersion = version;
    } catch (error) {
      onDeath(error.message);
      throw error;
    }
  }

  /** A process of the code interpreter's: as the default user's, but not one that clients see. */
  async #startKernel({ args: [cmd, ...args], cwd, stdin }) {
    const message = { process: { cmd, args, cwd }, stdin };
    const { spec } = await parseStart(message, this.users.defaultUser, this);
    return this.init.spawn(spec);
  }

  /**
   * Ends all its processes; its files stay.
   * @returns {Promise<number>} processes that could not be killed
   */
  async stop() {
    const init = this.#init;
    this.#init = null;
    this.processes.dispose();
    this.files.dispose();
    this.interpreter?.close();
    return init ? init.end() : 0;
  }

  /** Ties an exchange to the sandbox: it is cut when the sandbox dies or stands still. */
  /** @returns {number} under way */
  get connections() {
    return this.#exchanges.size;
  }

  hold(exchange) {
    this.#exchanges.add(exchange);
  }

  release(exchange) {
    this.#exchanges.delete(exchange);
  }

  /** Cuts its connections. */
  disconnect() {
    for (const exchange of this.#exchanges) exchange.destroy();
    this.#exchanges.clear();
  }

  /** Everything that needs no waiting: from here on nothing of it answers. */
  cut() {
    if (this.closed) return;
    this.closed = true;
    this.processes.dispose();
    this.files.dispose();
    this.interpreter?.close();
    this.disconnect();
  }

  /** Removes its files. */
  async removeFiles() {
    await this.#host.launcher.remove(this.id);
  }
}

module.exports = { Sandbox };
