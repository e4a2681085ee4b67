// The control plane's routes about templates that are there: lists, one, aliases, tags, changes,
// deletion. Building them is in `build-routes.js`.
'use strict';

const { HttpError, json, noContent } = require('../answer');
const { boolean, parseJsonBody } = require('../create-request');
const { DEFAULT_TAG, parseReference, parseTags } = require('../template-reference');
const { page } = require('./query');
const { listedTemplate, templateBuild } = require('./views');

/** @returns {[method: string, path: string, op: string, run: Function][]} */
function templateRoutes(context) {
  const routes = new TemplateRoutes(context);
  return [
    ['GET', '/v2/templates', 'templates', (call) => routes.list(call)],
    ['GET', '/templates', 'templates', () => routes.listAll()],
    ['GET', '/templates/aliases/:name', 'templateAlias', (call) => routes.alias(call)],
    ['POST', '/templates/tags', 'templateTags', (call) => routes.addTags(call)],
    ['DELETE', '/templates/tags', 'templateTags', (call) => routes.removeTags(call)],
    ['GET', '/templates/:name/tags', 'templateTags', (call) => routes.tags(call)],
    ['GET', '/templates/:name', 'template', (call) => routes.get(call)],
    ['DELETE', '/templates/:name', 'templateDelete', (call) => routes.remove(call)],
    ['PATCH', '/v2/templates/:name', 'templateUpdate', (call) => routes.update(call)],
    ['PATCH', '/templates/:name', 'templateUpdate', (call) => routes.update(call)],
  ];
}

class TemplateRoutes {
  #context;

  constructor(context) {
    this.#context = context;
  }

  list({ query }) {
    const view = (entry) => listedTemplate(entry, this.#context);
    return page(this.#withBuilds(), query, ({ templateId }) => templateId, view);
  }

  listAll() {
    return json(
      200,
      this.#withBuilds().map((entry) => listedTemplate(entry, this.#context)),
    );
  }

  alias({ name }) {
    const { templateId, public: isPublic } = this.#context.templates.get(name);
    return json(200, { templateID: templateId, public: isPublic });
  }

  get({ name, query }) {
    const entry = this.#context.templates.get(name);
    const { names, alias, createdAt, updatedAt, lastSpawnedAt, spawnCount } = entry;
    const builds = [...entry.builds.values()].reverse();
    const shown = page(
      builds,
      query,
      ({ buildId }) => buildId,
      (build) => templateBuild(build, this.#context),
    );
    const { 'x-next-token': next } = shown.headers;
    return json(
      200,
      {
        ...{ templateID: entry.templateId, public: entry.public, names },
        aliases: alias === null ? [] : [alias],
        ...{ createdAt, updatedAt, lastSpawnedAt, spawnCount },
        builds: JSON.parse(shown.body),
      },
      next === undefined ? {} : { 'x-next-token': next },
    );
  }

  tags({ name }) {
    const { tags } = this.#context.templates.get(name);
    return json(
      200,
      [...tags].map(([tag, { buildId, createdAt }]) => ({ tag, buildID: buildId, createdAt })),
    );
  }

  async addTags({ body }) {
    const { templates } = this.#context;
    const { target, tags } = parseJsonBody(body);
    if (typeof target !== 'string') throw new HttpError(400, 'validation error: target is missing');
    const checked = parseTags(tags);
    const { tag } = parseReference(target);
    const entry = templates.get(target);
    const buildId = entry.tags.get(tag ?? DEFAULT_TAG)?.buildId;
    if (!buildId) throw new HttpError(404, `tag '${tag ?? DEFAULT_TAG}' does not exist`);
    templates.tag(entry, checked, buildId);
    await templates.save();
    return json(201, { tags: checked, buildID: buildId });
  }

  async removeTags({ body }) {
    const { name, tags } = parseJsonBody(body);
    if (typeof name !== 'string') throw new HttpError(400, 'validation error: name is missing');
    const checked = parseTags(tags);
    const entry = this.#own(name);
    const missing = checked.find((tag) => !entry.tags.has(tag));
    if (missing !== undefined) throw new HttpError(404, `tag '${missing}' does not exist`);
    if (checked.includes(DEFAULT_TAG) && checked.length < entry.tags.size) {
      throw new HttpError(400, `the tag '${DEFAULT_TAG}' cannot be removed while there are others`);
    }
    await this.#context.templates.untag(entry, checked, this.#isUsed);
    return noContent();
  }

  async update({ name, body }) {
    const isPublic = boolean(parseJsonBody(body), 'public', null);
    const entry = this.#own(name);
    if (isPublic !== null) entry.public = isPublic;
    await this.#context.templates.save();
    return json(200, { names: entry.names });
  }

  /** Of a reference with a tag only the tag, unless it is the last one. */
  async remove({ name }) {
    const { tag } = parseReference(name);
    const entry = this.#own(name);
    const { templates } = this.#context;
    if (tag !== null && !entry.tags.has(tag)) {
      throw new HttpError(404, `tag '${tag}' does not exist for template '${entry.alias}'`);
    }
    const gone = tag === null ? [...entry.tags.keys()] : [tag];
    const builds = new Set(gone.map((one) => entry.tags.get(one).buildId));
    const users = this.#context.registry.list().filter(({ templateId, template }) => {
      return templateId === entry.templateId && (tag === null || builds.has(template.buildId));
    });
    if (users.length > 0) {
      throw new HttpError(
        400,
        `cannot delete template '${name}' because there are ${users.length} sandboxes of it`,
      );
    }
    if (tag === null) await templates.remove(entry, this.#isUsed);
    else await templates.untag(entry, [tag], this.#isUsed);
    return noContent();
  }

  #isUsed = (layer) => this.#context.transitions.usesLayer(layer);

  #withBuilds() {
    return this.#context.templates.list('template').filter(({ builds }) => builds.size > 0);
  }

  #own(reference) {
    const entry = this.#context.templates.get(reference);
    if (entry.kind !== 'fixed') return entry;
    throw new HttpError(403, `template '${entry.alias}' belongs to the local backend itself`);
  }
}

module.exports = { templateRoutes };
