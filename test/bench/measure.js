'use strict';

// Runs the measurements: every one in a child process of its own, clients in turn, and makes medians
// of the rounds. Verifies that the far end saw exactly the calls that were made: a measurement of
// refusals, or of calls that never left, is an error and no number.

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');

const { OPERATIONS } = require('./cases');

const CLIENTS = ['e2b-swarm', 'e2b'];
const CHILD_TIMEOUT_MS = 120_000;

const run = promisify(execFile);

async function child(name, argument, env) {
  const file = path.join(__dirname, 'children', `${name}.js`);
  try {
    const options = { env, timeout: CHILD_TIMEOUT_MS };
    const { stdout } = await run(process.execPath, [file, argument], options);
    return JSON.parse(stdout);
  } catch (error) {
    const why = error.killed ? `not done after ${CHILD_TIMEOUT_MS / 1000} s` : error.stderr;
    throw new Error(`${name} ${argument}: ${why ?? error.message}`, { cause: error });
  }
}

// The machine's own environment must not decide where a client goes.
function environment(extra) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(E2B_(?!SWARM_)|NODE_OPTIONS$|NODE_EXTRA_CA_CERTS$|https?_proxy$)/i.test(name),
  );
  return { ...Object.fromEntries(kept), ...extra };
}

/** One client, once. */
async function measureCalls(stub, client, { operation, concurrency, calls }) {
  const before = await stub.usage();
  const plan = JSON.stringify({ client, operation, concurrency, calls });
  const measured = await child('calls', plan, environment(stub.env));
  const after = await stub.usage();
  const grown = Object.fromEntries(
    Object.keys(after).map((name) => [name, after[name] - before[name]]),
  );
  checkCounts(client, grown, OPERATIONS[operation].count, 2 * calls);
  return { ...measured, requests: 2 * calls, serverCpuUs: grown.cpuUs / (2 * calls) };
}

/** One create, and of the operation exactly what was asked for. */
function checkCounts(client, { creates, describes, starts, refusals }, count, wanted) {
  const expected = { creates: 1, describes: 0, starts: 0, refusals: 0, [count]: wanted };
  const seen = { creates, describes, starts, refusals };
  for (const [name, number] of Object.entries(expected)) {
    if (seen[name] !== number) {
      throw new Error(`${client}: the far end counted ${seen[name]} ${name}, not ${number}`);
    }
  }
}

/**
 * All rounds of one case, the clients alternating.
 *
 * @param {import('./stub').Stub} stub
 * @param {object} plan one of CASES
 * @returns {Promise<object>} the plan, and for each client the medians and every round's CPU in us a
 *   call; the ratio of the two medians
 */
async function measureCase(stub, plan) {
  const rounds = Object.fromEntries(CLIENTS.map((client) => [client, []]));
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const client of CLIENTS) rounds[client].push(await measureCalls(stub, client, plan));
  }
  const clients = Object.fromEntries(CLIENTS.map((name) => [name, summary(rounds[name])]));
  const ratio = clients.e2b.cpuUs / clients['e2b-swarm'].cpuUs;
  return { ...plan, clients, ratio, met: ratio >= plan.target };
}

function summary(rounds) {
  const of = (field) => median(rounds.map((round) => round[field]));
  return {
    cpuUs: of('cpuUs'),
    rounds: rounds.map(({ cpuUs }) => cpuUs),
    wallMs: of('wallMs'),
    maxRssKb: of('maxRssKb'),
    serverCpuUs: of('serverCpuUs'),
    requests: rounds.reduce((sum, { requests }) => sum + requests, 0),
  };
}

/**
 * @param {object[]} loads LOADS
 * @param {number} processes of each
 * @returns {Promise<object[]>} each with the median and every process's milliseconds
 */
async function measureLoads(loads, processes) {
  const rounds = loads.map(() => []);
  for (let round = 0; round < processes; round += 1) {
    for (const [index, { what }] of loads.entries()) {
      rounds[index].push(await child('load', what, environment({})));
    }
  }
  return loads.map(({ name, targetMs }, index) => {
    const ms = median(rounds[index].map((round) => round.ms));
    const cpuMs = median(rounds[index].map((round) => round.cpuMs));
    const met = targetMs === null ? null : ms < targetMs;
    return { name, ms, cpuMs, processes, targetMs, met };
  });
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

module.exports = { checkCounts, measureCase, measureLoads, median };
