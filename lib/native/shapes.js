'use strict';

// From the far end's answers to the shapes of the public functions. Pure: gets texts and clock times,
// gives plain objects. What is missing in an answer is null, never invented; an answer that is not
// what was asked for is a ProtocolError, and it says nothing about what was done.

const { ProtocolError } = require('../errors');
const { seenOf } = require('./activity');

const PREFIX = 'e2b-swarm.';
const NAME_KEY = `${PREFIX}name`;
const MIB = 1024 * 1024;
const DEGRADED_SHARE = 0.9;

const STATES = { running: 'running', paused: 'stopped' };
const ENTRY_TYPES = {
  FILE_TYPE_FILE: 'file',
  FILE_TYPE_DIRECTORY: 'directory',
  FILE_TYPE_SYMLINK: 'symlink',
};

/**
 * @param {string|undefined} body JSON text
 * @param {string} what for the message
 * @param {{ sandboxId?: string|null, status?: number, retryable?: boolean }} facts of the error
 */
function parseBody(body, what, facts) {
  try {
    return JSON.parse(body ?? '');
  } catch (error) {
    throw badResponse(`the answer to ${what} is not JSON`, { ...facts, cause: error });
  }
}

function badResponse(message, { retryable = true, ...fields }) {
  const status = fields.status ? ` (HTTP ${fields.status})` : '';
  return new ProtocolError(message + status, {
    code: 'BAD_RESPONSE',
    outcome: 'unknown',
    retryable,
    ...fields,
  });
}

function isRecord(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** @returns {object} the answer, an object */
function objectOf(body, what, facts) {
  const parsed = parseBody(body, what, facts);
  if (!isRecord(parsed)) throw badResponse(`the answer to ${what} is not an object`, facts);
  return parsed;
}

/** @returns {object[]} the answer, an array of objects, perhaps below a key that may be absent */
function listOf(body, key, what, facts) {
  const parsed = parseBody(body, what, facts);
  const list = key === null ? parsed : isRecord(parsed) ? (parsed[key] ?? []) : null;
  if (Array.isArray(list) && list.every(isRecord)) return list;
  throw badResponse(`the answer to ${what} is not a list`, facts);
}

const textOr = (value, otherwise = null) => (typeof value === 'string' ? value : otherwise);
const numberOr = (value, otherwise = null) => (typeof value === 'number' ? value : otherwise);

function metadataOf({ metadata }) {
  return isRecord(metadata) ? metadata : {};
}

/**
 * A sandbox as a listing or a detail describes it.
 *
 * @param {object} detail of the control plane
 * @param {string} what was asked, for the message
 * @returns {object} SandboxStatus without measurements
 */
function describeSandbox(detail, what, facts) {
  const { sandboxID, startedAt, endAt } = detail;
  const status = STATES[detail.state];
  if (typeof sandboxID !== 'string' || status === undefined) {
    throw badResponse(`the answer to ${what} describes no sandbox`, facts);
  }
  const metadata = metadataOf(detail);
  const seen = seenOf(sandboxID);
  const startedMs = Date.parse(startedAt);
  const endMs = Date.parse(endAt);
  const untilMs = status === 'running' ? Date.now() : endMs;
  const uptimeMs = Math.max(0, untilMs - startedMs) || 0;
  return {
    sandboxId: sandboxID,
    name: textOr(metadata[NAME_KEY]),
    template: textOr(detail.alias, textOr(detail.templateID)),
    status,
    health: healthOf(status, uptimeMs, endMs - startedMs),
    uptime: Math.round(uptimeMs / 1000),
    memoryUsage: null,
    cpuUsage: null,
    cpuCount: numberOr(detail.cpuCount),
    memoryMb: numberOr(detail.memoryMB),
    executionCount: seen.executions,
    lastActivity: seen.lastActivity,
    startedAt: textOr(startedAt),
    endsAt: textOr(endAt),
    metadata,
  };
}

function healthOf(status, uptimeMs, lifeMs) {
  if (status !== 'running') return 'degraded';
  if (!(lifeMs > 0)) return 'healthy';
  if (uptimeMs > lifeMs) return 'unhealthy';
  return uptimeMs > DEGRADED_SHARE * lifeMs ? 'degraded' : 'healthy';
}

/**
 * @param {string} body SandboxDetail
 * @param {string|undefined} metrics of the daemon
 * @param {string|undefined} metricsCode why there are none although they were asked for
 */
function sandboxStatus(body, metrics, metricsCode, sandboxId, httpStatus) {
  const what = 'the status of a sandbox';
  const facts = { sandboxId, status: httpStatus };
  const status = describeSandbox(objectOf(body, what, facts), what, facts);
  status.logs = seenOf(status.sandboxId).logs;
  if (metricsCode !== undefined && status.status === 'running') {
    return { ...status, status: 'error', health: 'unhealthy' };
  }
  if (metrics === undefined) return status;
  const measured = objectOf(metrics, 'the metrics of a sandbox', facts);
  const used = numberOr(measured.mem_used);
  status.memoryUsage = used === null ? null : Math.round((used / MIB) * 10) / 10;
  status.cpuUsage = numberOr(measured.cpu_used_pct);
  return status;
}

/**
 * @param {string} body of a create
 * @param {object} asked { name, template, timeout, metadata }
 * @param {import('./connection').Connection} connection
 */
function createdSandbox(body, asked, connection, httpStatus) {
  const facts = { status: httpStatus, retryable: false };
  const answer = objectOf(body, 'a create', facts);
  const sandboxId = sandboxIdOf(answer, 'a create', facts);
  const bornMs = Date.now();
  const sandbox = {
    sandboxId,
    name: asked.name,
    template: asked.template,
    status: 'running',
    createdAt: new Date(bornMs).toISOString(),
    endsAt: new Date(bornMs + Math.ceil(asked.timeout) * 1000).toISOString(),
    url: connection.urlOf(sandboxId, answer.domain),
    cpuCount: null,
    memoryMb: null,
    metadata: asked.metadata,
  };
  return withTrafficToken(sandbox, answer);
}

/** What opens its ports where they are not for everybody. A secret: no listing of its fields has it. */
function withTrafficToken(sandbox, { trafficAccessToken }) {
  const value = textOr(trafficAccessToken);
  return Object.defineProperty(sandbox, 'trafficAccessToken', { value, enumerable: false });
}

function connectedSandbox(body, connection, httpStatus) {
  const facts = { status: httpStatus };
  const answer = objectOf(body, 'a connect', facts);
  const sandboxId = sandboxIdOf(answer, 'a connect', facts);
  const sandbox = {
    sandboxId,
    template: textOr(answer.alias, textOr(answer.templateID)),
    status: 'running',
    resumed: httpStatus === 201,
    url: connection.urlOf(sandboxId, answer.domain),
  };
  return withTrafficToken(sandbox, answer);
}

function sandboxIdOf({ sandboxID }, what, facts) {
  if (typeof sandboxID === 'string' && sandboxID !== '') return sandboxID;
  throw badResponse(`the answer to ${what} names no sandbox`, facts);
}

function processInfo({ pid, tag, config }) {
  const { cmd, args, cwd } = isRecord(config) ? config : {};
  return {
    pid: numberOr(pid),
    command: textOr(cmd),
    args: Array.isArray(args) ? args : [],
    cwd: textOr(cwd),
    tag: textOr(tag),
  };
}

function fileInfo(entry) {
  return {
    name: textOr(entry.name),
    path: textOr(entry.path),
    type: ENTRY_TYPES[entry.type] ?? null,
    size: Number(entry.size ?? 0),
    mode: numberOr(entry.mode),
    permissions: textOr(entry.permissions),
    owner: textOr(entry.owner),
    group: textOr(entry.group),
    modifiedAt: textOr(entry.modifiedTime),
    symlinkTarget: textOr(entry.symlinkTarget),
    metadata: metadataOf(entry),
  };
}

module.exports = {
  PREFIX,
  badResponse,
  connectedSandbox,
  createdSandbox,
  describeSandbox,
  fileInfo,
  listOf,
  metadataOf,
  objectOf,
  processInfo,
  sandboxStatus,
};
