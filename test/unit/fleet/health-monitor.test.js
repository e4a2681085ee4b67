'use strict';

// lib/fleet/health-monitor.js: the deadline of a look, which no scenario can wait for.

const { ManagerConfig } = require('../../../lib/fleet/config');
const { FleetCore } = require('../../../lib/fleet/core');
const { createSpec } = require('../../../lib/fleet/create-spec');
const { HealthMonitor } = require('../../../lib/fleet/health-monitor');
const { Member } = require('../../../lib/fleet/member');

test.each([
  [undefined, 10_000],
  [60_000, 10_000],
  [800, 800],
])('with requestTimeoutMs %p a look takes at most %i ms', async (requestTimeoutMs, expected) => {
  const core = new FleetCore(new ManagerConfig({ requestTimeoutMs }), () => {});
  const asked = [];
  const getE2bSandboxStatus = async (id, options) => {
    asked.push(options);
    return { sandboxId: id, status: 'running' };
  };
  Object.defineProperty(core, 'native', { value: { getE2bSandboxStatus } });
  const member = new Member({ sandboxId: 'i1' }, createSpec({ name: 'n' }), core.clock, 0);
  await new HealthMonitor(core).examine(member);
  expect(asked).toEqual([expect.objectContaining({ requestTimeoutMs: expected, metrics: false })]);
});
