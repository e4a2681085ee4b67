'use strict';

// lib/policy/config.js: defaults and refusals of the options `retry` and `breaker`.

const fs = require('node:fs');
const path = require('node:path');
const { policyConfig } = require('../../../lib/policy/config');

test('without anything given, all numbers are the documented ones', () => {
  expect(policyConfig()).toEqual({
    retry: {
      ...{ capMs: 10_000, maxRetryAfterMs: 60_000, unsentRetries: 1, tokens: 500, retryCost: 14 },
      ...{ throttledCost: 5, firstTryReward: 1, retryShare: 0.1, retryBurst: 35 },
    },
    breaker: {
      ...{ windowMs: 30_000, minimumCalls: 20, failureRate: 0.5, slowCallMs: 60_000 },
      ...{ slowCallRate: 1, openMs: 10_000, maxOpenMs: 300_000, probes: 3, probesAtOnce: 1 },
      probeTimeoutMs: 120_000,
    },
    throttle: { windowMs: 120_000, k: 2, minimumCalls: 20, passEveryMs: 1000 },
    ejection: { failures: 5, ejectMs: 30_000, maxEjectMs: 300_000, maxShare: 0.1, panicShare: 0.5 },
  });
});

test('what is given replaces its own number alone', () => {
  const given = { retry: { tokens: 7 }, breaker: { openMs: 1, throttle: { k: 3 } } };
  const { retry, breaker, throttle } = policyConfig(given);
  expect([retry.tokens, retry.retryCost]).toEqual([7, 14]);
  expect([breaker.openMs, breaker.probes]).toEqual([1, 3]);
  expect([throttle.k, throttle.passEveryMs]).toEqual([3, 1000]);
});

test('breaker: false switches off all that holds calls back; its parts can be switched off alone', () => {
  expect(policyConfig({ breaker: false })).toMatchObject({
    ...{ breaker: null, throttle: null, ejection: null },
  });
  const parts = policyConfig({ breaker: { throttle: false, ejection: false } });
  expect(parts).toMatchObject({ breaker: { probes: 3 }, throttle: null, ejection: null });
});

test('nothing of it can be changed afterwards', () => {
  const config = policyConfig();
  expect(Object.values(config).every(Object.isFrozen)).toBe(true);
  expect(Object.isFrozen(config)).toBe(true);
});

test.each([
  [{ retries: {} }, 'UNKNOWN_OPTION', /did you mean 'retry'/],
  [{ retry: { token: 1 } }, 'UNKNOWN_OPTION', /'token' of retry; did you mean 'tokens'/],
  [{ breaker: { throtle: {} } }, 'UNKNOWN_OPTION', /did you mean 'throttle'/],
  [{ breaker: { ejection: { failure: 1 } } }, 'UNKNOWN_OPTION', /of breaker.ejection/],
  [
    { breaker: { failureRate: 50 } },
    'INVALID_ARGUMENT',
    /breaker.failureRate must be .* 0.01 to 1/,
  ],
  [{ breaker: { probes: 1.5 } }, 'INVALID_ARGUMENT', /breaker.probes must be a whole number/],
  [{ breaker: true }, 'INVALID_ARGUMENT', /breaker must be an object/],
  [{ retry: { retryShare: '10%' } }, 'INVALID_ARGUMENT', /retry.retryShare/],
  [{ breaker: { openMs: 400_000 } }, 'INVALID_ARGUMENT', /openMs must not be above .*maxOpenMs/],
  [{ breaker: { probesAtOnce: 4 } }, 'INVALID_ARGUMENT', /probesAtOnce must not be above/],
])('%j is refused', (given, code, message) => {
  let thrown = null;
  try {
    policyConfig(given);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code, message: expect.stringMatching(message) });
});

test('docs/policies.md gives every number as it is', () => {
  const file = path.join(__dirname, '../../../docs/policies.md');
  const documented = { retry: {}, breaker: {}, throttle: {}, ejection: {} };
  let table = null;
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    const [, first, second] = line.split('|').map((cell) => cell.trim());
    if (second === 'default') table = first.replace(/[`.]/g, '');
    if (first === undefined) table = null;
    if (table === null || !/^`\w/.test(first) || second === 'default') continue;
    let group = table;
    const numbers = second.split(', ').map((number) => Number(number.replace(/,/g, '')));
    for (const [i, [, name]] of [...first.matchAll(/`([\w.]+)`/g)].entries()) {
      if (name.includes('.')) [group] = name.split('.');
      documented[group][name.split('.').at(-1)] = numbers[i];
    }
  }
  expect(documented).toEqual(policyConfig());
});
