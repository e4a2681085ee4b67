// Reads and checks the bodies of the control plane's requests about one sandbox. What this version
// cannot do is refused by name, never accepted in silence.
'use strict';

const { HttpError } = require('./answer');

/** @returns {object} the body as a JSON object; an empty body is `{}` when it may be absent */
function parseJsonBody(body, { optional = false } = {}) {
  if (body.length === 0 && optional) return {};
  let value;
  try {
    value = JSON.parse(body.toString());
  } catch (error) {
    throw invalid(`request body is not JSON: ${error.message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalid('request body must be an object');
  }
  return value;
}

/**
 * @param {Buffer} body
 * @param {{ defaultTimeout: number, maxTimeout: number }} limits  seconds
 * @returns {{ reference: string, timeoutSeconds: number, metadata: object, envVars: object }}
 * @throws {HttpError} 400
 */
function parseCreate(body, { defaultTimeout, maxTimeout }) {
  const request = parseJsonBody(body);
  const reference = request.templateID;
  if (typeof reference !== 'string' || reference.trim() === '') {
    throw invalid('property "templateID" is missing');
  }
  refuseUnsupported(request);
  return {
    reference,
    timeoutSeconds: parseTimeout(request.timeout, { fallback: defaultTimeout, maxTimeout, min: 1 }),
    metadata: stringMap(request.metadata, 'metadata'),
    envVars: stringMap(request.envVars, 'envVars'),
  };
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
  const isMap = typeof value === 'object' && !Array.isArray(value);
  if (!isMap || Object.values(value).some((item) => typeof item !== 'string')) {
    throw invalid(`property "${name}" must map strings to strings`);
  }
  return { ...value };
}

function refuseUnsupported(request) {
  const { network = {}, iam, mcp, volumeMounts } = request;
  const used = [
    request.allow_internet_access === false && 'allow_internet_access: false',
    request.autoPause === true && 'autoPause',
    request.autoResume?.enabled === true && 'autoResume',
    ...Object.entries(network ?? {}).map(([key, value]) => isRule(key, value) && `network.${key}`),
    iam && 'iam',
    mcp && 'mcp',
    volumeMounts?.length > 0 && 'volumeMounts',
  ].filter(Boolean);
  if (used.length > 0) {
    throw new HttpError(400, `${used.join(', ')}: not in this version of the local backend`);
  }
}

function isRule(key, value) {
  if (key === 'allowPublicTraffic') return value === false;
  return Array.isArray(value) ? value.length > 0 : value !== null && value !== undefined;
}

function invalid(text) {
  return new HttpError(400, `validation error: ${text}`);
}

module.exports = { parseCreate, parseJsonBody, parseTimeout };
