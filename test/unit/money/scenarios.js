'use strict';

// The cost tables of the requirement documents (COST-03 to COST-10), as usage that the price profiles
// turn into money. The requirements give the totals; the quantities are the plainest ones that lead to
// every number of a table at once, so they are ours. Rows that cannot be reached are listed as wrong,
// with what the same inputs come to.

const {
  DAY_MS,
  HOUR_MS,
  intervalCost,
  pieceCost,
  resolvePrice,
} = require('../../../lib/money/prices');

/** @returns dollars for { creations, sandboxHours, calls, executionSeconds, gbDays } */
function costOf(profileName, usage) {
  const { sandboxHours = 0, executionSeconds = 0, gbDays = 0, ...counts } = usage;
  const profile = resolvePrice(profileName);
  const size = { fromMs: 0, vcpu: 2, gib: 0.5 };
  const running = intervalCost(profile, { ...size, lengthMs: sandboxHours * HOUR_MS });
  const stored = { ...size, lengthMs: gbDays * DAY_MS, storageGb: 1, paused: true };
  const pieces = pieceCost(profile, 0, { ...counts, executionMs: executionSeconds * 1000 });
  return running + intervalCost(profile, stored) + pieces;
}

/** Rounded as the documents round. */
const cents = (dollars) => Math.round(dollars * 100) / 100;

const REPRODUCED = [
  // COST-03, profile A, exact
  ['COST-03 development', 's2', { creations: 5, sandboxHours: 10, calls: 200, gbDays: 1 }, 0.535],
  ['COST-03 production', 's2', { creations: 10, sandboxHours: 72, calls: 5000, gbDays: 5 }, 4.16],
  ['COST-03 stress', 's2', { creations: 100, sandboxHours: 50, calls: 5000, gbDays: 5 }, 3.15],
];

/** COST-04, profile B: two creations per agent a day; the day is rounded to cents before it is multiplied. */
const FLEETS = [
  {
    name: '5 agents, 8 h',
    usage: { creations: 10, sandboxHours: 40, calls: 500 },
    day: 4.51,
    month: 135.3,
    year: 1623.6,
  },
  {
    name: '15 agents, 16 h',
    usage: { creations: 30, sandboxHours: 240, calls: 2000 },
    day: 26.04,
    month: 781.2,
    year: 9374.4,
  },
  {
    name: '50 agents, 24 h',
    usage: { creations: 100, sandboxHours: 1200, calls: 10_000 },
    day: 130.13,
    month: 3903.9,
    year: 46_846.8,
  },
];

module.exports = { costOf, cents, REPRODUCED, FLEETS };
