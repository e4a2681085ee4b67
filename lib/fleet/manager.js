'use strict';

// SandboxManager: the public face of the fleet. Each method checks what it is given, hands it to the
// file that owns the matter, and turns the end into a result object; none of them rejects for a
// failure. Nothing is sent from here and no state is kept here but the background loops.
//
// Order, always: state, then event, then promise. For one sandbox events come as
//   sandbox:created (agent:deployed agent:signal* agent:completed | strategy:executed)* sandbox:terminated
// and a recovery as sandbox:terminated (old), sandbox:created (new), agent:deployed*, recovery:success.

const { ConflictError } = require('../errors');
const { agentRequest } = require('./agents');
const { callOptions } = require('./call-options');
const { cleanupRound } = require('./cleanup');
const { cancelled } = require('./give-up');
const { LeasingManager, kParts } = require('./leasing-manager');
const { MemberView } = require('./member-view');
const { Rounds } = require('./rounds');
const { numbered, scaleUp } = require('./scale');
const { shutDown, shutdownOptions } = require('./shutdown');
const { strategyPlan } = require('./strategies');

class SandboxManager extends LeasingManager {
  #rounds;
  #firstRound = null;
  #shutdown = null;

  /**
   * @param {object} [config] all optional; ms unless said:
   *   maxPoolSize 10 (1 to 100), healthCheckInterval 30,000 (0: off), autoRecovery true,
   *   retryAttempts 3 (calls in all), retryDelay 1,000, cleanupInterval 300,000 (0: off),
   *   inactivityThreshold 3,600,000, maxConcurrentCreations 5, healthCheckBypassMs 0,
   *   shutdownGraceMs 5,000, keepAlive false, health { thresholds }, owner, store, pool { windows and
   *   sizes }, price, budget, creationGuard, retry, breaker, executionCache, backends, data, clock;
   *   and how to reach E2B: apiKey, apiUrl, sandboxUrl, domain, ca, proxy, headers, requestTimeoutMs
   * @throws {InvalidArgumentError} UNKNOWN_OPTION, INVALID_ARGUMENT
   */
  constructor(config) {
    super(config);
    const { config: values, core } = this[kParts];
    this.#rounds = new Rounds(core, {
      health: () => this.#healthRound({ wait: false }),
      cleanup: () => this.cleanup(),
      fleet: () => this.#fleetRound(),
    });

    /** The configuration; an assignment is checked and takes effect at once. */
    this.config = values.facade((name) => this.#rounds.reconfigured(name));
    /** The ten statistics, always current. */
    this.stats = core.stats.facade();
    /** All live sandboxes: id to record, read-only, always current. */
    this.activeSandboxes = new MemberView(() => core.pool.members());
    /** The idle ones among them. */
    this.sandboxPool = new MemberView(() => core.pool.idle());
    this._startHealthMonitoring();
    this._startCleanupTask();
    this.#rounds.start('pool');
    // With a store of one's own there may be something that a dead manager left.
    if (!values.sharesStore && this[kParts].warmer.target === 0) return;
    this.#firstRound = core.clock.setTimeout(() => this.#fleetRound(), 0);
    this.#firstRound?.unref?.();
  }

  /** The timer of the health rounds; null when stopped. */
  get _healthMonitoringInterval() {
    return this.#rounds.timer('healthCheckInterval');
  }

  /** The timer of the cleanup rounds; null when stopped. */
  get _cleanupInterval() {
    return this.#rounds.timer('cleanupInterval');
  }

  /**
   * Creates a sandbox; it is idle in the pool afterwards.
   *
   * @param {object} [config] { name, template 'base', timeout 3600 (s), memoryMb, cpuCount, env,
   *   metadata, autoPause, autoPauseMemory, autoResume, allowInternetAccess, network }
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<object>} { success, sandboxId, sandbox, message }; CAPACITY at once when full;
   *   `outcome: 'unknown'` when nobody can say whether a sandbox was made
   */
  createTradingSandbox(config, options) {
    return this.#answer('create_sandbox', null, options, async ({ signal }) => {
      const spec = this[kParts].specOf(config);
      if (signal?.aborted) throw cancelled(signal, 'not-sent');
      const place = await this[kParts].core.reserve(spec);
      const member = await this[kParts].creation.create(spec, place, { signal });
      const message = `Sandbox ${spec.name} created`;
      return { sandboxId: member.id, sandbox: member.record(), message };
    });
  }

  /**
   * An idle sandbox made from the same config (all but the name), looked at before it is handed out;
   * else a new one. It is taken until releaseSandbox.
   *
   * @param {object} [config] as createTradingSandbox
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<object>} { success, sandboxId, sandbox, reused }
   */
  getOrCreateSandbox(config, options) {
    return this.#answer('create_sandbox', null, options, async ({ signal }) => {
      const { member, reused } = await this[kParts].handout.get(
        this[kParts].specOf(config),
        signal,
      );
      return { sandboxId: member.id, sandbox: member.record(), reused };
    });
  }

  /**
   * Puts a sandbox back that getOrCreateSandbox took; also when it was replaced in between. Harmless
   * for one that is not taken.
   *
   * @param {string} sandboxId
   * @returns {Promise<object>} { success, sandboxId, sandbox, message }
   */
  releaseSandbox(sandboxId) {
    return this.#answer('release_sandbox', sandboxId, null, async () => {
      const { pool } = this[kParts].core;
      const newest = pool.newest(sandboxId);
      if (this[kParts].recovery.release(newest)) {
        const message = `Sandbox ${newest} is being replaced; the replacement will be idle`;
        return { sandboxId: newest, sandbox: null, message };
      }
      const member = pool.get(newest);
      member.taken = false;
      member.touch();
      await member.entry.quiet();
      const message = `Sandbox ${member.id} is back in the pool`;
      return { sandboxId: member.id, sandbox: member.record(), message };
    });
  }

  /**
   * Starts an agent; resolves at its first line. It runs on: `agent:signal` and `agent:completed`
   * tell how, and recovery starts it again if its sandbox dies.
   *
   * @param {string} sandboxId
   * @param {string} agentType 'momentum', ...
   * @param {string[]} symbols
   * @param {object|string} [params] the strategy's parameters, as an object or as JSON; beside them
   *   data, paceMs, timeout (s; default E2B_TIMEOUT, else 300), env, useGpu
   * @param {{ signal?: AbortSignal }} [options] gives up the start
   * @returns {Promise<object>} { success, sandboxId, agentType, agentId, symbols, pid, sample }
   */
  deployAgent(sandboxId, agentType, symbols, params, options) {
    return this.#answer('deploy_agent', sandboxId, options, async ({ signal }) => {
      const member = this.#usable(sandboxId);
      const request = agentRequest(agentType, symbols, params, this[kParts].config.get('data'));
      const { handle, agentId } = await this[kParts].watch.over(member, () =>
        this[kParts].core.occupied(member, () =>
          this[kParts].agents.deploy(member, request, signal),
        ),
      );
      const { pid, sample } = handle;
      const told = { agentType: handle.agentType, agentId, symbols: handle.symbols };
      return { sandboxId: member.id, ...told, pid, sample: sample ?? false, status: 'running' };
    });
  }

  /**
   * Runs a strategy to its end: an agent program by its name (`params.symbols`, and the parameters
   * of deployAgent), or a command: `params.command` (with args, cwd, env, user, stdin), else
   * `strategy` itself as a line for the shell. `params.timeout` is E2B_TIMEOUT, else 300 s.
   *
   * @param {string} sandboxId
   * @param {string} strategy
   * @param {object|string} [params]
   * @param {{ signal?: AbortSignal, cache?: boolean }} [options] cache: the answer that the same strategy with the
   *   same params gave before, in a sandbox of the same spec, will do (`executionCache`, five minutes)
   * @returns {Promise<object>} { success, sandboxId, strategy, output, stderr, exitCode, durationMs }
   *   and of an agent agentId, signals, summary, sample. Not ending with 0 is a failure
   *   (NON_ZERO_EXIT, AGENT_FAILED, TIMEOUT) that has the output too
   */
  executeStrategy(sandboxId, strategy, params, options) {
    return this.#answer('execute_strategy', sandboxId, options, async ({ signal, cache }) => {
      const parts = this[kParts];
      const member = this.#usable(sandboxId);
      const plan = strategyPlan(strategy, params, parts.config.get('data'));
      const execute = (until) =>
        parts.watch.over(member, () =>
          parts.core.occupied(member, () => parts.strategies.execute(member, plan, until)),
        );
      const scope = member.spec.fingerprint;
      const ran = cache
        ? await parts.cache.run({ code: strategy, params: params ?? null, scope }, execute, signal)
        : await execute(signal);
      return { sandboxId: member.id, strategy, ...ran };
    });
  }

  /**
   * Looks at every sandbox, idle ones through the control plane only, and replaces the ones that
   * need it (`autoRecovery`); resolves when that is done.
   *
   * @returns {Promise<object>} { success, health: { timestamp, totalSandboxes, healthy, degraded,
   *   unhealthy, fleet: { status, score }, sandboxes: { id: { status, health, reasons, ... } } },
   *   recoveries: [{ success, oldId, newId }] }
   */
  monitorHealth() {
    return this.#healthRound({ wait: true });
  }

  #healthRound({ wait }) {
    return this.#answer('health_check', null, null, async () => {
      const { report, condemned } = await this[kParts].monitor.round();
      const recoveries = this[kParts].watch.heal(condemned);
      return { health: report, recoveries: wait ? await Promise.all(recoveries) : [] };
    });
  }

  /**
   * Ends the sandboxes that nobody has used for `inactivityThreshold`.
   *
   * @returns {Promise<object>} { success, cleanup: { timestamp, checked, terminated, failed,
   *   freed: { memory (MB), cpu } } }
   */
  cleanup() {
    const sweep = async () => ({ cleanup: await cleanupRound(this[kParts].core) });
    return this.#answer('cleanup', null, null, sweep);
  }

  /**
   * Creates sandboxes, in parallel, until there are `target`, at most maxPoolSize.
   *
   * @param {number} target
   * @param {object} [config] as createTradingSandbox; the names get a number
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {Promise<object>} { success, created, failed, currentCount, message, errors: texts };
   *   success is false when none could be created
   */
  scaleUp(target, config, options) {
    return this.#answer('scale_up', null, options, ({ signal }) => {
      const specOf = (number) => this[kParts].specOf(numbered(config, number));
      return scaleUp(this[kParts].core, this[kParts].creation, { target, specOf, signal });
    });
  }

  /**
   * What we know of a sandbox and what the far end says now, its load included.
   *
   * @param {string} sandboxId
   * @returns {Promise<object>} { success, sandboxId, sandbox, health, reasons, status: SandboxStatus }
   */
  getSandboxStatus(sandboxId) {
    return this.#answer('get_status', sandboxId, null, async () => {
      const member = this[kParts].core.pool.get(sandboxId);
      const found = await this[kParts].monitor.examine(member, { retry: true, metrics: true });
      if (found.live === null) {
        if (found.replace) this[kParts].watch.heal([member]);
        throw found.error;
      }
      const { live, health, reasons } = found;
      return { sandboxId: member.id, sandbox: member.record(), health, reasons, status: live };
    });
  }

  /** @returns {object} { success, count, sandboxes: records } */
  listSandboxes() {
    const sandboxes = this[kParts].core.pool.members().map((member) => member.record());
    return { success: true, count: sandboxes.length, sandboxes };
  }

  /** @returns {object} { success, stats: the ten, config: what may be shown of it } */
  getStats() {
    return {
      success: true,
      stats: this[kParts].core.stats.snapshot(),
      config: this[kParts].config.snapshot(),
    };
  }

  /** Stops the background loops; sandboxes stay. @returns {{ success: true, message: string }} */
  stop() {
    this.#rounds.stop();
    if (this.#firstRound !== null) this[kParts].core.clock.clearTimeout(this.#firstRound);
    return { success: true, message: 'Background tasks stopped' };
  }

  /**
   * Ends everything: the loops, what is under way (after `shutdownGraceMs`), every sandbox. Methods
   * called afterwards answer CLOSED.
   *
   * @param {{ keepIdle?: boolean }} [options] keepIdle: idle sandboxes go on, and the next manager of
   *   the same owner and store adopts them; for stores that outlive the process
   * @returns {Promise<object>} { success, terminated, failed: ids that may still run, message }, and
   *   with keepIdle `kept`: ids; a second call gets the same promise
   */
  shutdown(options) {
    if (this.#shutdown === null) {
      const { core } = this[kParts];
      let given;
      try {
        given = shutdownOptions(options, core);
      } catch (error) {
        // Nothing was begun: it can be called again.
        return Promise.resolve(core.fail('shutdown', error));
      }
      this.#shutdown = this.#end(given);
    }
    return this.#shutdown;
  }

  async #end(options) {
    const { core, reconciler } = this[kParts];
    this.stop();
    const result = await shutDown(core, reconciler, options);
    this.emit('shutdown');
    return result;
  }

  async [Symbol.asyncDispose]() {
    await this.shutdown();
  }

  /**
   * Replaces a sandbox now: the old one ended by force, a new one from the same config in its place,
   * the agents that were still running started again.
   *
   * @param {string} sandboxId
   * @returns {Promise<object>} { success, oldId, newId, agents }
   */
  _attemptRecovery(sandboxId) {
    return this[kParts].recovery.recover(sandboxId);
  }

  /** (Re)starts the health rounds, every `healthCheckInterval`. */
  _startHealthMonitoring() {
    this.#rounds.start('healthCheckInterval');
  }

  /** (Re)starts the cleanup rounds, every `cleanupInterval`. */
  _startCleanupTask() {
    this.#rounds.start('cleanupInterval');
  }

  /** @throws {NotFoundError|ConflictError} for one that is unknown, or about to end */
  #usable(sandboxId) {
    const member = this[kParts].core.pool.get(sandboxId);
    if (member.status !== 'recovering' && member.status !== 'terminating') return member;
    const what = member.status === 'recovering' ? 'being replaced' : 'being terminated';
    throw new ConflictError(`sandbox '${member.id}' is ${what}`, { sandboxId: member.id });
  }

  // In the background: what may have been left is looked for, and the pool filled.
  async #fleetRound() {
    const { core, reconciler, warmer } = this[kParts];
    if (core.closed) return;
    const round = Promise.all([reconciler.pass(), warmer.fill()]);
    await core.track(
      round.catch((error) => core.fail('reconcile', error)),
      'watch',
    );
  }

  /** Runs a method's work; whatever happens becomes a result. */
  #answer(type, sandboxId, options, work) {
    const answer = async () => {
      try {
        this[kParts].core.checkOpen();
        return { success: true, ...(await work(callOptions(options))) };
      } catch (error) {
        return this[kParts].core.fail(type, error, sandboxId);
      }
    };
    return this[kParts].core.track(answer());
  }
}

module.exports = { SandboxManager };
