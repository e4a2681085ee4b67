'use strict';

// An agent that runs in a sandbox, in the hands of whoever started it in the background.

const { connectionOf } = require('./process-handle');
const { killE2bProcess } = require('./process-control');

class AgentHandle {
  #call;
  #connection;

  /**
   * @param {import('./process-call').ProcessCall} call
   * @param {object} given options of the call
   * @param {object} facts { agentId, sandboxId, agentType, symbols, sample, pid, firstLine, done }
   */
  constructor(call, given, facts) {
    this.#call = call;
    this.#connection = connectionOf(given);
    this.agentId = facts.agentId;
    this.sandboxId = facts.sandboxId;
    this.agentType = facts.agentType;
    this.symbols = facts.symbols;
    this.sample = facts.sample;
    this.pid = facts.pid;
    /** @type {'running'|'completed'|'failed'|'timeout'} 'failed' also when it was lost sight of */
    this.status = 'running';
    /** @type {Promise<void>} its first line; rejects when it ended without one */
    this.firstLine = facts.firstLine;
    /** @type {Promise<object>} AgentRun; nobody needs to listen to it */
    this.done = facts.done;
    this.done.then(
      (run) => {
        this.status = run.status;
      },
      () => {
        this.status = 'failed';
      },
    );
  }

  /** Kills the agent. Rejects with NOT_FOUND when it has ended. */
  kill() {
    return killE2bProcess(this.sandboxId, this.pid, 'SIGKILL', this.#connection);
  }

  /** Lets go of it: it lives on, its lines are not seen any more, `done` rejects. */
  disconnect() {
    if (this.status === 'running') this.#call.detach();
  }
}

module.exports = { AgentHandle };
