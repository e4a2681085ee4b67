// Reads and checks the bodies of the control plane's requests about one sandbox. What the backend
// does not enforce is refused by name, never accepted in silence.
'use strict';

const { HttpError } = require('./answer');

const EVERYWHERE = ['0.0.0.0/0', '::/0'];
const ADDRESS = /^[0-9a-fA-F.:]+(\/\d{1,3})?$/;

/**
 * @typedef {object} Settings  what a sandbox keeps of the request that made it
 * @property {number} timeoutSeconds
 * @property {boolean} autoPause  at its end it is paused, not killed
 * @property {boolean} autoPauseMemory
 * @property {boolean} autoResume  traffic wakes it
 * @property {boolean|null} allowInternetAccess  as it was asked for; null: it was not
 * @property {boolean} internet  whether it has any
 * @property {object|null} network  as it was asked for
 */

/** @returns {object} the body as a JSON object; an empty body is `{}` when it may be absent */
function parseJsonBody(body, { optional = false } = {}) {
  if (body.length === 0 && optional) return {};
  let value;
  try {
    value = JSON.parse(body.toString());
  } catch (error) {
    throw invalid(`request body is not JSON: ${error.message}`);
  }
  if (value === null && optional) return {};
  if (!isObject(value)) throw invalid('request body must be an object');
  return value;
}

/**
 * @param {Buffer} body
 * @param {object} options
 * @param {number} options.defaultTimeout  seconds
 * @param {number} options.maxTimeout  seconds
 * @param {boolean} options.alwaysSecure  false: version 1, which secures on request
 * @param {boolean} options.canIsolateNetwork  whether a sandbox can be kept from the internet
 * @returns {{ reference: string, timeoutSeconds: number, metadata: object, envVars: object,
 *   settings: Settings }}
 * @throws {HttpError} 400, 403
 */
function parseCreate(body, { defaultTimeout, maxTimeout, alwaysSecure, canIsolateNetwork }) {
  const request = parseJsonBody(body);
  const reference = request.templateID;
  if (typeof reference !== 'string' || reference.trim() === '') {
    throw invalid('property "templateID" is missing');
  }
  const limits = { fallback: defaultTimeout, maxTimeout, min: 1 };
  const timeoutSeconds = parseTimeout(request.timeout, limits);
  refuseForeign(request);
  const secure = alwaysSecure || boolean(request, 'secure', false);
  const network = parseNetwork(request.network, { canIsolateNetwork });
  if (network?.allowPublicTraffic === false && !secure) {
    throw new HttpError(400, 'network.allowPublicTraffic: false requires a secured sandbox');
  }
  const allowInternetAccess = boolean(request, 'allow_internet_access', null);
  if (allowInternetAccess === false) assertCanIsolate(canIsolateNetwork, 'allow_internet_access');
  return {
    reference,
    timeoutSeconds,
    metadata: stringMap(request.metadata, 'metadata'),
    envVars: stringMap(request.envVars, 'envVars'),
    settings: {
      timeoutSeconds,
      ...parseLifecycle(request),
      allowInternetAccess,
      internet: allowInternetAccess !== false && !isClosed(network),
      network,
    },
  };
}

function parseLifecycle(request) {
  const autoPause = boolean(request, 'autoPause', false);
  const autoPauseMemory = boolean(request, 'autoPauseMemory', true);
  const { autoResume: wanted } = request;
  if (wanted !== undefined && wanted !== null && !isObject(wanted)) {
    throw invalid('property "autoResume" must be an object');
  }
  const autoResume = boolean(wanted ?? {}, 'enabled', false);
  if (!autoPauseMemory && !autoPause) {
    throw new HttpError(400, 'autoPauseMemory: false requires autoPause: true');
  }
  if (!autoPauseMemory && autoResume) {
    throw new HttpError(400, 'autoPauseMemory: false does not go with autoResume');
  }
  return { autoPause, autoPauseMemory, autoResume };
}

/**
 * @param {unknown} network  of create, or the body of a network update
 * @returns {object|null} what of it is in force; null: nothing was asked for
 * @throws {HttpError} 400, 403 for rules that would not be enforced
 */
function parseNetwork(network, { canIsolateNetwork }) {
  if (network === undefined || network === null) return null;
  if (!isObject(network)) throw invalid('property "network" must be an object');
  const { egressProxy, rules, httpsPorts, maskRequestHost } = network;
  if (egressProxy) {
    throw new HttpError(403, 'network.egressProxy: not a feature of the local backend');
  }
  if (Object.keys(rules ?? {}).length > 0) throw notEnforced('network.rules');
  if (httpsPorts?.length > 0) throw notEnforced('network.httpsPorts');
  if (maskRequestHost !== undefined && !/^[\w.$:{}[\]-]{1,255}$/.test(maskRequestHost)) {
    throw invalid('property "network.maskRequestHost" must be a host name');
  }
  const [allowOut, denyOut] = ['allowOut', 'denyOut'].map((name) => stringList(network, name));
  assertRules(allowOut, denyOut, canIsolateNetwork);
  return {
    allowPublicTraffic: boolean(network, 'allowPublicTraffic', true),
    ...(maskRequestHost === undefined ? {} : { maskRequestHost }),
    ...{ allowOut, denyOut },
  };
}

/** Internet or none: single addresses are beyond what the backend can enforce. */
function assertRules(allowOut, denyOut, canIsolateNetwork) {
  if (denyOut.some((rule) => !ADDRESS.test(rule))) {
    throw new HttpError(400, 'network.denyOut must be addresses or CIDR blocks');
  }
  const hasNames = allowOut.some((rule) => !ADDRESS.test(rule));
  if (hasNames && !denyOut.includes(EVERYWHERE[0])) {
    throw new HttpError(400, 'network.allowOut with domain names requires denyOut 0.0.0.0/0');
  }
  if (allowOut.length > 0 && !allowOut.includes(EVERYWHERE[0]) && denyOut.length > 0) {
    throw notEnforced('network.allowOut');
  }
  if (denyOut.some((rule) => !EVERYWHERE.includes(rule)) && !allowOut.includes(EVERYWHERE[0])) {
    throw notEnforced('network.denyOut of single addresses');
  }
  if (isClosed({ allowOut, denyOut })) assertCanIsolate(canIsolateNetwork, 'network.denyOut');
}

/** @returns {boolean} whether these rules leave no way out; what is allowed goes before what is not */
function isClosed(network) {
  if (!network) return false;
  return network.denyOut.includes(EVERYWHERE[0]) && !network.allowOut.includes(EVERYWHERE[0]);
}

function assertCanIsolate(canIsolateNetwork, what) {
  if (canIsolateNetwork) return;
  throw new HttpError(
    400,
    `${what}: the isolation of this local backend cannot keep a sandbox from the internet`,
  );
}

function refuseForeign({ iam, mcp, volumeMounts }) {
  if (iam) throw new HttpError(403, 'iam: not a feature of the local backend');
  if (volumeMounts?.length > 0) {
    throw new HttpError(403, 'volumeMounts: not a feature of the local backend');
  }
  if (mcp) throw new HttpError(400, 'mcp: there is no MCP gateway in the local backend');
}

/**
 * @param {unknown} value
 * @param {{ fallback?: number, maxTimeout: number, min: 0|1 }} options  no fallback: required
 * @returns {number} seconds
 */
function parseTimeout(value, { fallback, maxTimeout, min }) {
  if (value === undefined || value === null) {
    if (fallback === undefined) throw invalid('property "timeout" is missing');
    return fallback;
  }
  if (!Number.isInteger(value)) throw invalid('property "timeout" must be an integer');
  if (value < min) {
    throw new HttpError(
      400,
      min === 1 ? 'Timeout must be greater than 0' : 'validation error: timeout',
    );
  }
  if (value > maxTimeout) {
    const hours = Math.round((maxTimeout / 3600) * 100) / 100;
    throw new HttpError(400, `Timeout cannot be greater than ${hours} hours`);
  }
  return value;
}

function stringMap(value, name) {
  if (value === undefined || value === null) return {};
  if (!isObject(value) || Object.values(value).some((item) => typeof item !== 'string')) {
    throw invalid(`property "${name}" must map strings to strings`);
  }
  return { ...value };
}

function stringList(object, name) {
  const value = object[name] ?? [];
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) {
    throw invalid(`property "${name}" must be a list of strings`);
  }
  return [...value];
}

/** @returns {boolean|null} a property that must be a boolean where it is given */
function boolean(object, name, fallback) {
  const value = object[name] ?? fallback;
  if (value !== null && typeof value !== 'boolean') {
    throw invalid(`property "${name}" must be a boolean`);
  }
  return value;
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function notEnforced(what) {
  return new HttpError(
    400,
    `${what}: the local backend cannot enforce this, only internet or none`,
  );
}

function invalid(text) {
  return new HttpError(400, `validation error: ${text}`);
}

module.exports = {
  boolean,
  isClosed,
  parseCreate,
  parseJsonBody,
  parseNetwork,
  parseTimeout,
  stringMap,
};
