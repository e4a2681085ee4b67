// One sandbox: what it is, where its files lie, its processes, and the connections that end with it.
// It does not know HTTP beyond cutting sockets, and not when it must end: the registry does.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { CpuMeter } = require('./cpu-meter');
const { ProcessService } = require('./process-service');
const { SandboxPaths } = require('./sandbox-paths');
const { PROFILE } = require('./spawn');

class Sandbox {
  #sockets = new Set();

  /**
   * @param {object} options
   * @param {string} options.id
   * @param {import('./templates').Template} options.template
   * @param {string} options.token  of envd
   * @param {Record<string, string>} options.metadata
   * @param {Record<string, string>} options.envVars
   * @param {object} host  what all sandboxes share: `{ directory, table, reaper, pipes, maxProcesses }`
   */
  constructor({ id, template, token, metadata, envVars }, host) {
    this.id = id;
    this.template = template;
    this.templateId = template.templateId;
    this.token = token;
    this.metadata = metadata;
    this.envVars = { ...template.envVars, ...envVars };
    this.startedAt = 0;
    this.endAt = 0;
    this.closed = false;
    this.paths = new SandboxPaths(path.join(host.directory, id));
    this.processes = new ProcessService(this, host);
    this.cpu = new CpuMeter();
    this.samples = [];
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

  /** Ties an exchange's connection to the sandbox: it is cut when the sandbox dies. */
  hold(socket) {
    this.#sockets.add(socket);
  }

  release(socket) {
    this.#sockets.delete(socket);
  }

  /** Everything that needs no waiting: from here on nothing of it answers. */
  cut() {
    if (this.closed) return;
    this.closed = true;
    this.processes.dispose();
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  /** Removes its files. */
  async removeFiles() {
    const { directory } = this.paths;
    await fs.promises.rm(directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

module.exports = { Sandbox };
