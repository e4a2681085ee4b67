'use strict';

// lib/fleet/pool-config.js: defaults and refusals of config.pool.

const { checkPool } = require('../../../lib/fleet/pool-config');

test('nothing given: the documented windows', () => {
  expect(checkPool(undefined, 'pool')).toMatchObject({
    ...{ settleMs: 5_000, watchMs: 120_000, verifyMs: 5_000, reconcileMs: 60_000 },
    ...{ acquireTimeoutMs: 60_000, agingMs: 10_000, maxWaiters: 10_000, maxLeaseMs: 86_400_000 },
    ...{ warm: 0, burst: 5, maxUses: 0, maxAgeMs: 0, minRemaining: 0.25, reset: null },
  });
});

test('what is given wins, the rest stays, and nobody can change it later', () => {
  const reset = () => {};
  const pool = checkPool({ warm: 3, reset, minRemaining: 0 }, 'pool');
  expect(pool).toMatchObject({ warm: 3, reset, minRemaining: 0, burst: 5 });
  expect(Object.isFrozen(pool)).toBe(true);
});

test('an unknown key is refused with the nearest known one', () => {
  expect(() => checkPool({ settelMs: 1 }, 'pool')).toThrow(
    expect.objectContaining({
      code: 'UNKNOWN_OPTION',
      message: expect.stringContaining("'settleMs'"),
    }),
  );
});

test.each([
  ...[
    ['settleMs', -1],
    ['watchMs', 1.5],
    ['verifyMs', '5000'],
    ['reconcileMs', 2 ** 31],
  ],
  ...[
    ['acquireTimeoutMs', 0],
    ['agingMs', 0],
    ['maxWaiters', -1],
    ['maxLeaseMs', 0],
  ],
  ...[
    ['warm', 101],
    ['burst', 0],
    ['maxUses', 0.5],
    ['maxAgeMs', NaN],
    ['minRemaining', 1],
  ],
  ['reset', 'rm -rf /tmp'],
])('%s: %p is refused, by its name', (key, value) => {
  expect(() => checkPool({ [key]: value }, 'pool')).toThrow(
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(`pool.${key}`),
    }),
  );
});
