'use strict';

// Agents in sandboxes: started, watched until they end, and remembered as running until then, so
// that recovery knows what to start again. An agent whose stream broke is lost only when its sandbox
// still lives; when the sandbox is gone it was running to the last, and recovery's business.

const { NotFoundError, ProcessExitError, TimeoutError } = require('../errors');
const { parseObject } = require('../options');
const { linkSignals } = require('../policy/signals');
const { unlessGivenUp } = require('./give-up');
const { isSteady } = require('./health-monitor');
const { withDetails } = require('./results');

/** Keys of `params` that say how to run; every other one is a parameter of the strategy. */
const RUN_KEYS = ['data', 'timeout', 'env'];

/**
 * What is needed to start an agent, now and once more in a replacement.
 *
 * @param {string} agentType
 * @param {string[]} symbols
 * @param {object|string} [params] the strategy's parameters, as an object or as JSON; beside them
 *   useGpu, data, timeout (s), env
 * @param {unknown} [data] the manager's own source of prices
 * @throws {InvalidArgumentError} for text that is not JSON, with the position
 */
function agentRequest(agentType, symbols, params, data) {
  const { useGpu = false, ...given } = parseObject(params ?? {}, 'strategyParams');
  const options = data === undefined ? {} : { data };
  for (const key of RUN_KEYS) {
    if (given[key] !== undefined) options[key] = given[key];
    delete given[key];
  }
  const list = Array.isArray(symbols) ? Object.freeze([...symbols]) : symbols;
  return Object.freeze({ agentType, symbols: list, strategyParams: given, useGpu, options });
}

class Agents {
  #core;
  #verify;

  /**
   * @param {import('./core').FleetCore} core
   * @param {(member: Member) => Promise<boolean>} verify looks at a sandbox after something broke;
   *   true when it is gone
   */
  constructor(core, verify) {
    this.#core = core;
    this.#verify = verify;
  }

  /**
   * Starts an agent; resolves at its first line.
   *
   * @param {Member} member
   * @param {object} request of agentRequest
   * @param {AbortSignal} [signal] gives up the start; an agent that runs is not touched
   * @returns {Promise<{ agentId: string, request: object, handle: object }>}
   */
  async deploy(member, request, signal) {
    const core = this.#core;
    const signals = new SignalGate();
    const waiting = linkSignals(core.aborting, signal);
    const starting = () =>
      core.retry('deploy_agent', member.id, () => this.#start(member, request, signals), {
        backend: member.backend,
        signal: waiting.signal,
      });
    try {
      const handle = await member.during(() =>
        unlessGivenUp(core, member, signal, starting, firstLineOf),
      );
      if (!core.pool.has(member.id)) throw endedMeanwhile(member.id);
      const agent = { agentId: handle.agentId, request, handle };
      this.#enter(member, agent, signals);
      return agent;
    } catch (error) {
      if (reached(error)) member.addRun(false);
      throw error;
    } finally {
      waiting.unlink();
    }
  }

  #start(member, request, signals) {
    const { agentType, symbols, strategyParams, useGpu, options } = request;
    const how = { background: true, onSignal: (line) => signals.push(line) };
    return this.#core.native.runE2bAgent(
      member.id,
      agentType,
      symbols,
      strategyParams,
      useGpu,
      this.#core.options({ ...options, ...how }, member.backend),
    );
  }

  #enter(member, agent, signals) {
    const core = this.#core;
    const { agentId, handle } = agent;
    const { agentType, symbols } = handle;
    member.agents.set(agentId, agent);
    member.agentCount++;
    core.stats.add('agentsDeployed');
    core.emit('agent:deployed', { sandboxId: member.id, agentType, symbols });
    signals.open((signal) =>
      core.emit('agent:signal', { sandboxId: member.id, agentId, agentType, signal }),
    );
    const ended = handle.done.then(
      (run) => this.#ended(member, agent, run),
      (error) => this.#broke(member, agent, error),
    );
    core.track(ended, 'watch');
  }

  async #ended(member, agent, run) {
    // A process that was killed from outside may have died with its sandbox.
    const killed = run.status === 'failed' && !(run.exitCode > 0);
    if (killed && (await this.#diedWithSandbox(member))) return;
    this.#leave(member, agent, run.status, run);
    if (run.status !== 'completed') this.#core.fail('run_agent', endingError(run), member.id);
  }

  async #broke(member, agent, error) {
    if (await this.#diedWithSandbox(member)) return;
    const { native } = this.#core;
    const options = this.#core.options({}, member.backend);
    await native.killE2bProcess(member.id, agent.handle.pid, 'SIGKILL', options).catch(() => {});
    this.#leave(member, agent, 'lost', null);
    this.#core.fail('run_agent', error, member.id);
  }

  // Ours to end or to replace, or found to be gone: whoever does that has the list of its agents.
  async #diedWithSandbox(member) {
    if (!isSteady(member) || this.#core.closed) return true;
    return (await this.#verify(member)) || !isSteady(member);
  }

  #leave(member, agent, status, run) {
    if (!member.removeAgent(agent.agentId)) return;
    member.addRun(status === 'completed');
    const { agentType, symbols } = agent.handle;
    this.#core.emit('agent:completed', {
      sandboxId: member.id,
      agentId: agent.agentId,
      agentType,
      symbols,
      status,
      exitCode: run?.exitCode ?? null,
      summary: run?.summary ?? null,
      durationMs: run?.durationMs ?? null,
    });
  }
}

async function firstLineOf(handle) {
  handle.done.catch(() => {}); // watched as soon as the agent counts as deployed
  await handle.firstLine;
  return handle;
}

/** Holds lines back until somebody may see them, then lets them through in order. */
class SignalGate {
  #held = [];
  #through = null;

  push(line) {
    if (this.#through) this.#through(line);
    else this.#held.push(line);
  }

  open(through) {
    this.#through = through;
    this.#held.splice(0).forEach(through);
  }
}

/** Its first line was on its way when the sandbox was ended: nobody would start it again. */
function endedMeanwhile(sandboxId) {
  return new NotFoundError(`sandbox '${sandboxId}' was ended while the agent started`, {
    ...{ code: 'SANDBOX_GONE', outcome: 'interrupted', sandboxId },
  });
}

/** What a run that did not complete is reported as; the result shows what it wrote. */
function endingError(run) {
  const { sandboxId, agentType, exitCode, stdout, stderr, durationMs } = run;
  const fields = { sandboxId, outcome: 'interrupted' };
  const error =
    run.status === 'timeout'
      ? new TimeoutError(`agent ${agentType} was killed at its deadline`, fields)
      : new ProcessExitError(`agent ${agentType} ended with exit code ${exitCode}${tail(stderr)}`, {
          ...fields,
          code: 'AGENT_FAILED',
        });
  return withDetails(error, { output: stdout, stderr, exitCode, durationMs });
}

/** The last line that a program wrote about its end. */
function tail(stderr) {
  const last = String(stderr ?? '')
    .trim()
    .split('\n')
    .at(-1);
  return last ? `: ${last.slice(-300)}` : '';
}

/** Whether a failure says something about the sandbox, and not only about the request. */
function reached(error) {
  const { code, outcome } = error ?? {};
  if (code === 'CANCELLED') return false;
  return code === 'AGENT_FAILED' || !['not-sent', 'rejected'].includes(outcome);
}

module.exports = { Agents, agentRequest, endingError, tail, reached };
