'use strict';

// How the parts of a fleet are put together. Decides and keeps nothing else: each part knows the core
// and those that it is given here.

const { Agents } = require('./agents');
const { FleetCore } = require('./core');
const { createSpec } = require('./create-spec');
const { Creation } = require('./creation');
const { ExecutionCache } = require('./execution-cache');
const { Handout } = require('./handout');
const { HealthMonitor } = require('./health-monitor');
const { Leases } = require('./leases');
const { Reconciler } = require('./reconcile');
const { Recovery } = require('./recovery');
const { Strategies } = require('./strategies');
const { Warmer } = require('./warm');
const { Watch } = require('./watch');

/**
 * @param {import('./config').ManagerConfig} config
 * @param {(name: string, payload?: object) => void} emit
 */
function fleetParts(config, emit) {
  const core = new FleetCore(config, emit);
  const creation = new Creation(core);
  const monitor = new HealthMonitor(core);
  const verify = (member) => watch.verify(member);
  const agents = new Agents(core, verify);
  const recovery = new Recovery(core, creation, agents);
  const watch = new Watch(core, monitor, recovery);
  const handout = new Handout(core, creation, monitor);
  const specOf = (given) => createSpec(given, () => `trading-${core.clock.token().slice(0, 8)}`);
  const warmer = new Warmer(core, creation, { specOf });
  core.handedOut = () => core.track(warmer.fill(), 'watch');
  return {
    ...{ config, core, creation, monitor, agents, recovery, watch, handout, specOf },
    leases: new Leases(core, { handout, creation, watch }),
    reconciler: new Reconciler(core, verify),
    strategies: new Strategies(core),
    cache: new ExecutionCache(config.get('executionCache'), {
      clock: core.clock,
      onHit: (durationMs) => core.purse.meter.cached(durationMs),
    }),
    warmer,
  };
}

module.exports = { fleetParts };
