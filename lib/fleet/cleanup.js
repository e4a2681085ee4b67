'use strict';

// Ends what nobody has used for too long, and idle ones past the age or the uses of the pool. A sandbox that works, or that somebody has taken, is not
// inactive however old it is. One that could not be ended stays in the fleet, for the next sweep.

const { mapLimited } = require('../policy/limiter');
const { isWorn } = require('./handout');
const { isSteady } = require('./health-monitor');

/** Terminations in flight. */
const ENDS_AT_ONCE = 10;

/**
 * One sweep: state and statistics, then the event.
 *
 * @param {import('./core').FleetCore} core
 * @returns {Promise<object>} { timestamp, checked, terminated, failed, freed: { memory (MB), cpu } };
 *   freed sums the sizes that are known
 */
async function cleanupRound(core) {
  const members = core.pool.members();
  const due = members.filter((member) => isDue(core, member));
  const ended = await mapLimited(due, ENDS_AT_ONCE, (member) => end(core, member));
  const terminated = ended.filter((one) => one?.terminated).map(({ member }) => member);
  const sum = (field) => terminated.reduce((total, member) => total + (member[field] ?? 0), 0);
  const summary = {
    timestamp: new Date(core.clock.now()).toISOString(),
    checked: members.length,
    terminated: terminated.length,
    failed: ended.filter((one) => one?.terminated === false).length,
    freed: { memory: sum('memoryMb'), cpu: sum('cpuCount') },
  };
  core.emit('cleanup:complete', summary);
  return summary;
}

function isDue(core, member) {
  const unused = member.gone || !member.busy;
  if (!unused || !isSteady(member)) return false;
  const { config } = core;
  return member.idleMs > config.get('inactivityThreshold') || isWorn(member, config.get('pool'));
}

async function end(core, member) {
  // It may have been taken while others were ended.
  if (!isDue(core, member)) return null;
  try {
    const leftMs = Math.max(0, member.diesAt - core.clock.steady());
    core.purse.meter.cleaned(member.id, member.gone ? 0 : leftMs);
    await core.terminate(member, 'cleanup', { onlyIdle: !member.gone });
    return { member, terminated: true };
  } catch (error) {
    if (error?.code === 'CONFLICT' || error?.code === 'FENCED') return null;
    core.fail('cleanup', error, member.id);
    return { member, terminated: false };
  }
}

module.exports = { cleanupRound };
