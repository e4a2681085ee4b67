// The control plane's routes by which templates are built (version 3, from steps): asking for a
// build, uploading its files, starting it, its status and its log. The older forms, from a
// Dockerfile, are refused by name.
'use strict';

const { HttpError, errorJson, json, raw } = require('../answer');
const { parseJsonBody } = require('../create-request');
const { LEVELS } = require('../sandbox-logs');
const { NAMESPACE, parseReference, parseTags } = require('../template-reference');
const { integer, word } = require('./query');

const MAX_UPLOAD_BYTES = 4 * 1024 * 1024 * 1024;
const MAX_STEPS = 1000;
const HASH = /^[A-Za-z0-9]{1,128}$/;

/** @returns {[method: string, path: string, op: string, run: Function, options?: object][]} */
function buildRoutes(context) {
  const routes = new BuildRoutes(context);
  const files = '/templates/:name/files/:hash';
  const build = '/templates/:name/builds/:build';
  const upload = { open: true, streamsBody: true };
  return [
    ['POST', '/v3/templates', 'templateBuild', (call) => routes.request(call)],
    ['GET', files, 'templateFiles', (call) => routes.link(call)],
    ['PUT', files, 'templateUpload', (call) => routes.upload(call), upload],
    ['POST', `/v2${build}`, 'templateBuildStart', (call) => routes.start(call)],
    ['GET', `${build}/status`, 'templateBuildStatus', (call) => routes.status(call)],
    ['GET', `${build}/logs`, 'templateBuildLogs', (call) => routes.logs(call)],
    ['POST', '/templates', 'templateBuildOld', refuseOld],
    ['POST', '/v2/templates', 'templateBuildOld', refuseOld],
    ['POST', '/templates/:name', 'templateBuildOld', refuseOld],
    ['POST', build, 'templateBuildOld', refuseOld],
  ];
}

class BuildRoutes {
  #context;

  constructor(context) {
    this.#context = context;
  }

  async request({ body }) {
    const request = parseJsonBody(body);
    const wanted = request.name ?? request.alias;
    if (typeof wanted !== 'string') throw new HttpError(400, 'validation error: name is missing');
    const { namespace, name, tag } = parseReference(wanted);
    if (namespace !== null && namespace !== NAMESPACE) {
      throw new HttpError(403, `the namespace of a template here is '${NAMESPACE}'`);
    }
    const tags = [...new Set([...(tag === null ? [] : [tag]), ...parseTags(request.tags ?? [])])];
    const resources = parseResources(request);
    const { entry, build } = await this.#context.builds.request({
      ...{ alias: name, tags, ...resources },
    });
    return json(202, {
      ...{ templateID: entry.templateId, buildID: build.buildId, public: entry.public },
      ...{ names: entry.names, tags, aliases: [entry.alias] },
    });
  }

  link({ name, hash, origin }) {
    this.#context.templates.get(name);
    assertHash(hash);
    const { builds } = this.#context;
    if (builds.isUploaded(hash)) return json(201, { present: true });
    const target = `/templates/${encodeURIComponent(name)}/files/${hash}`;
    const url = `${origin}${target}?upload=${builds.uploadToken(hash)}`;
    return json(201, { present: false, url });
  }

  async upload({ hash, query, request }) {
    assertHash(hash);
    const token = query.get('upload') ?? '';
    await this.#context.builds.upload(hash, token, request, MAX_UPLOAD_BYTES);
    return raw(200, '');
  }

  start(call) {
    const { entry, build } = this.#find(call);
    this.#context.builds.start(entry, build, parsePlan(parseJsonBody(call.body)));
    return raw(202, '');
  }

  status(call) {
    const { entry, build } = this.#find(call);
    const { logs, reason } = this.#context.builds.progress(build);
    const from = integer(call.query, 'logsOffset', { fallback: 0 });
    const limit = integer(call.query, 'limit', { max: 100, fallback: 100 });
    const shown = atLeast(logs, call.query).slice(from, from + limit);
    return json(200, {
      ...{ templateID: entry.templateId, buildID: build.buildId, status: build.status },
      logEntries: shown,
      logs: shown.map(({ message }) => message),
      ...(reason === null ? {} : { reason }),
    });
  }

  logs(call) {
    const { build } = this.#find(call);
    const { query } = call;
    const direction = word(query, 'direction', ['forward', 'backward'], 'forward');
    const cursor = integer(query, 'cursor', { fallback: direction === 'forward' ? 0 : Infinity });
    const limit = integer(query, 'limit', { max: 100, fallback: 100 });
    const logs = atLeast(this.#context.builds.progress(build).logs, query);
    const found = logs.filter(({ timestamp }) => {
      const atMs = Date.parse(timestamp);
      return direction === 'forward' ? atMs >= cursor : atMs <= cursor;
    });
    if (direction === 'backward') found.reverse();
    return json(200, { logs: found.slice(0, limit) });
  }

  #find({ name, build: buildId }) {
    const entry = this.#context.templates.get(name);
    const build = entry.builds.get(buildId);
    if (!build) throw new HttpError(404, `build '${buildId}' not found`);
    return { entry, build };
  }
}

function parseResources({ cpuCount = 2, memoryMB = 1024 }) {
  const isEven = (value) => Number.isInteger(value) && value % 2 === 0;
  if (cpuCount !== 1 && !(isEven(cpuCount) && cpuCount >= 2 && cpuCount <= 32)) {
    throw new HttpError(400, 'cpuCount must be 1 or an even number up to 32');
  }
  if (!isEven(memoryMB) || memoryMB < 128) {
    throw new HttpError(400, 'memoryMB must be an even number of at least 128');
  }
  return { cpuCount, memoryMB };
}

function parsePlan(request) {
  const { fromImage, fromTemplate, fromImageRegistry, steps = [] } = request;
  const texts = { fromImage, fromTemplate, startCmd: request.startCmd, readyCmd: request.readyCmd };
  for (const [name, value] of Object.entries(texts)) {
    if (value !== undefined && value !== null && typeof value !== 'string') {
      throw new HttpError(400, `validation error: property "${name}" must be a string`);
    }
  }
  if (fromImage && fromTemplate) {
    throw new HttpError(400, 'cannot specify both fromImage and fromTemplate');
  }
  if (!Array.isArray(steps) || steps.length > MAX_STEPS || !steps.every(isStep)) {
    throw new HttpError(400, `validation error: "steps" must be a list of at most ${MAX_STEPS}`);
  }
  return {
    ...{ fromImage: fromImage || null, fromTemplate: fromTemplate || undefined, steps },
    ...{ startCmd: request.startCmd ?? '', readyCmd: request.readyCmd ?? '' },
    hasRegistry: Boolean(fromImageRegistry),
  };
}

function isStep(step) {
  const { type, args = [], filesHash } = step ?? {};
  const isTexts = Array.isArray(args) && args.every((arg) => typeof arg === 'string');
  return typeof type === 'string' && isTexts && (filesHash == null || HASH.test(filesHash));
}

function atLeast(logs, query) {
  const least = LEVELS.indexOf(word(query, 'level', LEVELS, 'debug'));
  return logs.filter(({ level }) => LEVELS.indexOf(level) >= least);
}

function assertHash(hash) {
  if (!HASH.test(hash)) throw new HttpError(400, 'validation error: malformed hash');
}

function refuseOld({ method, path }) {
  const text = `${method} ${path}: templates are built by POST /v3/templates and steps`;
  return errorJson(410, text);
}

module.exports = { buildRoutes };
