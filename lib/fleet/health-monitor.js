'use strict';

// Looks at sandboxes and says how they are. Looking never prolongs a life: an idle sandbox is asked
// for at the control plane only; the daemon of one that works is asked for its metrics. Replacing is
// recovery's business: this file only names who is to be replaced.

const { ServerError } = require('../errors');
const { mapLimited } = require('../policy/limiter');
const { classify, fleetHealth } = require('./health');
const { isGone } = require('./results');

/** Looks in flight in one round: a fleet of 100 in ten turns, and no storm. */
const LOOKS_AT_ONCE = 10;
/** Deadline of a look: a far end that hangs must not hold up a round, or a process that wants to end. */
const LOOK_TIMEOUT_MS = 10_000;

class HealthMonitor {
  #core;

  constructor(core) {
    this.#core = core;
  }

  /**
   * One round over the whole fleet: state, statistics, then the event.
   *
   * @returns {Promise<{ report: object, condemned: Member[] }>}
   */
  async round() {
    const core = this.#core;
    const members = core.pool.members().filter(isSteady);
    const looked = await mapLimited(members, LOOKS_AT_ONCE, (member) => this.examine(member));
    const findings = looked.filter(({ member }) => core.pool.has(member.id) && isSteady(member));
    const report = this.#report(findings);
    core.stats.add('healthChecks');
    core.stats.setHealthy(report.healthy);
    core.emit('health:checked', report);
    return { report, condemned: findings.filter(worthReplacing(core)).map(({ member }) => member) };
  }

  /**
   * Looks at one and keeps what was found in its record.
   *
   * @param {object} [how]
   * @param {boolean} [how.retry] again as the policy says; a round looks again anyway
   * @param {boolean} [how.metrics] ask its daemon too; default: of one that works
   * @returns {Promise<object>} { member, presence, live, health, reasons, replace, error }
   */
  async examine(member, { retry = false, metrics = member.working } = {}) {
    const { presence, live, error } = await this.#look(member, retry, metrics);
    if (presence === 'ok') member.seen();
    if (live !== null) member.learnSize(live);
    const limits = this.#core.config.get('health');
    const seen = {
      presence,
      uptimeMs: member.uptimeMs,
      timeoutMs: lifeOf(live) ?? member.spec.timeout * 1000,
      runs: member.runs,
      errorRate: member.errorRate,
      averageLatencyMs: member.averageLatencyMs,
      idleMs: member.idleMs,
    };
    const verdict = classify(seen, limits);
    if (isSteady(member)) {
      member.health = verdict.health;
      member.gone = presence === 'gone';
      if (presence !== 'unseen') member.status = STATUS[presence];
    }
    if (presence === 'unseen') this.#core.fail('health_check', error, member.id);
    return { member, presence, live, error, seen, ...verdict };
  }

  async #look(member, retry, metrics) {
    const core = this.#core;
    const requestTimeoutMs = core.deadlineMs(LOOK_TIMEOUT_MS);
    const options = core.options({ metrics, requestTimeoutMs }, member.backend);
    const ask = async () => {
      const live = await core.native.getE2bSandboxStatus(member.id, options);
      if (live.status === 'error') throw new Unreachable(live);
      return live;
    };
    // One failed probe may be a hiccup, and what works there would be lost: asked again, always.
    const retryIf = retry ? undefined : (error) => error instanceof Unreachable;
    // The control plane has answered: a dead daemon is no failure of it.
    const judge = (error) => (error instanceof Unreachable ? 'success' : undefined);
    try {
      const live = await core.retry('get_status', member.id, ask, {
        ...{ retryIf, judge, backend: member.backend },
      });
      return { presence: PRESENCE[live.status] ?? 'ok', live, error: null };
    } catch (error) {
      if (error instanceof Unreachable) return { presence: 'unreachable', live: error.live, error };
      return { presence: isGone(error) ? 'gone' : 'unseen', live: null, error };
    }
  }

  #report(findings) {
    const count = (health) => findings.filter((finding) => finding.health === health).length;
    const running = findings.filter(({ presence }) => presence === 'ok').length;
    return {
      timestamp: new Date(this.#core.clock.now()).toISOString(),
      totalSandboxes: findings.length,
      healthy: count('healthy'),
      degraded: count('degraded'),
      unhealthy: count('unhealthy'),
      fleet: fleetHealth(findings.length, running),
      sandboxes: Object.fromEntries(findings.map((found) => [found.member.id, entryOf(found)])),
    };
  }
}

/** The control plane says that it runs, and its daemon does not answer. */
class Unreachable extends ServerError {
  constructor(live) {
    const { sandboxId } = live;
    super(`the daemon of sandbox '${sandboxId}' does not answer`, {
      ...{ code: 'BAD_GATEWAY', outcome: 'unknown', retryable: true, sandboxId },
    });
    this.live = live;
  }
}

const PRESENCE = { running: 'ok', stopped: 'paused' };
const STATUS = { ok: 'running', paused: 'stopped', unreachable: 'error', gone: 'error' };

/** Not one that is being ended or replaced at this moment. */
function isSteady({ status }) {
  return status === 'running' || status === 'stopped' || status === 'error';
}

// Inactive for too long: the cleanup's, which ends it; a replacement would only be idle again.
function worthReplacing(core) {
  const inactiveMs = core.config.get('inactivityThreshold');
  return ({ member, replace }) => replace && (member.busy || member.idleMs <= inactiveMs);
}

// By the far end's own two time stamps: our clock has no part in it.
function lifeOf(live) {
  const life = Date.parse(live?.endsAt) - Date.parse(live?.startedAt);
  return Number.isFinite(life) && life > 0 ? life : null;
}

function entryOf({ member, presence, live, seen, health, reasons }) {
  return {
    sandboxId: member.id,
    name: member.spec.name,
    status: presence === 'unseen' ? 'error' : STATUS[presence],
    health,
    reasons,
    uptime: Math.round(seen.uptimeMs) / 1000,
    memoryUsage: live?.memoryUsage ?? null,
    cpuUsage: live?.cpuUsage ?? null,
    errorRate: member.errorRate,
    averageLatencyMs: member.averageLatencyMs,
    executionCount: member.executionCount,
    agentCount: member.agentCount,
    lastActivity: member.lastUsed,
  };
}

module.exports = { HealthMonitor, isSteady };
