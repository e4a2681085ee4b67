// The templates that sandboxes can be made from: built-in ones, which are the host itself, those of
// the options, those that were built, and snapshots. Names, tags, builds and their journal; it knows
// nothing of sandboxes, and runs no build.
'use strict';

const { createHash, randomBytes, randomUUID } = require('node:crypto');
const path = require('node:path');
const { HttpError } = require('./answer');
const { removeTree } = require('./state-directory');
const { DEFAULT_TAG, NAMESPACE, parseReference } = require('./template-reference');

const BUILT_IN = ['base', 'code-interpreter-v1', 'node', 'nodejs', 'python'];
const WITH_INTERPRETER = 'code-interpreter-v1';
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** What a build says about its sandboxes when nothing else was said. */
const DEFAULTS = {
  cpuCount: 2,
  memoryMB: 1024,
  diskSizeMB: 1024,
  envVars: {},
  user: 'user',
  workdir: '',
  startCmd: '',
  readyCmd: '',
  root: '',
  codeInterpreter: false,
  layers: [],
};

/**
 * @typedef {object} Build  one state of a template, of which sandboxes are made
 * @property {string} buildId
 * @property {'waiting'|'building'|'ready'|'error'} status
 * @property {string} createdAt
 * @property {string} updatedAt
 * @property {string|null} finishedAt
 * @property {number} cpuCount  a limit where the isolation has cgroups
 * @property {number} memoryMB  a limit: by cgroups, else of each process
 * @property {number} diskSizeMB  a limit on what a sandbox writes
 * @property {Record<string, string>} envVars  for every process of its sandboxes
 * @property {string} user  the default one
 * @property {string} workdir  '' is the user's home
 * @property {string} startCmd  runs in every sandbox of it from the beginning; '' for none
 * @property {string} readyCmd  succeeds when the start command is ready
 * @property {string} root  a directory that takes the place of the host's files; '' for the host
 * @property {boolean} codeInterpreter  answers at port 49999
 * @property {string[]} layers  directories on top of it, the uppermost first
 *
 * @typedef {Build & { templateId: string, alias: string }} Template  what a sandbox is made of
 */

class Templates {
  #entries = new Map(); // by template id
  #state;
  #file;

  /**
   * @param {Record<string, Partial<Build>>} extra  by name
   * @param {import('./state-directory').StateDirectory} state
   */
  constructor(extra, state) {
    this.#state = state;
    this.#file = state.kept('templates.json');
    for (const alias of BUILT_IN) {
      this.#addFixed(alias, { codeInterpreter: alias === WITH_INTERPRETER });
    }
    for (const [alias, settings] of Object.entries(extra)) this.#addFixed(alias, settings);
    for (const saved of state.readJson(this.#file) ?? []) this.#load(saved);
  }

  #addFixed(alias, settings) {
    const known = this.find(alias);
    const entry = newEntry({ templateId: idOf(alias), alias, kind: 'fixed', names: [alias] });
    if (known) this.#entries.delete(known.templateId);
    this.#entries.set(entry.templateId, entry);
    const build = this.addBuild(entry, { ...settings, buildId: buildIdOf(alias) });
    Object.assign(build, { status: 'ready', finishedAt: build.createdAt });
    this.tag(entry, [DEFAULT_TAG], build.buildId);
  }

  #load({ builds, tags, ...saved }) {
    const absolute = (build) => ({
      ...build,
      status: build.status === 'building' ? 'error' : build.status, // with the backend that built it
      layers: build.layers.map((name) => path.join(this.#state.layers, name)),
    });
    this.#entries.set(saved.templateId, {
      ...saved,
      builds: new Map(builds.map((build) => [build.buildId, absolute(build)])),
      tags: new Map(tags),
    });
  }

  /**
   * @param {string} reference
   * @returns {Template}
   * @throws {HttpError} 400 malformed, 404 unknown
   */
  resolve(reference) {
    const { text, namespace, name, tag } = parseReference(reference);
    const entry = namespace === null || namespace === NAMESPACE ? this.find(name) : undefined;
    const wanted = tag ?? DEFAULT_TAG;
    const build = entry && entry.builds.get(entry.tags.get(wanted)?.buildId);
    if (build?.status === 'ready') {
      return {
        ...build,
        templateId: entry.templateId,
        alias: entry.alias,
        snapshot: isSnapshot(entry),
      };
    }
    if (!entry || tag === null) throw new HttpError(404, `template '${text}' not found`);
    throw new HttpError(404, `tag '${wanted}' does not exist for template '${name}'`);
  }

  /** @returns {object|undefined} an entry by id or alias, without a tag */
  find(name) {
    const wanted = name.trim().toLowerCase();
    const byId = this.#entries.get(wanted);
    if (byId) return byId;
    for (const entry of this.#entries.values()) if (entry.alias === wanted) return entry;
    return undefined;
  }

  /**
   * @param {string} reference  a tag is allowed and ignored
   * @returns {object} the entry
   * @throws {HttpError} 404
   */
  get(reference) {
    const { namespace, name } = parseReference(reference);
    const entry = namespace === null || namespace === NAMESPACE ? this.find(name) : undefined;
    if (!entry) throw new HttpError(404, `template '${reference}' not found`);
    return entry;
  }

  /** @returns {boolean} whether it is one of a template's that was built */
  hasBuild(buildId) {
    return this.list('template').some(({ builds }) => builds.has(buildId));
  }

  /** @returns {object[]} entries, in the order of their making */
  list(kind) {
    return [...this.#entries.values()].filter((entry) => {
      return kind === 'snapshot' ? isSnapshot(entry) : !isSnapshot(entry);
    });
  }

  /**
   * @param {{ alias: string|null, kind: 'built'|'snapshot', sandboxId?: string }} options
   * @returns {object} a new entry without builds
   */
  add({ alias, kind, sandboxId }) {
    const templateId = newTemplateId();
    const names = alias === null ? [] : [`${NAMESPACE}/${alias}`];
    const entry = newEntry({ templateId, alias, kind, names, sandboxId });
    this.#entries.set(templateId, entry);
    return entry;
  }

  /** @returns {Build} a new one of a template, waiting */
  addBuild(entry, settings) {
    const now = new Date().toISOString();
    const build = {
      ...DEFAULTS,
      ...settings,
      buildId: settings.buildId ?? randomUUID(),
      status: 'waiting',
      createdAt: now,
      updatedAt: now,
      finishedAt: null,
    };
    entry.builds.set(build.buildId, build);
    entry.updatedAt = now;
    return build;
  }

  /** A build is ready: sandboxes can be made of it. */
  finish(build, settings) {
    const now = new Date().toISOString();
    Object.assign(build, settings, { status: 'ready', updatedAt: now, finishedAt: now });
  }

  /** Forgets a build that came to nothing, and its template when that has no other. */
  dropBuild(entry, buildId) {
    entry.builds.delete(buildId);
    if (entry.builds.size === 0) this.#entries.delete(entry.templateId);
  }

  /** Points tags at a build. */
  tag(entry, tags, buildId) {
    const createdAt = new Date().toISOString();
    for (const tag of tags) entry.tags.set(tag, { buildId, createdAt });
  }

  /** @returns {string} a new directory's name for a layer; it is made by whoever fills it */
  newLayer(buildId) {
    return path.join(this.#state.layers, buildId);
  }

  /** Counts a sandbox that was made from a template. */
  noteSpawn({ templateId }) {
    const entry = this.#entries.get(templateId);
    if (!entry) return;
    entry.spawnCount += 1;
    entry.lastSpawnedAt = new Date().toISOString();
  }

  /**
   * Forgets a template; its layers go when no other build lies on top of them.
   * @param {(layer: string) => boolean} isUsed  by a sandbox
   */
  async remove(entry, isUsed) {
    this.#entries.delete(entry.templateId);
    await this.save();
    await this.#removeLayers([...entry.builds.values()], isUsed);
  }

  /** Takes tags away; the template goes with its last one. */
  async untag(entry, tags, isUsed) {
    for (const tag of tags) entry.tags.delete(tag);
    if (entry.tags.size === 0) return this.remove(entry, isUsed);
    return this.save();
  }

  async #removeLayers(builds, isUsed) {
    const needed = new Set();
    for (const { builds: others } of this.#entries.values()) {
      for (const { layers } of others.values()) for (const layer of layers) needed.add(layer);
    }
    for (const layer of new Set(builds.flatMap(({ layers }) => layers))) {
      if (!needed.has(layer) && !isUsed(layer)) await removeTree(layer);
    }
  }

  /** Writes the journal: what was built and saved, but for snapshots that are not ready. */
  save() {
    const isKept = (entry) => (build) => !isSnapshot(entry) || build.status === 'ready';
    const relative = (build) => ({
      ...build,
      layers: build.layers.map((dir) => path.basename(dir)),
    });
    const kept = [...this.#entries.values()]
      .filter(({ kind }) => kind !== 'fixed')
      .map((entry) => ({
        ...entry,
        builds: [...entry.builds.values()].filter(isKept(entry)).map(relative),
        tags: [...entry.tags].filter(([, { buildId }]) => {
          return entry.builds.get(buildId)?.status === 'ready';
        }),
      }))
      .filter(({ builds }) => builds.length > 0);
    return this.#state.writeJson(this.#file, kept);
  }

  /** Forgets all snapshots; what was built stays. */
  async removeSnapshots() {
    const gone = this.list('snapshot');
    if (gone.length === 0) return;
    for (const { templateId } of gone) this.#entries.delete(templateId);
    await this.save();
    const builds = gone.flatMap((entry) => [...entry.builds.values()]);
    await this.#removeLayers(builds, () => false);
  }
}

function newEntry({ templateId, alias, kind, names, sandboxId }) {
  const now = new Date().toISOString();
  return {
    ...{ templateId, alias, kind, names },
    public: kind === 'fixed',
    createdAt: now,
    updatedAt: now,
    spawnCount: 0,
    lastSpawnedAt: null,
    builds: new Map(),
    tags: new Map(), // name -> { buildId, createdAt }
    ...(sandboxId === undefined ? {} : { sandboxId }),
  };
}

function isSnapshot({ kind }) {
  return kind === 'snapshot';
}

function idOf(alias) {
  const digest = createHash('sha256').update(`template:${alias}`).digest('hex');
  return BigInt(`0x${digest}`).toString(36).slice(0, 20);
}

function buildIdOf(alias) {
  const hex = createHash('sha256').update(`build:${alias}`).digest('hex');
  return hex.slice(0, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
}

function newTemplateId() {
  const bytes = randomBytes(20);
  return Array.from(bytes, (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('');
}

module.exports = { BUILT_IN, Templates };
