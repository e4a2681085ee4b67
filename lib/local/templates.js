// The templates that sandboxes can be made from: names, ids, resources. All built-in ones are the
// host itself. Knows nothing of sandboxes.
'use strict';

const { createHash } = require('node:crypto');
const { HttpError } = require('./answer');

const BUILT_IN = ['base', 'code-interpreter-v1', 'node', 'nodejs', 'python'];
const DEFAULTS = { cpuCount: 2, memoryMB: 1024, diskSizeMB: 1024, envVars: {} };
const REFERENCE = /^(?:([a-z0-9-_]+)\/)?([a-z0-9-_]+)(?::([a-z0-9-_.]+))?$/;

/**
 * @typedef {object} Template
 * @property {string} templateId  20 characters, the same in every run
 * @property {string} alias
 * @property {number} cpuCount  only reported
 * @property {number} memoryMB  only reported
 * @property {number} diskSizeMB  only reported
 * @property {Record<string, string>} envVars  for every process of its sandboxes
 */

class Templates {
  #byName = new Map();
  #createdAt = new Date().toISOString();

  /** @param {Record<string, Partial<Template>>} extra  by name */
  constructor(extra) {
    for (const alias of BUILT_IN) this.#add(alias, {});
    for (const [alias, settings] of Object.entries(extra)) this.#add(alias, settings);
  }

  #add(alias, settings) {
    const template = {
      ...{ ...DEFAULTS, ...settings, alias },
      templateId: templateIdOf(alias),
      spawnCount: 0,
      lastSpawnedAt: null,
    };
    this.#byName.set(alias, template);
    this.#byName.set(template.templateId, template);
  }

  /**
   * @param {string} reference  `[namespace/]alias[:tag]` or a template id
   * @returns {Template}
   * @throws {HttpError} 400 malformed, 404 unknown
   */
  resolve(reference) {
    const wanted = reference.trim().toLowerCase();
    const match = REFERENCE.exec(wanted);
    if (!match) throw new HttpError(400, `Invalid template reference: ${reference}`);
    const [, , name, tag = 'default'] = match;
    const template = this.#byName.get(name);
    if (!template) throw new HttpError(404, `template '${wanted}' not found`);
    if (tag !== 'default') {
      throw new HttpError(404, `tag '${tag}' does not exist for template '${name}'`);
    }
    return template;
  }

  /** @returns {Template|undefined} by id or alias, without a tag */
  find(name) {
    return this.#byName.get(name.trim().toLowerCase());
  }

  /** Counts a sandbox that was made from a template. */
  noteSpawn(template) {
    template.spawnCount += 1;
    template.lastSpawnedAt = new Date().toISOString();
  }

  /** @returns {object[]} as the control plane lists them */
  list(envdVersion) {
    return [...new Set(this.#byName.values())].map((template) => ({
      templateID: template.templateId,
      buildID: buildIdOf(template.alias),
      cpuCount: template.cpuCount,
      memoryMB: template.memoryMB,
      diskSizeMB: template.diskSizeMB,
      public: true,
      aliases: [template.alias],
      names: [template.alias],
      createdAt: this.#createdAt,
      updatedAt: this.#createdAt,
      createdBy: null,
      lastSpawnedAt: template.lastSpawnedAt,
      spawnCount: template.spawnCount,
      buildCount: 1,
      envdVersion,
      buildStatus: 'ready',
    }));
  }
}

function templateIdOf(alias) {
  const digest = createHash('sha256').update(`template:${alias}`).digest('hex');
  return BigInt(`0x${digest}`).toString(36).slice(0, 20);
}

function buildIdOf(alias) {
  const hex = createHash('sha256').update(`build:${alias}`).digest('hex');
  return hex.slice(0, 32).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
}

module.exports = { BUILT_IN, Templates };
