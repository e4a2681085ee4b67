'use strict';

// lib/fleet/member.js: the record, the clocks, the rates.

const { createClock } = require('../../../lib/clock');
const { createSpec } = require('../../../lib/fleet/create-spec');
const { Member } = require('../../../lib/fleet/member');

const setup = (given) => {
  const time = { wall: Date.parse('2026-01-02T03:04:05Z'), steady: 1000 };
  const clock = createClock({ now: () => time.wall, steady: () => time.steady });
  const spec = createSpec({ name: 'n', ...given });
  return { time, member: new Member({ sandboxId: 'i1', url: 'u' }, spec, clock, 900) };
};

test('the record has the names of the environment and not its values', () => {
  const { member } = setup({ env: { TOKEN: 's3cret' }, memoryMb: 512, metadata: { team: 'a' } });
  expect(member.record()).toEqual({
    id: 'i1',
    name: 'n',
    template: 'base',
    timeout: 3600,
    memoryMb: 512,
    cpuCount: null,
    envKeys: ['TOKEN'],
    metadata: { team: 'a' },
    url: 'u',
    created: '2026-01-02T03:04:05.000Z',
    lastUsed: '2026-01-02T03:04:05.000Z',
    status: 'running',
    state: 'idle',
    health: 'healthy',
    agentCount: 0,
    runningAgents: 0,
    executionCount: 0,
    errorCount: 0,
  });
  expect(JSON.stringify(member.record())).not.toContain('s3cret');
});

test('a change of the wall clock ages nothing', () => {
  const { time, member } = setup();
  time.wall += 86_400_000;
  expect([member.uptimeMs, member.idleMs]).toEqual([100, 0]);
  time.steady += 50;
  expect([member.uptimeMs, member.idleMs]).toEqual([150, 50]);
});

test('one that works is not inactive, one that is gone is', () => {
  const { time, member } = setup();
  member.agents.set('a', {});
  time.steady += 5000;
  expect(member.idleMs).toBe(0);
  member.gone = true;
  expect(member.idleMs).toBe(5000);
});

test('the error rate is failures over runs, and 0 before the first', () => {
  const { member } = setup();
  expect(member.errorRate).toBe(0);
  [true, false, true, true].forEach((ok) => member.addRun(ok));
  expect(member.errorRate).toBe(0.25);
});

test('the latency is the mean of the last 20, and null before the first', () => {
  const { member } = setup();
  expect(member.averageLatencyMs).toBeNull();
  member.addLatency(1_000_000);
  for (let i = 0; i < 20; i++) member.addLatency(i % 2 === 0 ? 10 : 20);
  expect(member.averageLatencyMs).toBe(15);
});

test('work that throws is no longer in flight', async () => {
  const { member } = setup();
  await expect(member.during(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
  expect(member.busy).toBe(false);
});
