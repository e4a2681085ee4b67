'use strict';

// lib/fleet/config.js: defaults, checks, and what of it can be seen.

const { inspect } = require('node:util');
const { ManagerConfig } = require('../../../lib/fleet/config');

const SECRET = 'e2b_feedfacefeedface';

test('the defaults are those of the requirements', () => {
  expect(new ManagerConfig().snapshot()).toEqual({
    maxPoolSize: 10,
    healthCheckInterval: 30_000,
    autoRecovery: true,
    retryAttempts: 3,
    retryDelay: 1000,
    cleanupInterval: 300_000,
    inactivityThreshold: 3_600_000,
    maxConcurrentCreations: 5,
    healthCheckBypassMs: 0,
    shutdownGraceMs: 5000,
    keepAlive: false,
    health: {
      degradedErrorRate: 0.05,
      unhealthyErrorRate: 0.1,
      replaceErrorRate: 0.5,
      minExecutions: 10,
      degradedLatencyMs: 2000,
      degradedIdleMs: 3_600_000,
      degradedTimeoutShare: 0.9,
    },
    pool: {
      settleMs: 5_000,
      watchMs: 120_000,
      verifyMs: 5_000,
      reconcileMs: 60_000,
      acquireTimeoutMs: 60_000,
      agingMs: 10_000,
      maxWaiters: 10_000,
      maxLeaseMs: 86_400_000,
      warm: 0,
      warmSpec: null,
      schedule: null,
      burst: 5,
      maxUses: 0,
      maxAgeMs: 0,
      minRemaining: 0.25,
      reset: null,
    },
  });
});

test('an unknown key is refused and the nearest is named', () => {
  expect(() => new ManagerConfig({ maxPoolsize: 5 })).toThrow(
    expect.objectContaining({
      name: 'InvalidArgumentError',
      code: 'UNKNOWN_OPTION',
      message: expect.stringContaining("did you mean 'maxPoolSize'"),
    }),
  );
});

test.each([
  ['maxPoolSize', 0],
  ['maxPoolSize', 101],
  ['maxPoolSize', 2.5],
  ['maxPoolSize', '10'],
  ['healthCheckInterval', -1],
  ['healthCheckInterval', 2 ** 31],
  ['healthCheckInterval', NaN],
  ['retryAttempts', 0],
  ['retryDelay', Infinity],
  ['autoRecovery', 'yes'],
  ['health', { degradedErrorRate: -1 }],
  ['health', { errorRate: 1 }],
  ['apiKey', 5],
  ['apiUrl', ''],
  ['requestTimeoutMs', 0],
  ['data', 'prices.csv'],
  ['clock', { now: 5 }],
  ['clock', { later: () => 0 }],
])('%s: %p is refused, naming the field', (name, value) => {
  expect(() => new ManagerConfig({ [name]: value })).toThrow(
    expect.objectContaining({ message: expect.stringContaining(name) }),
  );
});

test("an API key of '' stays '': it is missing, it does not fall back", () => {
  expect(new ManagerConfig({ apiKey: '' }).connection()).toEqual({ apiKey: '' });
});

test('only what was given goes into the connection', () => {
  expect(
    new ManagerConfig({ apiUrl: 'http://127.0.0.1:1', apiKey: undefined }).connection(),
  ).toEqual({ apiUrl: 'http://127.0.0.1:1' });
});

describe('the facade', () => {
  const make = (given, onChange = () => {}) => new ManagerConfig(given).facade(onChange);

  test('an assignment is checked, kept and told', () => {
    const changed = [];
    const config = make({}, (name) => changed.push(name));
    config.maxPoolSize = 20;
    expect(config.maxPoolSize).toBe(20);
    expect(() => {
      config.maxPoolSize = 1000;
    }).toThrow('maxPoolSize must be a whole number from 1 to 100');
    expect(config.maxPoolSize).toBe(20);
    expect(changed).toEqual(['maxPoolSize']);
  });

  test('undefined restores the default', () => {
    const config = make({ retryAttempts: 7 });
    config.retryAttempts = undefined;
    expect(config.retryAttempts).toBe(3);
  });

  test('thresholds that are not given keep their defaults', () => {
    const config = make();
    config.health = { minExecutions: 3 };
    expect(config.health).toMatchObject({ minExecutions: 3, unhealthyErrorRate: 0.1 });
    expect(() => {
      config.health.minExecutions = 4;
    }).toThrow(TypeError);
  });

  test('the pool as it reads can be given back changed, with its schedule', () => {
    const schedule = { windows: [{ from: '09:30', to: '16:00', size: 3 }] };
    const config = make({ pool: { schedule, verifyMs: 1 } });
    config.pool = { ...config.pool, warm: 2 };
    expect(config.pool).toMatchObject({ schedule, verifyMs: 1, warm: 2 });
    schedule.windows.length = 0;
    expect(config.pool.schedule.windows).toHaveLength(1);
  });

  test('the warm ones are shown with the names of their environment, and without any secret', () => {
    const env = { KEY: '5ec7e7' };
    const network = { egressProxy: { address: 'p:1', username: 'u', password: '5ec7e7' } };
    const config = make({ pool: { warmSpec: { template: 'base', env, network } } });
    const shown = `${JSON.stringify(config)} ${inspect(config, { depth: 9 })}`;
    expect(shown).toContain('KEY');
    expect(shown).not.toContain('5ec7e7');
    expect(config.pool.warmSpec.env).toEqual(env);
  });

  test('an unknown name cannot be assigned, defined or deleted', () => {
    const config = make();
    expect(() => {
      config.retryDelayMs = 5;
    }).toThrow(expect.objectContaining({ code: 'UNKNOWN_OPTION' }));
    expect(() => Object.defineProperty(config, 'x', { value: 1 })).toThrow('redefined');
    expect(() => delete config.maxPoolSize).toThrow('deleted');
  });

  test.each([
    ['JSON', (config) => JSON.stringify({ config })],
    ['inspect', (config) => inspect(config, { showHidden: true, getters: true, depth: 9 })],
    ['inspect as a proxy', (config) => inspect(config, { showProxy: true, depth: 9 })],
    ['spread', (config) => inspect({ ...config })],
    ['keys', (config) => String(Object.keys(config))],
    [
      'for in',
      (config) => {
        const seen = [];
        for (const key in config) seen.push(key, config[key]);
        return inspect(seen);
      },
    ],
  ])('%s shows nothing of the connection', (_, show) => {
    const config = make({
      apiKey: SECRET,
      proxy: `http://user:${SECRET}@127.0.0.1:1`,
      headers: { authorization: SECRET },
      apiUrl: `http://127.0.0.1/${SECRET}`,
    });
    expect(show(config)).not.toContain(SECRET);
    expect(show(config)).toContain('maxPoolSize');
  });
});
