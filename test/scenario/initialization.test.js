'use strict';

// SUITE-01: a manager that was just made. CFG-01…07, STA at zero, MGR-12, 14, 15.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { SandboxManager } = require('../../lib/fleet/manager');
const { movableClock, withFleet } = require('./helpers/fleet');

const fleet = withFleet();
const made = new Set();
const make = (config) => {
  const manager = new SandboxManager(config);
  made.add(manager);
  return manager;
};
afterEach(() => {
  for (const manager of made) manager.stop();
  made.clear();
});

const ZEROS = {
  sandboxesCreated: 0,
  sandboxesDestroyed: 0,
  agentsDeployed: 0,
  strategiesExecuted: 0,
  healthChecks: 0,
  recoveryAttempts: 0,
  errors: 0,
  activeSandboxes: 0,
  poolSize: 0,
  healthyCount: 0,
};

test('the defaults are those of the requirements', () => {
  expect(make().getStats().config).toMatchObject({
    maxPoolSize: 10,
    healthCheckInterval: 30_000,
    autoRecovery: true,
    retryAttempts: 3,
    retryDelay: 1000,
    cleanupInterval: 300_000,
    inactivityThreshold: 3_600_000,
  });
});

test('the ten statistics are zero', () => {
  const manager = make();
  expect(manager.getStats()).toMatchObject({ success: true, stats: ZEROS });
  expect({ ...manager.stats }).toEqual(ZEROS);
  expect([manager.activeSandboxes.size, manager.sandboxPool.size]).toEqual([0, 0]);
});

test('both timers run and keep nothing alive; stop makes them null', () => {
  const manager = make();
  expect(manager._healthMonitoringInterval.hasRef()).toBe(false);
  expect(manager._cleanupInterval.hasRef()).toBe(false);
  expect(manager.stop()).toMatchObject({ success: true });
  expect([manager._healthMonitoringInterval, manager._cleanupInterval]).toEqual([null, null]);
});

test('keepAlive makes the timers keep the process alive', () => {
  const manager = make({ keepAlive: true });
  expect(manager._healthMonitoringInterval.hasRef()).toBe(true);
});

test('starting the rounds again replaces their timers', () => {
  const { clock, intervals } = movableClock();
  const manager = make({ clock });
  manager._startHealthMonitoring();
  manager._startCleanupTask();
  expect([...intervals].map(({ ms }) => ms).sort()).toEqual([30_000, 300_000, 60_000]);
});

test('a changed interval takes effect at once, and a stopped round stays stopped', () => {
  const { clock, intervals } = movableClock();
  const manager = make({ clock });
  manager.config.healthCheckInterval = 1234;
  manager.config.cleanupInterval = 5678;
  expect([...intervals].map(({ ms }) => ms).sort()).toEqual([1234, 5678, 60_000]);
  manager.stop();
  manager.config.healthCheckInterval = 99;
  expect(intervals.size).toBe(0);
});

test('the rounds really run, by the clock that was given', async () => {
  const time = movableClock();
  const manager = fleet.manager({ clock: time.clock, healthCheckInterval: 7, cleanupInterval: 9 });
  const checked = once(manager, 'health:checked');
  time.tick(7);
  expect((await checked)[0]).toMatchObject({ totalSandboxes: 0 });
  const cleaned = once(manager, 'cleanup:complete');
  time.tick(9);
  expect((await cleaned)[0]).toMatchObject({ checked: 0, terminated: 0 });
});

test('a process with an idle manager ends', async () => {
  const file = path.join(__dirname, 'children', 'idle-manager.js');
  const child = spawn(process.execPath, [file], { timeout: 10_000 });
  let out = '';
  child.stdout.on('data', (data) => (out += data));
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(out).toBe('true\n');
});

test('an unknown key is refused, and the nearest is named', () => {
  expect(() => make({ autoRecover: true })).toThrow(
    expect.objectContaining({
      name: 'InvalidArgumentError',
      code: 'UNKNOWN_OPTION',
      message: expect.stringContaining("'autoRecovery'"),
    }),
  );
});

test('making a manager needs no key and sends nothing', () => {
  make({ apiKey: '' });
  expect(fleet.backend.requests).toEqual([]);
});
