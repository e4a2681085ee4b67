'use strict';

// Agents: trading programs that come with the package, run inside a sandbox on real prices. This file
// decides what is run with what; the addon uploads program, configuration and prices and starts it.

const { randomBytes } = require('node:crypto');

const { agentProgram, resolveAgentType } = require('../agents');
const { ProcessExitError, TimeoutError } = require('../errors');
const { checkOptions, invalid, parseObject, show } = require('../options');
const { AgentHandle } = require('./agent-handle');
const { AgentLines } = require('./agent-lines');
const { callbackOf, flagOf, pairs } = require('./arguments');
const { CONNECTION_KEYS, commandTimeout } = require('./connection');
const { priceData } = require('./price-data');
const { OUTPUT_KEYS, ProcessCall } = require('./process-call');
const { lastLine } = require('./processes');

const RUN_KEYS = [
  'data',
  'timeout',
  'onSignal',
  'background',
  'paceMs',
  'env',
  'user',
  ...OUTPUT_KEYS,
  ...CONNECTION_KEYS,
];

/** What a user asked for, checked; nothing is read or sent yet. */
function planOf(sandboxId, agentType, symbols, strategyParams, useGpu, options) {
  const given = checkOptions(options, RUN_KEYS, 'runE2bAgent');
  const type = resolveAgentType(agentType);
  checkSymbols(symbols);
  const { data: paramsData, ...params } = parseObject(strategyParams, 'strategyParams');
  if (given.paceMs !== undefined) params.paceMs = given.paceMs;
  return {
    sandboxId,
    given,
    type,
    symbols: [...symbols],
    params,
    useGpu,
    source: given.data ?? paramsData,
    timeout: given.timeout ?? commandTimeout(),
    env: pairs(given.env, 'env'),
    onSignal: callbackOf(given.onSignal, 'onSignal'),
    background: flagOf(given.background, 'background'),
  };
}

function checkSymbols(symbols) {
  if (!Array.isArray(symbols) || symbols.length === 0) {
    const shown = Array.isArray(symbols) ? 'an empty one' : show(symbols);
    throw invalid(`symbols must be an array of at least one symbol, not ${shown}`);
  }
  for (const symbol of symbols) {
    if (typeof symbol !== 'string' || symbol === '') {
      throw invalid(`symbols: every one must be a string that is not empty, not ${show(symbol)}`);
    }
  }
  if (new Set(symbols).size !== symbols.length) throw invalid('symbols: one is given twice');
}

/**
 * @param {object} plan of planOf
 * @param {Function} caller the public function
 * @param {{ stack: string }} origin where it was called
 */
async function start(plan, caller, origin) {
  const { given, sandboxId, symbols } = plan;
  const prices = await priceData(symbols, plan.source, given.signal);
  const program = agentProgram(plan.type);
  const facts = {
    agentId: `${plan.type}-${randomBytes(6).toString('hex')}`,
    sandboxId,
    agentType: plan.type,
    symbols,
  };
  const sample = prices.some((each) => each.sample);
  const first = firstLineOf();
  const lines = new AgentLines(plan.onSignal, first.resolve);
  const toRun = (end) => runOf(facts, end, lines, sample);
  const call = new ProcessCall(given, caller, sandboxId, toRun, {
    always: true,
    onText: (stream, text) => (stream === 0 ? lines.push(text) : undefined),
  });
  call.origin = origin;
  Object.assign(call.record, {
    agentId: facts.agentId,
    programName: program.fileName,
    program: program.text,
    data: prices.map(({ bytes }) => bytes),
    dataNames: prices.map(({ fileName }) => fileName),
    timeout: plan.timeout,
    env: plan.env,
    user: given.user,
  });
  const params = JSON.stringify(plan.params);
  const refusal = call
    .begin()
    .runE2bAgent(sandboxId, plan.type, symbols, params, plan.useGpu, call.record);
  if (!plan.background) return call.enter(refusal);
  return call.enterInBackground(refusal, (pid, done) => {
    done.then((run) => first.reject(silentEnd(run)), first.reject);
    return new AgentHandle(call, given, { ...facts, sample, pid, firstLine: first.promise, done });
  });
}

function firstLineOf() {
  let settle;
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  promise.catch(() => {}); // nobody needs to listen
  return { promise, ...settle };
}

/** AgentRun */
function runOf(facts, end, lines, sample) {
  const { pid, exitCode, stdout = '', stderr = '', timedOut, durationMs } = end;
  const status = timedOut ? 'timeout' : exitCode === 0 ? 'completed' : 'failed';
  const { signals, summary } = lines;
  return {
    ...facts,
    status,
    pid,
    exitCode,
    signals,
    summary,
    stdout,
    stderr,
    durationMs,
    gpuUsed: false,
    sample,
  };
}

/** Why an agent that is over has no first line. */
function silentEnd({ sandboxId, agentType, status, exitCode, stderr }) {
  const fields = { sandboxId, outcome: 'interrupted' };
  if (status === 'timeout') {
    return new TimeoutError(`agent ${agentType} wrote nothing before its deadline`, fields);
  }
  const said = lastLine(stderr);
  return new ProcessExitError(
    `agent ${agentType} ended with exit code ${exitCode} before it wrote a line${said && `: ${said}`}`,
    { ...fields, code: 'AGENT_FAILED' },
  );
}

module.exports = { planOf, start };
