// What a sandbox goes through between its creation and its end: pause and resume, by request, by time
// and by traffic, snapshot and fork. Decides what may follow what, one change of a sandbox at a time;
// `sandbox-life.js` does the work. Paused sandboxes on disk have their journal here.
'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { HttpError } = require('./answer');
const { removeTree } = require('./state-directory');

const JOURNAL = 'sandbox.json';
const TRAFFIC_SECONDS = 300; // at least: of a sandbox that traffic has woken
const MAX_WAITS = 3; // for changes that are under way before a connect

class Transitions {
  #registry;
  #state;
  #log;

  /**
   * @param {object} parts
   * @param {import('./registry').Registry} parts.registry
   * @param {import('./state-directory').StateDirectory} parts.state
   * @param {(line: string) => void} parts.log
   */
  constructor({ registry, state, log }) {
    this.#registry = registry;
    this.#state = state;
    this.#log = log;
    registry.onExpire = (sandbox) => this.#expire(sandbox);
    registry.onRemoved = async (sandbox) => {
      const place = this.#placeOf(sandbox);
      if (fs.existsSync(place)) await removeTree(place);
    };
    this.#load();
  }

  /**
   * @param {import('./sandbox').Sandbox} sandbox
   * @param {{ memory: boolean }} options  false: the processes are lost, the files outlive the backend
   * @throws {HttpError} 409
   */
  async pause(sandbox, { memory }) {
    if (sandbox.state === 'paused') throw conflict(sandbox, 'is already paused');
    await this.#exclusive(sandbox, 'pausing', async () => {
      sandbox.state = 'paused';
      sandbox.disconnect();
      try {
        if (memory) await sandbox.life.freeze();
        else await this.#store(sandbox);
      } catch (error) {
        // Frozen by half, or stopped and not stored: it cannot go on as if nothing had been.
        void this.#registry.remove(sandbox.id, `pause failed: ${error.message}`);
        throw error;
      }
      sandbox.keepsMemory = memory;
      sandbox.endAt = Date.now();
      await this.#write(sandbox);
      this.#log(`sandbox ${sandbox.id} paused${memory ? '' : ' to disk'}`);
    });
  }

  /**
   * @param {import('./sandbox').Sandbox} sandbox
   * @param {{ timeoutSeconds: number, memory?: boolean }} options  `memory` false: a cold start
   * @throws {HttpError} 409 not paused, 429 at the limit
   */
  async resume(sandbox, { timeoutSeconds, memory = true }) {
    if (sandbox.state !== 'paused') throw conflict(sandbox, 'is already running');
    await this.#exclusive(sandbox, 'resuming', () =>
      this.#registry.starting(async () => {
        if (sandbox.keepsMemory && memory) {
          await sandbox.life.thaw();
        } else {
          if (sandbox.keepsMemory) await sandbox.life.stop();
          else await this.#restore(sandbox);
          await sandbox.life.boot();
        }
        if (sandbox.closed) return;
        sandbox.state = 'running';
        sandbox.startedAt = Date.now();
        sandbox.endAt = sandbox.startedAt + timeoutSeconds * 1000;
        this.#log(`sandbox ${sandbox.id} resumed`);
      }),
    );
  }

  /**
   * For connect: waits for what is under way, and wakes the sandbox if it is paused.
   * @returns {Promise<boolean>} whether it was paused
   */
  async connect(sandbox, options) {
    await this.#settled(sandbox);
    if (sandbox.state !== 'paused') return false;
    await this.resume(sandbox, options);
    return true;
  }

  /** @returns {boolean} whether traffic brings this paused sandbox back */
  wakesByTraffic({ settings, keepsMemory }) {
    return settings.autoResume && keepsMemory;
  }

  /** For traffic to a paused sandbox; requests that come meanwhile wait for the same resume. */
  async wake(sandbox) {
    await this.#settled(sandbox);
    if (sandbox.state !== 'paused' || sandbox.closed || !sandbox.keepsMemory) return;
    const timeoutSeconds = Math.max(sandbox.settings.timeoutSeconds, TRAFFIC_SECONDS);
    await this.resume(sandbox, { timeoutSeconds });
  }

  /**
   * Saves what a running sandbox has written as a new layer; it stands still meanwhile.
   * @param {string} layer  a directory that is not there yet
   * @throws {HttpError} 404 paused, 409
   */
  async snapshot(sandbox, layer) {
    await this.#standStill(sandbox, () => sandbox.life.copyUpper(layer));
  }

  /**
   * @returns {Promise<(import('./sandbox').Sandbox|HttpError)[]>} one for each that was asked for
   * @throws {HttpError} 409
   */
  async fork(sandbox, { count, timeoutSeconds }) {
    if (sandbox.state === 'paused') throw conflict(sandbox, 'is paused');
    const { template, metadata, envVars, settings } = sandbox;
    const spec = { template, metadata, envVars, settings, timeoutSeconds };
    const copies = Array.from({ length: count }, () => {
      return path.join(this.#state.run, `fork-${randomUUID()}`);
    });
    try {
      await this.#standStill(sandbox, async () => {
        for (const copy of copies) await sandbox.life.copyUpper(copy);
      });
      const forks = copies.map((copy) =>
        this.#registry.create(spec, ({ life }) => life.adopt(copy)),
      );
      return (await Promise.allSettled(forks)).map(({ value, reason }) => value ?? reason);
    } finally {
      for (const copy of copies) await removeTree(copy); // of forks that were refused
    }
  }

  /** @returns {boolean} whether a sandbox is there when this backend is not any more */
  outlivesBackend({ state, keepsMemory }) {
    return this.#state.persistent && state === 'paused' && !keepsMemory;
  }

  /** @returns {boolean} whether a sandbox, running or paused, lies on a layer */
  usesLayer(layer) {
    return this.#registry.list().some(({ template }) => template.layers.includes(layer));
  }

  async #standStill(sandbox, work) {
    return this.#exclusive(sandbox, 'snapshotting', async () => {
      await sandbox.life.freeze();
      try {
        return await work();
      } finally {
        if (!sandbox.closed) await sandbox.life.thaw();
      }
    });
  }

  #expire(sandbox) {
    const { autoPause, autoPauseMemory } = sandbox.settings;
    if (!autoPause) return void this.#registry.remove(sandbox.id, 'timeout');
    this.pause(sandbox, { memory: autoPauseMemory }).catch((error) => {
      this.#log(`sandbox ${sandbox.id}: ${error.message}`);
    });
    return undefined;
  }

  async #exclusive(sandbox, kind, work) {
    if (sandbox.transition) throw conflict(sandbox, `is ${sandbox.transition.kind}`);
    const done = work();
    sandbox.transition = { kind, done };
    try {
      return await done;
    } finally {
      sandbox.transition = null;
      this.#registry.schedule();
    }
  }

  async #settled(sandbox) {
    for (let i = 0; i < MAX_WAITS && sandbox.transition; i += 1) {
      await sandbox.transition.done.catch(() => {}); // told to who asked for it
    }
  }

  async #store(sandbox) {
    await sandbox.life.stop();
    const place = this.#placeOf(sandbox);
    await fs.promises.mkdir(place, { recursive: true, mode: 0o700 });
    await fs.promises.rename(sandbox.upper, path.join(place, 'upper'));
  }

  async #restore(sandbox) {
    const place = this.#placeOf(sandbox);
    await sandbox.life.adopt(path.join(place, 'upper'));
    await removeTree(place);
  }

  /** Only what lies on disk as a whole is worth a journal. */
  async #write(sandbox) {
    if (sandbox.keepsMemory || sandbox.closed) return;
    const { id, template, metadata, envVars, settings, startedAt, endAt } = sandbox;
    const kept = { id, metadata, envVars, settings, startedAt, endAt };
    const saved = { ...template, layers: template.layers.map((layer) => path.basename(layer)) };
    await this.#state.writeJson(path.join(this.#placeOf(sandbox), JOURNAL), {
      ...kept,
      template: saved,
    });
  }

  /** Takes in what an earlier backend paused to disk; what has no journal was not finished. */
  #load() {
    for (const id of fs.readdirSync(this.#state.paused)) {
      const place = path.join(this.#state.paused, id);
      const saved = this.#state.readJson(path.join(place, JOURNAL));
      if (!saved) {
        void removeTree(place).catch((error) => this.#log(`sandbox ${id}: ${error.message}`));
        continue;
      }
      const layers = saved.template.layers.map((name) => path.join(this.#state.layers, name));
      const sandbox = this.#registry.build({ ...saved, template: { ...saved.template, layers } });
      const { startedAt, endAt } = saved;
      Object.assign(sandbox, { startedAt, endAt, state: 'paused', keepsMemory: false });
      this.#registry.add(sandbox);
    }
  }

  #placeOf({ id }) {
    return path.join(this.#state.paused, id);
  }
}

function conflict({ id }, text) {
  return new HttpError(409, `Sandbox "${id}" ${text}`);
}

module.exports = { Transitions };
