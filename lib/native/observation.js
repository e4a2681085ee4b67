'use strict';

// What the provider knows of a sandbox's past: its load and its daemon's log; and where its ports are.

const { checkNumber, checkOptions, invalid, show } = require('../options');
const { connectionFor } = require('./calls');
const { CONNECTION_KEYS } = require('./connection');
const { answerOf, ask, attempt, checkSandboxId, onSandbox, query } = require('./direct');
const { listOf } = require('./shapes');

const METRICS_KEYS = ['start', 'end', ...CONNECTION_KEYS];
const LOG_KEYS = ['cursor', 'limit', 'direction', 'level', 'search', ...CONNECTION_KEYS];
const DIRECTIONS = ['forward', 'backward'];
const LEVELS = ['debug', 'info', 'warn', 'error'];
const MAX_LOG_ENTRIES = 1_000;

/**
 * The load of a sandbox over time, as the provider sampled it.
 *
 * @param {string} sandboxId
 * @param {object} [options] start and end (Dates; default: the sandbox's first and last sample), and
 *   the connection
 * @returns {Promise<{ timestamp: string, cpuCount: number, cpuUsedPct: number, memUsed: number,
 *   memTotal: number, memCache: number, diskUsed: number, diskTotal: number }[]>} bytes; oldest first
 */
function getE2bSandboxMetrics(sandboxId, options) {
  return attempt(() => {
    const given = checkOptions(options, METRICS_KEYS, 'getE2bSandboxMetrics');
    const range = query({ start: seconds(given.start, 'start'), end: seconds(given.end, 'end') });
    const what = "reading the sandbox's metrics";
    const request = { ...onSandbox(sandboxId, 'GET', `/metrics${range}`), what, idempotent: true };
    return ask(getE2bSandboxMetrics, sandboxId, given, request, undefined, (answer) =>
      listOf(answer.body, null, 'a list of metrics', answer.facts).map(sample),
    );
  });
}

function sample({ timestampUnix, timestamp, ...measured }) {
  const { cpuCount, cpuUsedPct, memUsed, memTotal, memCache, diskUsed, diskTotal } = measured;
  return {
    timestamp: timestampUnix == null ? timestamp : new Date(timestampUnix * 1000).toISOString(),
    ...{ cpuCount, cpuUsedPct, memUsed, memTotal, memCache, diskUsed, diskTotal },
  };
}

function seconds(date, field) {
  if (date == null) return undefined;
  if (date instanceof Date && !Number.isNaN(date.getTime())) return Math.floor(date / 1000);
  throw invalid(`${field} must be a Date, not ${show(date)}`);
}

/**
 * The log of a sandbox's daemon: processes that it started and that ended, what was done to files. It
 * does not hold what programs print.
 *
 * @param {string} sandboxId
 * @param {object} [options] cursor (a Date: where to begin), limit (1 to 1,000; default 1,000),
 *   direction ('backward', the default, or 'forward' in time), level (the least: 'debug', 'info',
 *   'warn' or 'error'), search (a part of the message), and the connection
 * @returns {Promise<{ timestamp: string, level: string, message: string, fields: object }[]>}
 */
function getE2bSandboxLogs(sandboxId, options) {
  return attempt(() => {
    const given = checkOptions(options, LOG_KEYS, 'getE2bSandboxLogs');
    const { limit, direction, level, search } = given;
    if (limit != null) checkNumber(limit, 'limit', { min: 1, max: MAX_LOG_ENTRIES, integer: true });
    oneOf(DIRECTIONS, direction, 'direction');
    oneOf(LEVELS, level, 'level');
    const from = seconds(given.cursor, 'cursor');
    const cursor = from === undefined ? undefined : given.cursor.getTime();
    const id = checkSandboxId(sandboxId);
    const path = `/v2/sandboxes/${id}/logs${query({ cursor, limit, direction, level, search })}`;
    const request = { method: 'GET', path, what: "reading the sandbox's log", idempotent: true };
    return ask(getE2bSandboxLogs, sandboxId, given, request, undefined, (answer) => {
      const { logs = [] } = answerOf(answer, 'a log');
      return logs.map((entry) => ({
        timestamp: entry.timestamp,
        level: entry.level,
        message: entry.message,
        fields: entry.fields ?? {},
      }));
    });
  });
}

function oneOf(known, value, field) {
  if (value == null || known.includes(value)) return;
  throw invalid(`${field} must be one of ${known.join(', ')}, not ${show(value)}`);
}

/**
 * Where a port of a sandbox is reached by its host name alone. Sends nothing. Where all sandboxes
 * share one address (`sandboxUrl`), that is `PORT-ID.localhost` on it for a local E2B, which browsers
 * and curl resolve by themselves; elsewhere the address itself, and a request to it has to carry the
 * headers `E2b-Sandbox-Id` and `E2b-Sandbox-Port`.
 *
 * @param {string} sandboxId
 * @param {number} port 1 to 65,535
 * @param {object} [options] the connection
 * @returns {Promise<string>} without a slash at its end
 */
function getE2bSandboxUrl(sandboxId, port, options) {
  return attempt(() => {
    const given = checkOptions(options, CONNECTION_KEYS, 'getE2bSandboxUrl');
    checkSandboxId(sandboxId);
    checkNumber(port, 'port', { min: 1, max: 65_535, integer: true });
    return Promise.resolve(connectionFor(given).urlOf(sandboxId, null, port));
  });
}

module.exports = { getE2bSandboxLogs, getE2bSandboxMetrics, getE2bSandboxUrl };
