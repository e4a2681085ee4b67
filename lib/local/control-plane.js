// The control plane: the REST API at which sandboxes and templates are made, found and ended, in the
// paths of both SDK generations. Decides who may call, and which route it is; the routes themselves
// are in `control/`, by subject.
'use strict';

const { HttpError, errorJson, raw } = require('./answer');
const { buildRoutes } = require('./control/build-routes');
const { logRoutes } = require('./control/log-routes');
const { metricRoutes } = require('./control/metric-routes');
const { sandboxRoutes } = require('./control/sandbox-routes');
const { snapshotRoutes } = require('./control/snapshot-routes');
const { templateRoutes } = require('./control/template-routes');

const CONTROL_BODY_BYTES = 16 * 1024 * 1024;

/**
 * @typedef {object} ControlContext  what the routes work on
 * @property {import('./registry').Registry} registry
 * @property {import('./templates').Templates} templates
 * @property {import('./transitions').Transitions} transitions
 * @property {import('./template-builds').TemplateBuilds} builds
 * @property {import('./metrics').Metrics} metrics
 * @property {number} maxTimeout  seconds
 * @property {string} envdVersion
 * @property {boolean} canIsolateNetwork
 */

class ControlPlane {
  #apiKeys;
  #registry;
  #routes = [];

  /** @param {ControlContext & { apiKeys: string[] }} options */
  constructor({ apiKeys, ...parts }) {
    this.#apiKeys = new Set(apiKeys);
    this.#registry = parts.registry;
    const context = {
      ...parts,
      find: (call) => this.#find(call),
      assertRunning: (sandbox) => this.#assertRunning(sandbox),
      assertThere: (sandbox) => this.#assertThere(sandbox),
    };
    this.#add('GET', '/health', 'apiHealth', () => raw(200, 'Health check successful'), true);
    // The order in which they are tried: what is fixed in a path goes before what is not.
    for (const routes of [metricRoutes, sandboxRoutes, snapshotRoutes, logRoutes]) {
      for (const route of routes(context)) this.#add(...route);
    }
    for (const routes of [templateRoutes, buildRoutes]) {
      for (const route of routes(context)) this.#add(...route);
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @returns {{ op: string, sandboxId: string|null, maxBodyBytes: number, streamsBody: boolean,
   *   handle: (call: object) => Promise<import('./answer').Answer> }}  op `unknown`: no such route
   */
  route(method, path) {
    for (const { pattern, ...route } of this.#routes) {
      const match = route.method === method ? pattern.exec(path) : null;
      if (!match) continue;
      const { id, ...names } = match.groups ?? {};
      const sandboxId = id?.split('-')[0] ?? null;
      const handle = async (call) => {
        if (!route.open) this.#assertKey(call.headers);
        if (id !== undefined) assertSandboxId(id);
        const texts = Object.entries(names).map(([name, text]) => [name, decodeSegment(text)]);
        return route.run({ ...call, ...Object.fromEntries(texts), sandboxId });
      };
      const { op, streamsBody } = route;
      return { op, sandboxId, maxBodyBytes: CONTROL_BODY_BYTES, streamsBody, handle };
    }
    return {
      op: 'unknown',
      sandboxId: null,
      maxBodyBytes: CONTROL_BODY_BYTES,
      handle: () => errorJson(404, 'validation error: no matching operation was found'),
    };
  }

  /**
   * @param {string} path  `:id` is a sandbox, `:name` and others any one segment
   * @param {boolean|{ streamsBody: boolean }} [options]  true: needs no key
   */
  #add(method, path, op, run, options = false) {
    const pattern = new RegExp(`^${path.replaceAll(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
    const open = options === true || options.open === true;
    this.#routes.push({
      method,
      pattern,
      op,
      run,
      open,
      streamsBody: options.streamsBody === true,
    });
  }

  #find({ sandboxId }) {
    const sandbox = this.#registry.get(sandboxId);
    if (sandbox) return sandbox;
    throw notFound(sandboxId);
  }

  /** What was there when the request came may have ended while it was being served. */
  #assertThere({ id, closed }) {
    if (closed) throw notFound(id);
  }

  /** Some calls know running sandboxes only. */
  #assertRunning({ id, state }) {
    if (state !== 'running') throw notFound(id);
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
}

function notFound(id) {
  return new HttpError(404, `Sandbox "${id}" doesn't exist or you don't have access to it`);
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
