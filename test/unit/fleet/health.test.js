'use strict';

// lib/fleet/health.js: what observations mean, at each number and on both sides of it.

const { classify, fleetHealth } = require('../../../lib/fleet/health');
const { HEALTH_DEFAULTS } = require('../../../lib/fleet/config');

const fine = {
  presence: 'ok',
  uptimeMs: 1000,
  timeoutMs: 3_600_000,
  runs: 100,
  errorRate: 0,
  averageLatencyMs: 10,
  idleMs: 0,
};
const judge = (seen, limits) => classify({ ...fine, ...seen }, { ...HEALTH_DEFAULTS, ...limits });
const is = (health, reasons, replace = false) => ({ health, reasons, replace });
const healthy = is('healthy', []);

test('nothing wrong is healthy', () => {
  expect(judge({})).toEqual(healthy);
});

test.each([
  [0.05, healthy],
  [0.0501, is('degraded', ['error-rate'])],
  [0.1, is('degraded', ['error-rate'])],
  [0.1001, is('unhealthy', ['error-rate'])],
  [0.5, is('unhealthy', ['error-rate'])],
  [0.5001, is('unhealthy', ['error-rate'], true)],
  [1, is('unhealthy', ['error-rate'], true)],
])('error rate %p', (errorRate, expected) => {
  expect(judge({ errorRate })).toEqual(expected);
});

test('fewer than 10 executions have no error rate', () => {
  expect(judge({ runs: 9, errorRate: 1 })).toEqual(healthy);
  expect(judge({ runs: 10, errorRate: 1 })).toEqual(is('unhealthy', ['error-rate'], true));
});

test.each([
  [3_240_000, healthy],
  [3_240_001, is('degraded', ['near-timeout'])],
  [3_600_000, is('degraded', ['near-timeout'])],
  [3_600_001, is('unhealthy', ['past-timeout'], true)],
])('uptime %p of a life of 3,600,000', (uptimeMs, expected) => {
  expect(judge({ uptimeMs })).toEqual(expected);
});

test.each([
  [null, healthy],
  [2000, healthy],
  [2000.1, is('degraded', ['latency'])],
])('average latency %p', (averageLatencyMs, expected) => {
  expect(judge({ averageLatencyMs })).toEqual(expected);
});

test.each([
  [3_600_000, healthy],
  [3_600_001, is('degraded', ['inactive'])],
])('idle for %p', (idleMs, expected) => {
  expect(judge({ idleMs })).toEqual(expected);
});

test.each([
  ['gone', is('unhealthy', ['gone'], true)],
  ['unreachable', is('unhealthy', ['unreachable'], true)],
  ['paused', is('degraded', ['paused'])],
])('%s', (presence, expected) => {
  expect(judge({ presence })).toEqual(expected);
});

test('a far end that does not answer condemns nobody', () => {
  expect(judge({ presence: 'unseen' })).toEqual(is('degraded', ['unseen']));
});

test('all reasons of the worst category are named', () => {
  const seen = { presence: 'gone', uptimeMs: 4e6, errorRate: 0.2, averageLatencyMs: 9999 };
  expect(judge(seen).reasons).toEqual(['gone', 'past-timeout', 'error-rate']);
});

test('thresholds are configuration', () => {
  expect(judge({ errorRate: 0.3 }, { unhealthyErrorRate: 0.4 }).health).toBe('degraded');
  expect(judge({ averageLatencyMs: 60 }, { degradedLatencyMs: 50 }).health).toBe('degraded');
  expect(judge({ runs: 2, errorRate: 1 }, { minExecutions: 1 }).replace).toBe(true);
});

test.each([
  [0, 0, { status: 'healthy', score: null }],
  [10, 10, { status: 'healthy', score: 1 }],
  [10, 9, { status: 'healthy', score: 0.9 }],
  [100, 89, { status: 'degraded', score: 0.89 }],
  [10, 7, { status: 'degraded', score: 0.7 }],
  [100, 69, { status: 'unhealthy', score: 0.69 }],
  [3, 0, { status: 'unhealthy', score: 0 }],
])('a fleet of %i with %i running', (total, running, expected) => {
  expect(fleetHealth(total, running)).toEqual(expected);
});
