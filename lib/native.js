'use strict';

// The native functions as users and the manager call them: all of them answer with promises, never
// throw, send each request once, and reject with the errors of lib/errors.js. The rooms behind it are
// in lib/native/. Loading this loads neither the addon nor the agents: the first call does.

const { killE2bProcess, listE2bProcesses, sendE2bInput } = require('./native/process-control');
const { connectE2bProcess, executeE2bProcess } = require('./native/processes');
const code = require('./native/code');
const files = require('./native/files');
const lifecycle = require('./native/lifecycle');
const observation = require('./native/observation');
const sandboxes = require('./native/sandboxes');
const terminals = require('./native/terminals');
const { watchE2bFiles } = require('./native/watch');

/**
 * Runs a trading agent inside a sandbox, on daily prices.
 *
 * @param {string} sandboxId
 * @param {string} agentType 'momentum', in any spelling
 * @param {string[]} symbols at least one
 * @param {object|string} [strategyParams] of the strategy, as an object or as JSON; `data` in it is
 *   as in the options
 * @param {boolean} [useGpu] default false; no sandbox has one: `gpuUsed` in the result is false
 * @param {object} [options] data ({ SYMBOL: path | bytes | bars[] } or symbol => one of these, also
 *   by a promise; default: the packaged SPX and AAPL, `sample: true`), timeout (seconds; default
 *   E2B_TIMEOUT, else 300), onSignal, onStdout, onStderr, background, paceMs, env, user,
 *   maxOutputBytes, and the connection
 * @returns {Promise<object>} AgentRun at its end; with background an AgentHandle at its start
 */
function runE2bAgent(
  sandboxId,
  agentType,
  symbols,
  strategyParams = {},
  useGpu = false,
  options = undefined,
) {
  try {
    const { planOf, start } = require('./native/agents-run');
    const origin = {};
    Error.captureStackTrace(origin, runE2bAgent);
    const plan = planOf(sandboxId, agentType, symbols, strategyParams, useGpu, options);
    return start(plan, runE2bAgent, origin);
  } catch (error) {
    return Promise.reject(error);
  }
}

module.exports = {
  ...sandboxes,
  ...files,
  ...lifecycle,
  ...observation,
  ...code,
  ...terminals,
  watchE2bFiles,
  runE2bAgent,
  executeE2bProcess,
  connectE2bProcess,
  killE2bProcess,
  listE2bProcesses,
  sendE2bInput,
};
