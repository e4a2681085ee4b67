// The control plane's routes that show measurements, of one sandbox over time, of several now, and of
// the one team. They show what `metrics.js` has measured and measure nothing.
'use strict';

const { HttpError, json } = require('../answer');
const { integer, word } = require('./query');

const MAX_IDS = 100;
const HOUR = 3600;
/** Points are thinned by the length of the time that they cover: seconds, seconds between points. */
const STEPS = [
  [HOUR, 5],
  [6 * HOUR, 30],
  [12 * HOUR, 60],
  [24 * HOUR, 120],
  [7 * 24 * HOUR, 300],
  [Infinity, 900],
];

/** The one team: a constant, so that it is the same in every run. */
const TEAM = {
  teamID: '00000000-0000-4000-8000-000000000000',
  name: 'local',
  isDefault: true,
};

/** @returns {[method: string, path: string, op: string, run: Function][]} */
function metricRoutes(context) {
  const max = (call) => json(200, teamMaximum(context, call));
  return [
    ['GET', '/sandboxes/metrics', 'sandboxMetrics', (call) => latest(context, call)],
    ['GET', '/sandboxes/:id/metrics', 'sandboxMetrics', (call) => history(context, call)],
    ['GET', '/teams', 'teams', ({ headers }) => json(200, [teamOf(headers)])],
    ['GET', '/teams/:name/metrics', 'teamMetrics', (call) => json(200, teamNow(context, call))],
    ['GET', '/teams/:name/metrics/max', 'teamMetrics', max],
  ];
}

async function history(context, call) {
  const { start, end } = range(call.query);
  const sandbox = context.find(call);
  if (sandbox.state === 'running') await context.metrics.sample(sandbox);
  const samples = sandbox.samples.filter(({ timestampUnix }) => {
    return timestampUnix >= (start ?? 0) && timestampUnix <= (end ?? Infinity);
  });
  return json(200, thin(samples));
}

/** @returns {object[]} the last of the samples of each step of time */
function thin(samples) {
  if (samples.length === 0) return [];
  const covered = samples.at(-1).timestampUnix - samples[0].timestampUnix;
  const step = STEPS.find(([below]) => covered < below)[1];
  if (step <= 5) return samples;
  const kept = new Map();
  for (const sample of samples) kept.set(Math.floor(sample.timestampUnix / step), sample);
  return [...kept.values()];
}

async function latest({ registry, metrics }, { query }) {
  const ids = (query.get('sandbox_ids') ?? '').split(',').filter(Boolean);
  if (ids.length === 0 || ids.length > MAX_IDS) {
    throw new HttpError(400, `validation error: sandbox_ids must name 1 to ${MAX_IDS}`);
  }
  const sandboxes = {};
  for (const id of ids) {
    const sandbox = registry.get(id);
    const sample =
      sandbox?.state === 'running' ? await metrics.sample(sandbox) : sandbox?.samples.at(-1);
    if (sample) sandboxes[id] = sample;
  }
  return json(200, { sandboxes });
}

function teamOf(headers) {
  return { ...TEAM, apiKey: headers['x-api-key'] };
}

/** One point, of this moment: a local backend keeps no history of its team. */
function teamNow({ registry }, { name, query }) {
  assertTeam(name);
  const { start, end } = range(query);
  const nowMs = Date.now();
  const timestampUnix = Math.floor(nowMs / 1000);
  if (timestampUnix < (start ?? 0) || timestampUnix > (end ?? Infinity)) return [];
  const running = registry.running();
  const lately = running.filter(({ startedAt }) => startedAt > nowMs - 60_000).length;
  return [
    {
      timestamp: new Date(nowMs).toISOString(),
      timestampUnix,
      concurrentSandboxes: running.length,
      sandboxStartRate: lately / 60,
    },
  ];
}

function teamMaximum(context, call) {
  const metric = word(call.query, 'metric', ['concurrent_sandboxes', 'sandbox_start_rate']);
  if (!metric) throw new HttpError(400, 'validation error: metric is missing');
  const [point] = teamNow(context, call);
  const name = metric === 'concurrent_sandboxes' ? 'concurrentSandboxes' : 'sandboxStartRate';
  const timestampUnix = point?.timestampUnix ?? Math.floor(Date.now() / 1000);
  const timestamp = new Date(timestampUnix * 1000).toISOString();
  return { timestamp, timestampUnix, value: point?.[name] ?? 0 };
}

function assertTeam(name) {
  if (name !== TEAM.teamID) throw new HttpError(403, 'you are not a member of this team');
}

function range(query) {
  const start = integer(query, 'start', { fallback: null });
  const end = integer(query, 'end', { fallback: null });
  if (start !== null && end !== null && start > end) {
    throw new HttpError(400, 'start must not be after end');
  }
  return { start, end };
}

module.exports = { metricRoutes, thin };
