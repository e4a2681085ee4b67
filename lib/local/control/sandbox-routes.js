// The control plane's routes about the life of sandboxes: create, list, get, kill, connect, resume,
// timeouts, pause, fork, network; in the paths of both SDK generations.
'use strict';

const { HttpError, errorJson, json, noContent } = require('../answer');
const {
  boolean,
  isClosed,
  parseCreate,
  parseJsonBody,
  parseNetwork,
  parseTimeout,
} = require('../create-request');
const { listPage, parseListQuery } = require('../sandbox-list');
const { listedSandbox, sandboxDetail, sandboxSummary } = require('./views');

const V1_TIMEOUT = 15;
const V1 = { defaultTimeout: V1_TIMEOUT, alwaysSecure: false };
const V2 = { defaultTimeout: 300, alwaysSecure: true };
const MAX_FORKS = 100;

/** @returns {[method: string, path: string, op: string, run: Function][]} */
function sandboxRoutes(context) {
  const routes = new SandboxRoutes(context);
  return [
    ['POST', '/v2/sandboxes', 'create', (call) => routes.create(call, V2)],
    ['POST', '/sandboxes', 'create', (call) => routes.create(call, V1)],
    ['GET', '/v2/sandboxes', 'list', (call) => routes.list(call)],
    ['GET', '/sandboxes', 'list', (call) => routes.listV1(call)],
    [
      'GET',
      '/sandboxes/:id',
      'get',
      (call) => json(200, sandboxDetail(context.find(call), context)),
    ],
    ['DELETE', '/sandboxes/:id', 'kill', (call) => routes.kill(call)],
    ['POST', '/v2/sandboxes/:id/connect', 'connect', (call) => routes.connect(call, V2)],
    ['POST', '/sandboxes/:id/connect', 'connect', (call) => routes.connect(call, {})],
    ['POST', '/sandboxes/:id/resume', 'resume', (call) => routes.resume(call)],
    ['POST', '/sandboxes/:id/timeout', 'timeout', (call) => routes.setTimeout(call)],
    ['POST', '/sandboxes/:id/refreshes', 'refreshes', (call) => routes.refresh(call)],
    ['POST', '/sandboxes/:id/pause', 'pause', (call) => routes.pause(call)],
    ['POST', '/sandboxes/:id/fork', 'fork', (call) => routes.fork(call)],
    ['PUT', '/sandboxes/:id/network', 'network', (call) => routes.setNetwork(call)],
  ];
}

class SandboxRoutes {
  #context;

  constructor(context) {
    this.#context = context;
  }

  async create({ body }, version) {
    const { registry, templates, maxTimeout, canIsolateNetwork } = this.#context;
    const request = parseCreate(body, { ...version, maxTimeout, canIsolateNetwork });
    const { reference, ...spec } = request;
    const template = templates.resolve(reference);
    const sandbox = await registry.create({ template, ...spec });
    templates.noteSpawn(template);
    return json(201, sandboxSummary(sandbox, this.#context));
  }

  list({ query }) {
    const { registry, templates } = this.#context;
    const filters = parseListQuery(query, (name) => templates.find(name));
    const { page, nextToken, totalRunning } = listPage(registry.list(), filters);
    const headers = {};
    if (nextToken !== null) headers['x-next-token'] = nextToken;
    if (totalRunning !== null) headers['x-total-running'] = totalRunning;
    return json(
      200,
      page.map((sandbox) => listedSandbox(sandbox, this.#context)),
      headers,
    );
  }

  listV1({ query }) {
    const wanted = new URLSearchParams({ state: 'running' });
    if (query.has('metadata')) wanted.set('metadata', query.get('metadata'));
    const filters = { ...parseListQuery(wanted, () => undefined), limit: Infinity };
    const { page } = listPage(this.#context.registry.list(), filters);
    return json(
      200,
      page.map((sandbox) => listedSandbox(sandbox, this.#context)),
    );
  }

  async kill(call) {
    const { id } = this.#context.find(call);
    await this.#context.registry.remove(id, 'killed by request');
    return noContent();
  }

  async connect(call, { defaultTimeout }) {
    const optional = defaultTimeout !== undefined;
    const request = parseJsonBody(call.body, { optional });
    const timeoutSeconds = parseTimeout(request.timeout, {
      fallback: defaultTimeout,
      maxTimeout: this.#context.maxTimeout,
      min: optional ? 1 : 0,
    });
    const memory = boolean(request, 'memory', true);
    const sandbox = this.#context.find(call);
    const resumed = await this.#context.transitions.connect(sandbox, { timeoutSeconds, memory });
    this.#context.assertThere(sandbox);
    if (!resumed) this.#extend(sandbox, timeoutSeconds);
    return json(resumed ? 201 : 200, sandboxSummary(sandbox, this.#context));
  }

  async resume(call) {
    const request = parseJsonBody(call.body, { optional: true });
    const timeoutSeconds = parseTimeout(request.timeout, {
      ...{ fallback: V1_TIMEOUT, maxTimeout: this.#context.maxTimeout, min: 0 },
    });
    const memory = boolean(request, 'memory', true);
    const autoPause = boolean(request, 'autoPause', null);
    const sandbox = this.#context.find(call);
    await this.#context.transitions.resume(sandbox, { timeoutSeconds, memory });
    this.#context.assertThere(sandbox);
    if (autoPause !== null) sandbox.settings.autoPause = autoPause;
    return json(201, sandboxSummary(sandbox, this.#context));
  }

  setTimeout(call) {
    const { timeout } = parseJsonBody(call.body);
    const seconds = parseTimeout(timeout, { maxTimeout: Infinity, min: 0 });
    const sandbox = this.#context.find(call);
    if (sandbox.transition) throw busy(sandbox);
    this.#context.assertRunning(sandbox);
    const latest = sandbox.startedAt + this.#context.maxTimeout * 1000;
    if (latest <= Date.now()) throw new HttpError(400, 'Max instance length exceeded');
    this.#context.registry.setEnd(sandbox, Math.min(Date.now() + seconds * 1000, latest));
    return noContent();
  }

  refresh(call) {
    const { duration } = parseJsonBody(call.body, { optional: true });
    const seconds = duration ?? 0;
    if (!Number.isInteger(seconds) || seconds < 0 || seconds > 3600) {
      throw new HttpError(400, 'validation error: property "duration" must be from 0 to 3600');
    }
    const sandbox = this.#context.find(call);
    this.#context.assertRunning(sandbox);
    this.#extend(sandbox, Math.max(seconds, V1_TIMEOUT));
    return noContent();
  }

  async pause(call) {
    const memory = boolean(parseJsonBody(call.body, { optional: true }), 'memory', true);
    await this.#context.transitions.pause(this.#context.find(call), { memory });
    return noContent();
  }

  async fork(call) {
    const request = parseJsonBody(call.body, { optional: true });
    const { maxTimeout, registry, transitions } = this.#context;
    const limits = { fallback: V1_TIMEOUT, maxTimeout, min: 1 };
    const timeoutSeconds = parseTimeout(request.timeout, limits);
    const count = request.count ?? 1;
    if (!Number.isInteger(count) || count < 1 || count > MAX_FORKS) {
      throw new HttpError(400, `validation error: property "count" must be from 1 to ${MAX_FORKS}`);
    }
    const source = this.#context.find(call);
    const forks = await transitions.fork(source, { count, timeoutSeconds });
    const results = forks.map((fork) => {
      if (registry.get(fork.id)) return { sandbox: sandboxSummary(fork, this.#context) };
      const answer = fork instanceof HttpError ? fork.toAnswer() : errorJson(500, fork.message);
      return { error: JSON.parse(answer.body) };
    });
    return json(201, results);
  }

  async setNetwork(call) {
    const request = parseJsonBody(call.body);
    const { canIsolateNetwork } = this.#context;
    const rules = parseNetwork(request, { canIsolateNetwork });
    const allowed = boolean(request, 'allow_internet_access', null);
    const sandbox = this.#context.find(call);
    this.#context.assertRunning(sandbox);
    const internet = allowed !== false && !isClosed(rules);
    if (!internet && !canIsolateNetwork) {
      throw new HttpError(400, 'the isolation of this local backend cannot take the internet away');
    }
    if (internet !== sandbox.settings.internet) await sandbox.life.setInternet(internet);
    const { allowOut, denyOut } = rules;
    const { network } = sandbox.settings;
    Object.assign(sandbox.settings, {
      ...{ internet, allowInternetAccess: allowed },
      network: { allowPublicTraffic: true, ...network, allowOut, denyOut },
    });
    return noContent();
  }

  #extend(sandbox, seconds) {
    const { registry, maxTimeout } = this.#context;
    const latest = sandbox.startedAt + maxTimeout * 1000;
    const endAt = Math.min(Date.now() + seconds * 1000, latest);
    if (endAt > sandbox.endAt) registry.setEnd(sandbox, endAt);
  }
}

function busy({ id, transition }) {
  return new HttpError(409, `Sandbox "${id}" is ${transition.kind}`);
}

module.exports = { sandboxRoutes };
