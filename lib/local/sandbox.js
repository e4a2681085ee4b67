// One sandbox: what it is, where its files lie, its processes, and the connections that end with it.
// It does not know HTTP beyond cutting sockets, and not when it must end: the registry does.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { CpuMeter } = require('./cpu-meter');
const { ProcessService } = require('./process-service');
const { SandboxLife } = require('./sandbox-life');
const { SandboxLogs } = require('./sandbox-logs');
const { SandboxPaths } = require('./sandbox-paths');
const { PROFILE } = require('./spawn');

class Sandbox {
  #exchanges = new Set();

  /**
   * @param {object} options
   * @param {string} options.id
   * @param {import('./templates').Template} options.template
   * @param {string} options.token  of envd
   * @param {Record<string, string>} options.metadata
   * @param {Record<string, string>} options.envVars
   * @param {import('./create-request').Settings} options.settings  of its life and its network
   * @param {object} host  what all sandboxes share: `{ directory, table, reaper, pipes, maxProcesses }`
   */
  constructor({ id, template, token, metadata, envVars, settings }, host) {
    this.id = id;
    this.template = template;
    this.templateId = template.templateId;
    this.token = token;
    this.metadata = metadata;
    this.envVars = { ...template.envVars, ...envVars };
    this.settings = settings;
    this.trafficToken = null; // a token that traffic to its ports must carry
    this.startedAt = 0;
    this.endAt = 0;
    this.closed = false;
    this.crashed = false; // by a fault: nothing of it answers, and the control plane does not know
    this.state = 'running'; // or 'paused'
    this.keepsMemory = true; // of a paused one: its processes stand still and are not lost
    this.transition = null; // { kind, done } while it changes, see `transitions.js`
    this.paths = new SandboxPaths(path.join(host.directory, id));
    this.processes = new ProcessService(this, host);
    this.cpu = new CpuMeter();
    this.samples = [];
    this.life = new SandboxLife(this, host);
    this.logs = new SandboxLogs();
  }

  /** What it has written, on the host: what a snapshot copies. */
  get upper() {
    return this.paths.directory;
  }

  /** Makes the homes. */
  async prepare() {
    const [home, root] = this.paths.directories;
    for (const directory of this.paths.directories) {
      await fs.promises.mkdir(directory, { recursive: true });
    }
    await fs.promises.writeFile(path.join(home, '.profile'), PROFILE);
    await fs.promises.writeFile(path.join(root, '.profile'), PROFILE);
  }

  /** Ties an exchange to the sandbox: it is cut when the sandbox dies or stands still. */
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
    this.disconnect();
  }

  /** Removes its files. */
  async removeFiles() {
    const { directory } = this.paths;
    await fs.promises.rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

module.exports = { Sandbox };
