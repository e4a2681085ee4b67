// The control plane's routes that show a sandbox's events, in both versions. What commands print is
// not among them, as in the cloud.
'use strict';

const { HttpError, json } = require('../answer');
const { LEVELS } = require('../sandbox-logs');
const { integer, word } = require('./query');

const MAX_LINES = 1000;
const MAX_SEARCH = 256;

/** @returns {[method: string, path: string, op: string, run: Function][]} */
function logRoutes(context) {
  return [
    ['GET', '/v2/sandboxes/:id/logs', 'logs', (call) => logsV2(context, call)],
    ['GET', '/sandboxes/:id/logs', 'logs', (call) => logsV1(context, call)],
  ];
}

function logsV2(context, call) {
  const { query } = call;
  const direction = word(query, 'direction', ['forward', 'backward'], 'backward');
  const cursor = integer(query, 'cursor', { fallback: undefined });
  const search = query.get('search') ?? '';
  if (search.length > MAX_SEARCH) {
    throw new HttpError(400, `validation error: search has ${MAX_SEARCH} characters at most`);
  }
  const logs = context.find(call).logs.read({
    direction,
    ...(direction === 'forward' ? { fromMs: cursor } : { toMs: cursor }),
    limit: integer(query, 'limit', { max: MAX_LINES, fallback: MAX_LINES }),
    level: word(query, 'level', LEVELS, 'debug'),
    search,
  });
  return json(200, { logs });
}

/** The older form, which the command line tool polls: the oldest first, each line a JSON text. */
function logsV1(context, call) {
  const logEntries = context.find(call).logs.read({
    direction: 'forward',
    fromMs: integer(call.query, 'start', { fallback: undefined }),
    limit: integer(call.query, 'limit', { max: MAX_LINES, fallback: MAX_LINES }),
  });
  const logs = logEntries.map(({ timestamp, level, message, fields }) => ({
    timestamp,
    line: JSON.stringify({ ...fields, level, logger: fields.logger ?? 'envd', message, timestamp }),
  }));
  return json(200, { logs, logEntries });
}

module.exports = { logRoutes };
