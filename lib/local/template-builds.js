// Builds of templates: what was asked for, the files that were uploaded for it, the log, and the end.
// Each runs its steps (`build-steps.js`) in a sandbox of its own that no list shows, and keeps what
// that sandbox has written as a layer. Knows no HTTP.
'use strict';

const { createHmac, randomBytes } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { HttpError } = require('./answer');
const { BuildRecords } = require('./build-records');
const { runStep } = require('./build-steps');
const { safeEqual } = require('./signature');
const { DEFAULT_TAG } = require('./template-reference');

const MAX_BUILDS = 20; // at a time
const MAX_LOG_ENTRIES = 10_000;
const BUILD_MS = 60 * 60_000;
const BASE_STEP = 'base';
const FINALIZE_STEP = 'finalize';
const ORPHANED = 'the backend ended while the template was built';
const LAYER_ID = 'build'; // a sandbox of a build never gets an id of E2B's form

/** What a build sandbox is allowed: all that a build may need. */
const BUILD_SETTINGS = Object.freeze({
  ...{ timeoutSeconds: BUILD_MS / 1000, autoPause: false, autoPauseMemory: true },
  ...{ autoResume: false, allowInternetAccess: null, internet: true, network: null },
});

class TemplateBuilds {
  #registry;
  #templates;
  #uploads;
  #secret = randomBytes(32);
  #jobs = new Map(); // by build id: { tags, logs, reason, abort, done }
  #records;
  #running = 0;
  #log;

  /**
   * @param {object} parts
   * @param {import('./registry').Registry} parts.registry
   * @param {import('./templates').Templates} parts.templates
   * @param {import('./state-directory').StateDirectory} parts.state
   * @param {(line: string) => void} parts.log
   */
  constructor({ registry, templates, state, log }) {
    this.#registry = registry;
    this.#templates = templates;
    this.#uploads = path.join(state.run, 'uploads');
    this.#records = new BuildRecords(state, (buildId) => templates.hasBuild(buildId));
    this.#log = log;
  }

  /**
   * @param {{ alias: string, tags: string[], cpuCount?: number, memoryMB?: number }} wanted
   * @returns {Promise<{ entry: object, build: import('./templates').Build }>} waiting for its steps
   * @throws {HttpError} 409 the name is somebody else's
   */
  async request({ alias, tags, cpuCount = 2, memoryMB = 1024 }) {
    const existing = this.#templates.find(alias);
    if (existing && existing.kind !== 'built') {
      throw new HttpError(409, `the name '${alias}' is taken`);
    }
    const entry = existing ?? this.#templates.add({ alias, kind: 'built' });
    const build = this.#templates.addBuild(entry, { cpuCount, memoryMB });
    const job = this.#newJob(build, { tags, logs: [], reason: null });
    await this.#keep(build, job);
    return { entry, build };
  }

  /** @returns {{ logs: object[], reason: object|null }} of a build, also of a backend before this one */
  progress({ buildId, status }) {
    const { logs = [], reason = null } =
      this.#jobs.get(buildId) ?? this.#records.read(buildId) ?? {};
    if (status !== 'error' || reason !== null) return { logs, reason };
    const step = logs.findLast((entry) => entry.step)?.step ?? BASE_STEP;
    return { logs, reason: { message: ORPHANED, step, logEntries: logs.slice(-10) } };
  }

  /** @returns {string} what must come with an upload of these files */
  uploadToken(hash) {
    return createHmac('sha256', this.#secret).update(hash).digest('hex');
  }

  /** @returns {boolean} */
  isUploaded(hash) {
    return fs.existsSync(this.#fileOf(hash));
  }

  /**
   * Takes an archive of files in.
   * @param {AsyncIterable<Buffer>} source
   * @throws {HttpError} 403, 413
   */
  async upload(hash, token, source, maxBytes) {
    if (!safeEqual(token, this.uploadToken(hash))) throw new HttpError(403, 'invalid upload link');
    await fs.promises.mkdir(this.#uploads, { recursive: true, mode: 0o700 });
    const temporary = `${this.#fileOf(hash)}.${randomBytes(6).toString('hex')}`;
    const handle = await fs.promises.open(temporary, 'wx', 0o600);
    let bytes = 0;
    try {
      for await (const chunk of source) {
        bytes += chunk.length;
        if (bytes > maxBytes) throw new HttpError(413, `more than ${maxBytes} bytes`);
        await handle.writeFile(chunk);
      }
      await fs.promises.rename(temporary, this.#fileOf(hash));
    } finally {
      await handle.close();
      await fs.promises.rm(temporary, { force: true });
    }
  }

  /**
   * Starts a waiting build; its end shows in its status.
   * @param {{ fromTemplate?: string, fromImage?: string, steps: object[], startCmd: string,
   *   readyCmd: string }} plan
   * @throws {HttpError} 400 a second start, 404 the template to start from, 429
   */
  start(entry, build, plan) {
    const job = this.#jobs.get(build.buildId) ?? this.#restored(build);
    if (build.status !== 'waiting' || !job) throw new HttpError(400, 'the build has been started');
    if (this.#running >= MAX_BUILDS) throw new HttpError(429, `${MAX_BUILDS} builds are running`);
    const base = this.#templates.resolve(plan.fromTemplate ?? 'base');
    build.status = 'building';
    this.#running += 1;
    job.done = this.#build(entry, build, { job, base, plan }).finally(() => {
      this.#running -= 1;
    });
  }

  /** Ends all that are under way. */
  async close() {
    for (const { abort } of this.#jobs.values()) abort.abort(new Error('the backend was closed'));
    await Promise.all([...this.#jobs.values()].map(({ done }) => done));
    this.#jobs.clear();
  }

  #newJob({ buildId }, record) {
    const job = { ...record, abort: new AbortController(), done: null };
    this.#jobs.set(buildId, job);
    return job;
  }

  /** @returns {object|null} of a build that a backend before this one was asked for */
  #restored(build) {
    const record = this.#records.read(build.buildId);
    return record && this.#newJob(build, record);
  }

  /** What is known of it by now outlives the backend. */
  async #keep({ buildId }, job) {
    await Promise.all([this.#records.save(buildId, job), this.#templates.save()]);
  }

  async #build(entry, build, { job, base, plan }) {
    const tell = (message, { level = 'info', step } = {}) => {
      const timestamp = new Date().toISOString();
      const more = job.logs.length < MAX_LOG_ENTRIES;
      if (more) job.logs.push({ timestamp, message, level, ...(step ? { step } : {}) });
    };
    let step = BASE_STEP;
    let sandbox = null;
    try {
      await this.#keep(build, job);
      this.#tellBase(plan, tell);
      const id = `${LAYER_ID}${build.buildId.replaceAll('-', '')}`;
      const spec = { id, template: base, metadata: {}, envVars: {}, settings: BUILD_SETTINGS };
      sandbox = this.#registry.build({ ...spec, isBuild: true });
      await sandbox.life.boot();
      const image = {
        ...{
          envVars: { ...base.envVars },
          user: base.user,
          workdir: base.workdir,
          codeInterpreter: base.codeInterpreter,
        },
        ...{ startCmd: plan.startCmd || base.startCmd, readyCmd: plan.readyCmd || base.readyCmd },
      };
      for (const [index, instruction] of plan.steps.entries()) {
        job.abort.signal.throwIfAborted();
        step = String(index + 1);
        const archive = instruction.filesHash && this.#fileOf(instruction.filesHash);
        const say = (message, level) => tell(message, { level, step });
        await runStep(instruction, { life: sandbox.life, image, archive, say, abort: job.abort });
        await this.#records.save(build.buildId, job);
      }
      step = FINALIZE_STEP;
      const say = (message, level) => tell(message, { level, step });
      await sandbox.life.startCommand(say, image);
      const layers = sandbox.life.stack(await this.#keepLayer(sandbox, build));
      const { cpuCount, memoryMB } = build;
      this.#templates.finish(build, { ...image, layers, root: base.root, cpuCount, memoryMB });
      this.#templates.tag(entry, job.tags.length > 0 ? job.tags : [DEFAULT_TAG], build.buildId);
      tell('Build finished', { step });
      await this.#keep(build, job);
    } catch (error) {
      tell(error.message, { level: 'error', step });
      job.reason = { message: error.message, step, logEntries: job.logs.slice(-10) };
      Object.assign(build, { status: 'error', updatedAt: new Date().toISOString() });
      this.#log(`build ${build.buildId} failed at step ${step}: ${error.message}`);
      await this.#keep(build, job).catch((reason) => this.#log(`build records: ${reason.message}`));
    } finally {
      await this.#end(sandbox);
    }
  }

  #tellBase({ fromImage, fromTemplate, hasRegistry }, tell) {
    if (fromTemplate) tell(`Building on the template '${fromTemplate}'`, { step: BASE_STEP });
    if (!fromImage) return;
    const text = `The image '${fromImage}' is not fetched: the files of this host take its place`;
    tell(text, { level: 'warn', step: BASE_STEP });
    if (hasRegistry) {
      tell('The credentials of the registry are not used', { level: 'warn', step: BASE_STEP });
    }
  }

  /** The sandbox is at its end, so that what it has written can be moved. */
  async #keepLayer(sandbox, build) {
    await sandbox.life.stop();
    const layer = this.#templates.newLayer(build.buildId);
    await fs.promises.rename(sandbox.upper, layer);
    return layer;
  }

  async #end(sandbox) {
    if (!sandbox) return;
    sandbox.cut();
    try {
      await sandbox.life.stop();
      await sandbox.removeFiles();
    } catch (error) {
      this.#log(`build sandbox ${sandbox.id}: ${error.message}`);
    }
  }

  #fileOf(hash) {
    return path.join(this.#uploads, hash);
  }
}

module.exports = { TemplateBuilds };
