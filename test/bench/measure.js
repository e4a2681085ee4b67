'use strict';

// Runs the experiments: every measurement in a child process of its own, clients in turn, and medians
// of the rounds. Verifies that the far end saw exactly the calls that were made, on the road that was
// meant: a measurement of refusals, or of calls that never left, is an error and no number.

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');

const { expectedBytes, expectedCounts } = require('./experiments');
const { median } = require('./median');
const { OUTPUT_BYTES } = require('./sizes');

const CHILD_TIMEOUT_MS = 90_000;
const MB = 1024 * 1024;

const ORDINARY = { uid: 1000, gid: 1000, cwd: '/' };

const run = promisify(execFile);

async function child(file, args, env, identity = {}) {
  try {
    const options = { env, timeout: CHILD_TIMEOUT_MS, ...identity };
    const { stdout } = await run(file, args, options);
    return { ...JSON.parse(stdout), endedMs: performance.timeOrigin + performance.now() };
  } catch (error) {
    const why = error.killed ? `not done after ${CHILD_TIMEOUT_MS / 1000} s` : error.stderr;
    throw new Error(`${args.join(' ')}: ${why || error.message}`, { cause: error });
  }
}

// The machine's own environment must not decide where a client goes.
function environment(extra) {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(E2B_(?!SWARM_)|UV_|NODE_OPTIONS$|NODE_EXTRA_CA_CERTS$|https?_proxy$|all_proxy$)/i.test(
        name,
      ),
  );
  return { ...Object.fromEntries(kept), ...extra };
}

function commandOf(experiment, client, rawFile) {
  const { child: name, operation, plan } = experiment;
  if (client === 'libcurl') {
    const { concurrency = plan.streams, calls = plan.streams, warmUp = 0 } = plan;
    return [rawFile, [operation, concurrency, calls, warmUp].map(String)];
  }
  const file = path.join(__dirname, 'children', `${name}.js`);
  const argument = JSON.stringify({ client, operation, ...plan });
  return [process.execPath, ['--expose-gc', file, argument]];
}

/** One client, once. */
async function measureOnce(far, experiment, client) {
  const { road, env, ordinary } = experiment;
  const [file, args] = commandOf(experiment, client, far?.rawFile);
  if (road === undefined) {
    const identity = ordinary && process.getuid() === 0 ? ORDINARY : {};
    return child(file, args, environment({}), identity);
  }
  const before = await far.usage(road);
  const measured = await child(file, args, environment({ ...far.env(road), ...env }));
  const after = await far.usage(road);
  const grown = Object.fromEntries(
    Object.keys(after).map((name) => [name, after[name] - before[name]]),
  );
  const expected = expectedCounts(experiment, client);
  checkCounts(client, grown, expected, expectedBytes(experiment));
  const requests = Object.values(expected).reduce((sum, number) => sum + number);
  if (grown.http2 !== (road === 'h2' ? requests : 0)) {
    throw new Error(`${client}: ${grown.http2} of ${requests} requests came over HTTP/2`);
  }
  const serverCpuUs = (grown.cpuUs + (grown.frontCpuUs ?? 0)) / requests;
  return { ...measured, requests, serverCpuUs, tlsConnections: grown.tlsConnections };
}

/**
 * @param {object} experiment
 * @returns {Promise<string|null>} why this machine cannot do it, for an isolation that was named
 */
async function missingIsolation(experiment) {
  if (experiment.child !== 'local-start') return null;
  const failed = await measureOnce(null, experiment, 'e2b-swarm').catch((error) => error);
  if (!(failed instanceof Error)) return null;
  const [line] = /isolation '.*/.exec(failed.message) ?? [];
  if (line) return line;
  throw failed;
}

/** Throws unless the far end has counted exactly what was asked of it. */
function checkCounts(client, seen, expected, bytes = 0) {
  for (const [name, number] of Object.entries(expected)) {
    if (seen[name] !== number) {
      throw new Error(`${client}: the far end counted ${seen[name]} ${name}, not ${number}`);
    }
  }
  if (seen.uploadedBytes < bytes) {
    throw new Error(`${client}: ${seen.uploadedBytes} bytes of ${bytes} came`);
  }
}

/** The same end without and with streams: what they cost. */
async function measureEnd(far, experiment, client) {
  const { plan } = experiment;
  const took = ({ ms, exitBeganMs, endedMs }) => ms ?? endedMs - exitBeganMs;
  const none = await measureOnce(far, { ...experiment, plan: { ...plan, streams: 0 } }, client);
  const some = await measureOnce(far, experiment, client);
  return { ...some, extraMs: took(some) - took(none) };
}

function completed(experiment, measured) {
  if (experiment.operation !== 'output') return measured;
  return { ...measured, mbPerS: OUTPUT_BYTES / MB / (measured.wallMs / 1000) };
}

/**
 * All rounds of one experiment, the clients alternating.
 *
 * @param {import('./far-end').FarEnd|null} far  null: the experiment has none
 * @param {object} experiment
 * @returns {Promise<object[]>} its rows: values are medians, `ratios` say how many times better this
 *   package is, `rounds` and `requests` are by client, and `met` is null without a target
 */
async function measureExperiment(far, experiment) {
  const { clients, rounds, rows } = experiment;
  const measured = Object.fromEntries(clients.map((client) => [client, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const client of clients) {
      const once = experiment.child === 'ends' ? measureEnd : measureOnce;
      measured[client].push(completed(experiment, await once(far, experiment, client)));
    }
  }
  return rows.map((row) => rowOf(row, measured));
}

function rowOf({ id, name, unit, field, target, remark = '', better = 'less' }, measured) {
  const each = (of) =>
    Object.fromEntries(
      Object.entries(measured)
        .map(([client, list]) => [client, of(list)])
        .filter(([, value]) => value !== undefined),
    );
  const has = (list, key) => list.every((round) => round[key] !== undefined);
  const values = each((list) => (has(list, field) ? median(list.map((r) => r[field])) : undefined));
  const ratios = Object.fromEntries(
    Object.keys(values)
      .filter((client) => client !== 'e2b-swarm')
      .map((client) => [client, ratioOf(values['e2b-swarm'], values[client], better)]),
  );
  return {
    ...{ id, name, unit, better, values, ratios, target: target ?? null },
    met: metBy(target, values, ratios),
    remark: [isolationOf(measured), remark].filter(Boolean).join('; '),
    rounds: each((list) => (has(list, field) ? list.map((round) => round[field]) : undefined)),
    requests: each((list) => (has(list, 'requests') ? sum(list, 'requests') : undefined)),
    serverCpuUs: each((list) =>
      has(list, 'serverCpuUs') ? median(list.map((round) => round.serverCpuUs)) : undefined,
    ),
  };
}

/** What a local backend was measured on. */
function isolationOf(measured) {
  const [{ rung }] = Object.values(measured)[0];
  return rung && `isolation ${rung}`;
}

const sum = (list, field) => list.reduce((total, round) => total + round[field], 0);

/** How many times better ours is; null where one of them is nothing. */
function ratioOf(ours, theirs, better) {
  if (!(ours > 0) || !(theirs > 0)) return null;
  return better === 'more' ? ours / theirs : theirs / ours;
}

function metBy(target, values, ratios) {
  if (target === undefined) return null;
  const ours = values['e2b-swarm'];
  if (target.atLeast !== undefined) return ratios.e2b >= target.atLeast;
  if (target.atMost !== undefined) return ours <= target.atMost;
  if (target.near !== undefined) return ours <= values[target.near] + target.withinMs;
  return ours < target.below;
}

module.exports = { checkCounts, measureExperiment, missingIsolation, metBy, rowOf };
