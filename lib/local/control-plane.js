// The control plane: the REST API at which sandboxes are made, found and ended, in the paths of both
// SDK generations. Decides who may call and what to answer; sandboxes themselves are the registry's.
'use strict';

const { HttpError, errorJson, json, noContent, raw } = require('./answer');
const { parseCreate, parseJsonBody, parseTimeout } = require('./create-request');
const { listPage, parseListQuery } = require('./sandbox-list');

const CONTROL_BODY_BYTES = 16 * 1024 * 1024;
const CLIENT_ID = '6532622b'; // a constant of the hosted service
const V2_TIMEOUT = 300;
const V1_TIMEOUT = 15;
const MAX_METRICS_IDS = 100;

class ControlPlane {
  #registry;
  #templates;
  #metrics;
  #apiKeys;
  #maxTimeout;
  #envdVersion;
  #routes;

  /**
   * @param {object} parts
   * @param {import('./registry').Registry} parts.registry
   * @param {import('./templates').Templates} parts.templates
   * @param {import('./metrics').Metrics} parts.metrics
   * @param {string[]} parts.apiKeys
   * @param {number} parts.maxTimeoutSeconds
   * @param {string} parts.envdVersion
   */
  constructor({ registry, templates, metrics, apiKeys, maxTimeoutSeconds, envdVersion }) {
    this.#registry = registry;
    this.#templates = templates;
    this.#metrics = metrics;
    this.#apiKeys = new Set(apiKeys);
    this.#maxTimeout = maxTimeoutSeconds;
    this.#envdVersion = envdVersion;
    this.#routes = this.#table();
  }

  /**
   * @param {string} method
   * @param {string} path
   * @returns {{ op: string, sandboxId: string|null, maxBodyBytes: number,
   *   handle: (call: object) => Promise<import('./answer').Answer> }}  op `unknown`: no such route
   */
  route(method, path) {
    for (const route of this.#routes) {
      const match = route.method === method ? route.pattern.exec(path) : null;
      if (!match) continue;
      const sandboxId = match.groups?.id?.split('-')[0] ?? null;
      const handle = async (call) => {
        if (!route.open) this.#assertKey(call.headers);
        if (match.groups?.id !== undefined) assertSandboxId(match.groups.id);
        return route.run({ ...call, sandboxId, name: match.groups?.name });
      };
      return { op: route.op, sandboxId, maxBodyBytes: CONTROL_BODY_BYTES, handle };
    }
    return {
      op: 'unknown',
      sandboxId: null,
      maxBodyBytes: CONTROL_BODY_BYTES,
      handle: () => errorJson(404, 'validation error: no matching operation was found'),
    };
  }

  /** The routes in the order in which they are tried. `:id` is a sandbox, `:name` any one segment. */
  #table() {
    const v1 = { defaultTimeout: V1_TIMEOUT };
    const v2 = { defaultTimeout: V2_TIMEOUT };
    const known = [
      ['GET', '/health', 'apiHealth', () => raw(200, 'Health check successful'), true],
      ['POST', '/v2/sandboxes', 'create', (call) => this.#create(call, v2)],
      ['POST', '/sandboxes', 'create', (call) => this.#create(call, v1)],
      ['GET', '/v2/sandboxes', 'list', (call) => this.#list(call)],
      ['GET', '/sandboxes', 'list', (call) => this.#listV1(call)],
      ['GET', '/sandboxes/metrics', 'sandboxMetrics', (call) => this.#latestMetrics(call)],
      ['GET', '/sandboxes/:id', 'get', (call) => json(200, this.#detail(this.#find(call)))],
      ['DELETE', '/sandboxes/:id', 'kill', (call) => this.#kill(call)],
      ['POST', '/v2/sandboxes/:id/connect', 'connect', (call) => this.#connect(call, v2)],
      ['POST', '/sandboxes/:id/connect', 'connect', (call) => this.#connect(call, {})],
      ['POST', '/sandboxes/:id/timeout', 'timeout', (call) => this.#setTimeout(call)],
      ['POST', '/sandboxes/:id/refreshes', 'refreshes', (call) => this.#refresh(call)],
      ['GET', '/sandboxes/:id/metrics', 'sandboxMetrics', (call) => this.#history(call)],
      ['GET', '/templates/aliases/:name', 'templateAlias', (call) => this.#alias(call)],
      ['GET', '/v2/templates', 'templates', () => json(200, this.#listTemplates())],
      ['GET', '/templates', 'templates', () => json(200, this.#listTemplates())],
    ];
    const routes = known.map(([method, path, op, run, open]) => ({
      ...{ method, op, run, open },
      pattern: compile(path),
    }));
    for (const [method, path, op] of LATER) {
      const run = () =>
        errorJson(501, `${method} ${path} is not in this version of the local backend`);
      routes.push({ method, op, run, pattern: compile(path) });
    }
    return routes;
  }

  async #create({ body }, { defaultTimeout }) {
    const limits = { defaultTimeout, maxTimeout: this.#maxTimeout };
    const { reference, ...spec } = parseCreate(body, limits);
    const template = this.#templates.resolve(reference);
    const sandbox = await this.#registry.create({ template, ...spec });
    this.#templates.noteSpawn(template);
    return json(201, this.#summary(sandbox));
  }

  #list({ query }) {
    const filters = parseListQuery(query, (name) => this.#templates.find(name));
    const { page, nextToken, totalRunning } = listPage(this.#registry.list(), filters);
    const headers = {};
    if (nextToken !== null) headers['x-next-token'] = nextToken;
    if (totalRunning !== null) headers['x-total-running'] = totalRunning;
    return json(
      200,
      page.map((sandbox) => this.#listed(sandbox)),
      headers,
    );
  }

  #listV1({ query }) {
    const only = new URLSearchParams({ state: 'running' });
    if (query.has('metadata')) only.set('metadata', query.get('metadata'));
    const filters = { ...parseListQuery(only, () => undefined), limit: Infinity };
    const { page } = listPage(this.#registry.list(), filters);
    return json(
      200,
      page.map((sandbox) => this.#listed(sandbox)),
    );
  }

  async #kill(call) {
    this.#find(call);
    await this.#registry.remove(call.sandboxId, 'killed by request');
    return noContent();
  }

  #connect(call, { defaultTimeout }) {
    const optional = defaultTimeout !== undefined;
    const request = parseJsonBody(call.body, { optional });
    const seconds = parseTimeout(request.timeout, {
      fallback: defaultTimeout,
      maxTimeout: this.#maxTimeout,
      min: optional ? 1 : 0,
    });
    const sandbox = this.#find(call);
    this.#extend(sandbox, seconds);
    return json(200, this.#summary(sandbox));
  }

  #setTimeout(call) {
    const { timeout } = parseJsonBody(call.body);
    const seconds = parseTimeout(timeout, { maxTimeout: Infinity, min: 0 });
    const sandbox = this.#find(call);
    const latest = sandbox.startedAt + this.#maxTimeout * 1000;
    this.#registry.setEnd(sandbox, Math.min(Date.now() + seconds * 1000, latest));
    return noContent();
  }

  #refresh(call) {
    const { duration = 0 } = parseJsonBody(call.body, { optional: true });
    if (!Number.isInteger(duration) || duration < 0 || duration > 3600) {
      throw new HttpError(400, 'validation error: property "duration" must be from 0 to 3600');
    }
    this.#extend(this.#find(call), Math.max(duration, V1_TIMEOUT));
    return noContent();
  }

  #extend(sandbox, seconds) {
    const endAt = Date.now() + seconds * 1000;
    if (endAt > sandbox.endAt) this.#registry.setEnd(sandbox, endAt);
  }

  async #history(call) {
    const [start, end] = ['start', 'end'].map((name) => {
      const text = call.query.get(name);
      if (text !== null && !/^\d+$/.test(text)) {
        throw new HttpError(400, `validation error: ${name} must be Unix seconds`);
      }
      return text === null ? null : Number(text);
    });
    if (start !== null && end !== null && start > end) {
      throw new HttpError(400, 'start must not be after end');
    }
    const sandbox = this.#find(call);
    await this.#metrics.sample(sandbox);
    const samples = sandbox.samples.filter(({ timestampUnix }) => {
      return timestampUnix >= (start ?? 0) && timestampUnix <= (end ?? Infinity);
    });
    return json(200, samples);
  }

  async #latestMetrics({ query }) {
    const ids = (query.get('sandbox_ids') ?? '').split(',').filter(Boolean);
    if (ids.length === 0 || ids.length > MAX_METRICS_IDS) {
      throw new HttpError(400, `validation error: sandbox_ids must name 1 to ${MAX_METRICS_IDS}`);
    }
    const sandboxes = {};
    for (const id of ids) {
      const sandbox = this.#registry.get(id);
      if (sandbox) sandboxes[id] = await this.#metrics.sample(sandbox);
    }
    return json(200, { sandboxes });
  }

  #alias({ name }) {
    const alias = decodeSegment(name);
    const template = this.#templates.find(alias);
    if (!template) throw new HttpError(404, `template '${alias}' not found`);
    return json(200, { templateID: template.templateId, public: true });
  }

  #listTemplates() {
    return this.#templates.list(this.#envdVersion);
  }

  #find({ sandboxId }) {
    const sandbox = this.#registry.get(sandboxId);
    if (sandbox) return sandbox;
    throw new HttpError(404, `Sandbox "${sandboxId}" doesn't exist or you don't have access to it`);
  }

  #assertKey(headers) {
    const key = headers['x-api-key'];
    if (key === undefined) throw new HttpError(401, 'authorization header is missing');
    if (!/^e2b_([0-9a-f]{2})*$/i.test(key) && !this.#apiKeys.has(key)) {
      throw new HttpError(401, 'authorization header is malformed');
    }
    if (this.#apiKeys.has(key)) return;
    throw new HttpError(
      401,
      'Invalid API key, please visit https://e2b.dev/docs/api-key for more information.\n' +
        'Cannot get the team for the given API key',
    );
  }

  /** The shape of create and connect. */
  #summary(sandbox) {
    return {
      templateID: sandbox.templateId,
      sandboxID: sandbox.id,
      alias: sandbox.template.alias,
      clientID: CLIENT_ID,
      envdVersion: this.#envdVersion,
      envdAccessToken: sandbox.token,
      trafficAccessToken: null,
      domain: null,
    };
  }

  #listed(sandbox) {
    const { cpuCount, memoryMB, diskSizeMB, alias } = sandbox.template;
    const { metadata } = sandbox;
    return {
      templateID: sandbox.templateId,
      alias,
      sandboxID: sandbox.id,
      clientID: CLIENT_ID,
      startedAt: new Date(sandbox.startedAt).toISOString(),
      endAt: new Date(sandbox.endAt).toISOString(),
      envdVersion: this.#envdVersion,
      ...{ cpuCount, memoryMB, diskSizeMB },
      ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
      state: 'running',
      volumeMounts: [],
    };
  }

  #detail(sandbox) {
    return {
      ...this.#listed(sandbox),
      envdAccessToken: sandbox.token,
      allowInternetAccess: null,
      domain: null,
      lifecycle: { autoResume: false, onTimeout: 'kill' },
    };
  }
}

/** Routes of E2B that a manager or the official clients know and this version does not serve. */
const LATER = [
  ['POST', '/sandboxes/:id/pause', 'pause'],
  ['POST', '/sandboxes/:id/resume', 'resume'],
  ['POST', '/sandboxes/:id/fork', 'fork'],
  ['POST', '/sandboxes/:id/snapshots', 'snapshot'],
  ['GET', '/snapshots', 'snapshots'],
  ['PUT', '/sandboxes/:id/network', 'network'],
  ['GET', '/v2/sandboxes/:id/logs', 'logs'],
  ['GET', '/sandboxes/:id/logs', 'logs'],
  ['GET', '/templates/:name', 'template'],
  ['DELETE', '/templates/:name', 'templateDelete'],
  ['PATCH', '/v2/templates/:name', 'templateUpdate'],
  ['POST', '/v3/templates', 'templateBuild'],
  ['GET', '/templates/:name/files/:name2', 'templateBuild'],
  ['POST', '/v2/templates/:name/builds/:name2', 'templateBuild'],
  ['GET', '/templates/:name/builds/:name2/status', 'templateBuild'],
  ['GET', '/templates/:name/builds/:name2/logs', 'templateBuild'],
  ['POST', '/templates/tags', 'templateTags'],
  ['DELETE', '/templates/tags', 'templateTags'],
  ['GET', '/templates/:name/tags', 'templateTags'],
  ['GET', '/teams', 'teams'],
];

function compile(path) {
  return new RegExp(`^${path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
}

function decodeSegment(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(400, `validation error: malformed path segment '${text}'`);
  }
}

function assertSandboxId(id) {
  if (!/^[a-z0-9]+(-[^-]*)?$/.test(id)) throw new HttpError(400, 'Invalid sandbox ID');
}

module.exports = { ControlPlane };
