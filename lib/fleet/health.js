'use strict';

// What the observations of a sandbox mean: healthy, degraded or unhealthy, why, and whether it is to
// be replaced; and what that means for the fleet. Pure functions over numbers: the thresholds are
// configuration (`config.health`), the looking is done in health-monitor.js.

/**
 * @param {object} seen
 * @param {'ok'|'gone'|'unreachable'|'paused'|'unseen'} seen.presence 'gone': the far end says there
 *   is none; 'unreachable': the far end says it runs, its daemon does not answer; 'unseen': the far
 *   end itself did not answer, which says nothing about the sandbox
 * @param {number} seen.uptimeMs
 * @param {number} seen.timeoutMs its whole life
 * @param {number} seen.runs work done in it
 * @param {number} seen.errorRate share of it that failed, 0 to 1
 * @param {number|null} seen.averageLatencyMs null without a sample
 * @param {number} seen.idleMs since its last use
 * @param {object} limits see HEALTH_DEFAULTS
 * @returns {{ health: 'healthy'|'degraded'|'unhealthy', reasons: string[], replace: boolean }}
 *   the reasons of the worst category that applies
 */
function classify(seen, limits) {
  const rated = seen.runs >= limits.minExecutions;
  const unhealthy = [
    seen.presence === 'gone' && 'gone',
    seen.presence === 'unreachable' && 'unreachable',
    seen.uptimeMs > seen.timeoutMs && 'past-timeout',
    rated && seen.errorRate > limits.unhealthyErrorRate && 'error-rate',
  ].filter(Boolean);
  if (unhealthy.length > 0) {
    const replace =
      unhealthy.some((reason) => reason !== 'error-rate') ||
      seen.errorRate > limits.replaceErrorRate;
    return { health: 'unhealthy', reasons: unhealthy, replace };
  }
  const degraded = [
    seen.presence === 'unseen' && 'unseen',
    seen.presence === 'paused' && 'paused',
    seen.uptimeMs > limits.degradedTimeoutShare * seen.timeoutMs && 'near-timeout',
    rated && seen.errorRate > limits.degradedErrorRate && 'error-rate',
    seen.averageLatencyMs > limits.degradedLatencyMs && 'latency',
    seen.idleMs > limits.degradedIdleMs && 'inactive',
  ].filter(Boolean);
  return {
    health: degraded.length > 0 ? 'degraded' : 'healthy',
    reasons: degraded,
    replace: false,
  };
}

/**
 * The fleet as a whole, by the share of its sandboxes that are running.
 *
 * @returns {{ status: 'healthy'|'degraded'|'unhealthy', score: number|null }} score 0 to 1; null
 *   (and healthy) for a fleet of none
 */
function fleetHealth(total, running) {
  if (total === 0) return { status: 'healthy', score: null };
  const score = running / total;
  // Compared as whole numbers: 0.9 * 10 is 9 in arithmetic, and not in every sum of doubles.
  if (running * 100 >= total * 90) return { status: 'healthy', score };
  return { status: running * 100 >= total * 70 ? 'degraded' : 'unhealthy', score };
}

module.exports = { classify, fleetHealth };
