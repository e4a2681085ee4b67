'use strict';

// A strategy run to its end in a sandbox: one of the agent programs, or any command. Its output is
// in the result whether it succeeded or not. It is never run twice: only a start that certainly did
// not happen is tried again.

const { ProcessExitError, TimeoutError } = require('../errors');
const { checkOptions, checkString, invalid, parseObject, show } = require('../options');
const { linkSignals } = require('../policy/signals');
const { agentRequest, endingError, reached, tail } = require('./agents');
const { unlessGivenUp } = require('./give-up');
const { withDetails } = require('./results');

const COMMAND_KEYS = [
  'command',
  'args',
  'timeout',
  'cwd',
  'env',
  'user',
  'stdin',
  'maxOutputBytes',
];

/**
 * What is to be run. `params.command` is run as it stands and `strategy` is its label; otherwise a
 * strategy that is the name of an agent (or comes with symbols) is that agent; anything else is
 * itself the command, a line for the shell.
 *
 * @returns {{ strategy: string, shown: object, command: object|null, agent: object|null }}
 * @throws {InvalidArgumentError}
 */
function strategyPlan(strategy, params, data) {
  checkString(strategy, 'strategy');
  const given = parseObject(params ?? {}, 'params');
  const shown = shownParams(given);
  const isAgent =
    given.command === undefined && (given.symbols !== undefined || isAgentType(strategy));
  if (isAgent) {
    const { symbols, ...rest } = given;
    const agent = agentRequest(strategy, symbols ?? [], rest, data);
    return { strategy, shown, agent, command: null };
  }
  checkOptions(given, COMMAND_KEYS, `the command of executeStrategy('${strategy.slice(0, 40)}')`);
  const { command = strategy, args, timeout, ...options } = given;
  if (given.stdin != null && !isInput(given.stdin)) {
    throw invalid(`params.stdin must be text or bytes, not ${show(given.stdin)}`);
  }
  return { strategy, shown, agent: null, command: { command, args, timeout, options } };
}

function isAgentType(name) {
  // Lazily: the programs are read from disk.
  const { resolveAgentType } = require('../agents');
  try {
    resolveAgentType(name);
    return true;
  } catch {
    return false;
  }
}

// What an event may show: environment and input by name and size alone, prices by symbol.
function shownParams({ env, stdin, data, ...rest }) {
  const shown = { ...rest };
  if (env !== undefined) shown.envKeys = Object.keys(env ?? {});
  if (isInput(stdin)) shown.stdinBytes = Buffer.byteLength(stdin);
  if (data !== undefined && typeof data === 'object') shown.dataSymbols = Object.keys(data ?? {});
  return shown;
}

function isInput(value) {
  return typeof value === 'string' || value instanceof Uint8Array;
}

class Strategies {
  #core;

  constructor(core) {
    this.#core = core;
  }

  /**
   * @param {Member} member
   * @param {object} plan of strategyPlan
   * @param {AbortSignal} [signal] gives up; what runs is killed
   * @returns {Promise<object>} what the result shows: output, exitCode, ...
   * @throws {E2bError} with the output among its details
   */
  async execute(member, plan, signal) {
    const core = this.#core;
    try {
      const ran = await member.during(() =>
        plan.agent
          ? this.#runAgent(member, plan.agent, signal)
          : this.#runCommand(member, plan.command, signal),
      );
      member.executionCount++;
      member.addRun(true);
      core.stats.add('strategiesExecuted');
      core.purse.meter.executed(member.id, ran.durationMs ?? 0);
      const { strategy, shown } = plan;
      core.emit('strategy:executed', { sandboxId: member.id, strategy, params: shown });
      return ran;
    } catch (error) {
      if (reached(error)) {
        member.executionCount++;
        member.addRun(false);
      }
      throw error;
    }
  }

  async #runAgent(member, request, signal) {
    const { agentType, symbols, strategyParams, useGpu, options } = request;
    const { native } = this.#core;
    const run = await this.#run(member, signal, (how) =>
      native.runE2bAgent(member.id, agentType, symbols, strategyParams, useGpu, {
        ...how,
        ...options,
      }),
    );
    if (run.status !== 'completed') throw endingError(run);
    const { agentId, signals, summary, exitCode, stderr, durationMs, gpuUsed, sample } = run;
    const answer = { agentId, agentType: run.agentType, symbols: run.symbols, signals, summary };
    return { output: run.stdout, stderr, exitCode, durationMs, gpuUsed, sample, ...answer };
  }

  async #runCommand(member, { command, args, timeout, options }, signal) {
    const { clock, native } = this.#core;
    const result = await this.#run(member, signal, async (how) => {
      const askedAt = clock.steady();
      const all = { ...how, ...options };
      const handle = await native.executeE2bProcess(member.id, command, args, timeout, true, all);
      member.addLatency(clock.steady() - askedAt);
      return handle;
    });
    const { exitCode, signal: killedBy, stdout, stderr, truncated, durationMs } = result;
    const answer = { output: stdout, stderr, exitCode, signal: killedBy, truncated, durationMs };
    if (!result.timedOut && exitCode === 0) return answer;
    throw withDetails(exitError(member.id, result), answer);
  }

  /**
   * Starts something in the background and waits for its end: so the round trip is known apart from
   * the run time, and the process can be ended when nobody waits for it any more.
   */
  async #run(member, signal, start) {
    const core = this.#core;
    const how = core.options({ background: true }, member.backend);
    const waiting = linkSignals(core.aborting, signal);
    const starting = () =>
      core.retry('execute_strategy', member.id, () => start(how), {
        ...{ signal: waiting.signal, backend: member.backend },
      });
    try {
      return await unlessGivenUp(core, member, signal, starting, (handle) => {
        handle.firstLine?.catch(() => {});
        return handle.done;
      });
    } finally {
      waiting.unlink();
    }
  }
}

function exitError(sandboxId, { timedOut, exitCode, signal, stderr }) {
  const fields = { sandboxId, outcome: 'interrupted' };
  if (timedOut) return new TimeoutError('the command was killed at its deadline', fields);
  const how = exitCode === null || exitCode < 0 ? `by ${signal}` : `with exit code ${exitCode}`;
  return new ProcessExitError(`the command ended ${how}${tail(stderr)}`, fields);
}

module.exports = { Strategies, strategyPlan };
