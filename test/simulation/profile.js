'use strict';

// What one seed is about: how the manager is configured, how many users and processes there are, and
// which faults happen how often. Each fault is off in many seeds, so that every mix turns up. The
// bounds here are the conditions under which the promise is given; they stand in one place.

const { estimateCost, resolvePrice } = require('../../lib/money/prices');

const PRICE = resolvePrice();
/** A request takes effect at most so long after it was sent (the watch window is 120 s). */
const LATEST_EFFECT_MS = 110_000;
/** A listing shows a state at most so old (the settle window is 5 s). */
const MAX_LIST_LAG_MS = 4000;
/** After its creation a sandbox may be unknown to look-ups by id for so long. */
const MAX_HIDDEN_MS = 3000;

/** What can become of a request, with the weight that it gets where its dice fall on. */
const FATES = {
  lostAnswer: 6, // carried out, the answer lost
  late: 4, // given up by the client, carried out later
  never: 4, // lost before it was carried out, nobody can say so
  duplicate: 4, // carried out twice
  notSent: 4, // no connection
  busy: 4, // 503 of its own: nothing was changed
  strange: 2, // 503 of a stranger: unknown
  error: 4, // 500, 502, 504, not carried out
  hang: 2, // no answer until the client's deadline
  slow: 4, // carried out, the answer takes seconds
};
const FINE = 100;

/** @param {import('./random').Random} random */
function faultsOf(random) {
  const quiet = random.chance(0.1);
  const on = (p) => !quiet && random.chance(p);
  const fates = { fine: FINE };
  for (const [name, weight] of Object.entries(FATES)) {
    fates[name] = on(0.5) ? weight * random.pick([0.5, 1, 3]) : 0;
  }
  return {
    fates,
    listLagMs: on(0.6) ? random.between(0, MAX_LIST_LAG_MS) : 0,
    hiddenMs: on(0.4) ? random.between(0, MAX_HIDDEN_MS) : 0,
    zombies: on(0.4) ? random.pick([0.02, 0.1, 0.3]) : 0,
    silentDeaths: on(0.4) ? random.pick([0.05, 0.3]) : 0,
    rateLimits: on(0.4) ? random.pick([0.01, 0.05]) : 0,
    /** Below the manager's maximum in some seeds: the far end's own cap is met. */
    ceiling: on(0.3) ? random.whole(1, 6) : Infinity,
    ceilingLagMs: random.between(0, 10_000),
    crashes: on(0.5) ? random.pick([1, 2, 5]) : 0,
    crashAtCall: on(0.4) ? random.pick([0.002, 0.01]) : 0,
    jumps: on(0.3) ? random.pick([1, 4]) : 0,
    stalls: on(0.3) ? random.pick([1, 2]) : 0,
    partitions: on(0.3) ? random.pick([1, 2]) : 0,
    outages: on(0.25) ? 1 : 0,
    /** Share of the ways that take up to ten times as long. */
    tail: on(0.7) ? 0.05 : 0,
    aborts: on(0.5) ? random.pick([0.05, 0.2]) : 0,
  };
}

/** Times and numbers of the pool; windows are the defaults, for which the conditions above hold. */
function poolOf(random) {
  const warm = random.pick([0, 0, 1, 2]);
  return {
    reconcileMs: random.pick([0, 20_000, 60_000]),
    maxLeaseMs: random.pick([20_000, 86_400_000]),
    maxUses: random.pick([0, 0, 2]),
    maxAgeMs: random.pick([0, 0, 30_000]),
    warm,
    ...(warm > 0 ? { warmSpec: { template: 'base', timeout: 300 } } : {}),
  };
}

/** A budget that stops at so many whole lives of sandboxes; in most seeds none. */
function budgetOf(random, lifeS) {
  if (!random.chance(0.25)) return undefined;
  const total = random.whole(2, 20) * costOf(lifeS * 1000);
  return { total, hardStop: true };
}

/** Dollars for a sandbox's life. */
function costOf(lifeMs) {
  return estimateCost(PRICE, { nowMs: 0, lifeMs });
}

/** @param {import('./random').Random} random */
function profileOf(random) {
  const maxPoolSize = random.whole(2, 8);
  const lives = random.pick([[40, 90], [90, 600], [3600]]);
  return {
    faults: faultsOf(random.fork('faults')),
    resets: random.chance(0.4),
    managers: random.pick([1, 2, 2, 3]),
    users: random.whole(1, 3),
    actMs: random.whole(20, 60) * 1000,
    thinkMs: random.pick([500, 2000, 5000]),
    /** Sandboxes' own lives, in seconds. */
    lives,
    latencyMs: random.pick([20, 100, 400]),
    pageSize: random.pick([2, 5, 100]),
    /** One host: it is known which process lives. Many: only by the heartbeat. */
    hosts: random.pick(['one', 'one', 'many']),
    config: {
      maxPoolSize,
      pool: poolOf(random),
      budget: budgetOf(random.fork('budget'), lives[0]),
      healthCheckInterval: random.pick([0, 15_000, 30_000]),
      cleanupInterval: random.pick([0, 15_000, 60_000]),
      inactivityThreshold: random.pick([20_000, 60_000, 3_600_000]),
      retryAttempts: random.whole(1, 4),
      retryDelay: random.pick([100, 1000]),
      maxConcurrentCreations: random.whole(1, 5),
      requestTimeoutMs: random.pick([2000, 10_000, 60_000]),
      shutdownGraceMs: random.pick([0, 2000, 5000]),
      healthCheckBypassMs: random.pick([0, 500, 5000]),
      autoRecovery: random.chance(0.7),
    },
  };
}

/** No faults any more. */
const NO_FAULTS = Object.freeze({
  fates: Object.freeze({ fine: 1 }),
  listLagMs: 0,
  hiddenMs: 0,
  zombies: 0,
  silentDeaths: 0,
  rateLimits: 0,
  ceiling: Infinity,
  ceilingLagMs: 0,
  crashes: 0,
  crashAtCall: 0,
  jumps: 0,
  stalls: 0,
  partitions: 0,
  outages: 0,
  aborts: 0,
  tail: 0,
});

module.exports = { profileOf, costOf, NO_FAULTS, LATEST_EFFECT_MS };
