'use strict';

// What users do: seeded, many at a time, with every public method, deadlines, second thoughts
// (aborts) and bad manners (never giving back). They live and die with their process and rest when
// the world is quiet. They check nothing themselves but how a call may end.

const { E2bError, InvalidArgumentError } = require('../../lib/errors');
const { OLD_ACTIONS } = require('./actions');
const { LEASE_ACTIONS } = require('./lease-actions');

class User {
  constructor(world, process, index) {
    this.world = world;
    this.process = process;
    this.manager = process.manager;
    this.name = `${process.name}/${process.pid}/u${index}`;
    this.random = world.root.fork(this.name);
  }

  async live() {
    for (;;) {
      await this.pause(this.random.between(0, 2 * this.world.profile.thinkMs));
      if (this.world.quiet) return;
      const action = this.random.weighted(this.world.actions);
      this.world.count(action);
      await (OLD_ACTIONS[action] ?? LEASE_ACTIONS[action])(this);
    }
  }

  /** Waits by the process's clock. */
  pause(ms) {
    return new Promise((resolve) => {
      this.process.clockFunctions.setTimeout(resolve, ms);
    });
  }

  spec() {
    const [low, high = low] = this.random.pick([this.world.profile.lives]);
    const timeout = this.random.chance(0.8) ? low : high;
    return { template: this.random.pick(['base', 'base', 'other']), timeout };
  }

  /** Sometimes a signal that gives up after a while. */
  signal() {
    if (!this.random.chance(this.world.faults.aborts)) return undefined;
    const controller = new AbortController();
    const ms = this.random.between(0, 3000);
    this.process.clockFunctions.setTimeout(() => controller.abort(new Error('enough')), ms);
    return controller.signal;
  }

  /**
   * A call whose end is watched.
   *
   * @param {string} name
   * @param {() => Promise} work
   * @param {object} [how]
   * @param {number} [how.limitMs] it has to end within
   * @param {boolean} [how.mayReject] with an E2bError
   * @returns {Promise<unknown>} what it answered; null when it rejected
   */
  async call(name, work, { limitMs, mayReject = false } = {}) {
    const { invariants, trace } = this.world;
    const call = invariants.begin({
      process: this.process,
      name: `${name} of ${this.name}`,
      limitMs,
    });
    try {
      const answer = await work();
      invariants.end(call);
      if (answer?.success === false) {
        trace.add(this.name, `${name}: ${answer.code}`);
        if (answer.code === 'INTERNAL') this.world.violate('an internal fault', answer.error);
      }
      return answer;
    } catch (error) {
      invariants.end(call);
      trace.add(this.name, `${name} rejects: ${error?.code ?? error}`);
      const isWrong = error instanceof InvalidArgumentError;
      if (!mayReject || isWrong || !(error instanceof E2bError)) {
        this.world.violate('a call rejects with what it must not', `${name}: ${error?.stack}`);
      }
      return null;
    }
  }
}

/** Which actions there are, with their weights. */
function actionsOf(manager) {
  const weights = { create: 2, take: 6, scaleUp: 1, cleanup: 1, look: 1, configure: 0.3 };
  if (typeof manager.acquire === 'function')
    Object.assign(weights, { acquire: 8, use: 3, reconcile: 1 });
  return weights;
}

function startUsers(world, process) {
  if (world.quiet) return;
  world.actions ??= actionsOf(process.manager);
  for (let i = 1; i <= world.profile.users; i++) {
    new User(world, process, i).live().catch((error) => {
      world.violate('a user failed', error?.stack ?? String(error));
    });
  }
}

module.exports = { startUsers };
