'use strict';

// lib/money/meter.js, hours.js, named-sums.js and savings.js: what was spent, from recorded intervals.

const { Meter } = require('../../../lib/money/meter');
const { NamedSums } = require('../../../lib/money/named-sums');
const { resolvePrice } = require('../../../lib/money/prices');
const { fakeClock } = require('./fake-clock');

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const near = (value, expected) => expect(Math.abs(value - expected)).toBeLessThan(1e-12);

function setUp(price = 's3', start) {
  const clock = fakeClock(start);
  return { clock, meter: new Meter(resolvePrice(price), clock) };
}

describe('one sandbox', () => {
  test('costs its creation, its time, its calls and its executions', () => {
    const { clock, meter } = setUp();
    meter.open('a');
    clock.advance(90 * MINUTE);
    meter.calls('a', 10);
    meter.executed('a', 2500);
    near(meter.costOf('a'), 0.0013 + 0.15 + 0.01 + 0.00025);
    clock.advance(30 * MINUTE);
    near(meter.close('a'), 0.0013 + 0.2 + 0.01 + 0.00025);
    clock.advance(HOUR);
    near(meter.snapshot().total, 0.21155);
    expect(meter.costOf('a')).toBe(0);
    expect(meter.close('a')).toBe(0);
  });

  test('costs nothing while it is paused', () => {
    const { clock, meter } = setUp('e2b-published');
    meter.open('a');
    clock.advance(HOUR);
    meter.pause('a');
    clock.advance(10 * HOUR);
    expect(meter.snapshot().currentBurnPerHour).toBe(0);
    meter.resume('a');
    clock.advance(HOUR);
    near(meter.close('a'), 2 * 0.1089);
  });

  test('is priced by its size from when it is known', () => {
    const { clock, meter } = setUp('e2b-published');
    meter.open('a');
    clock.advance(HOUR);
    meter.assign('a', { cpuCount: 8, memoryMb: 4096 });
    clock.advance(HOUR);
    near(meter.close('a'), 0.1089 + 0.468);
  });

  test('costs the same when somebody sets the clock meanwhile', () => {
    const { clock, meter } = setUp();
    meter.open('a');
    clock.advance(HOUR);
    clock.set('2027-06-01T00:00:00Z');
    clock.advance(HOUR);
    near(meter.close('a'), 0.0013 + 0.2);
  });

  test('that was adopted is not charged a creation, and counts from its beginning', () => {
    const { meter } = setUp();
    meter.open('a', { created: false, ageMs: 30 * MINUTE });
    near(meter.costOf('a'), 0.05);
    expect(meter.snapshot().creations).toBe(0);
  });

  test('that went earlier than we noticed is charged until then', () => {
    const { clock, meter } = setUp();
    meter.open('a', { created: false });
    clock.advance(HOUR);
    near(meter.close('a', 30 * MINUTE), 0.05);
  });

  test('is split where the price changes', () => {
    const rates = [{ perSandboxHour: 1 }, { from: '2026-11-21T10:30:00Z', perSandboxHour: 2 }];
    const { clock, meter } = setUp({ rates });
    meter.open('a');
    clock.advance(HOUR);
    near(meter.close('a'), 1.5);
  });
});

test('a hundred thousand intervals add up exactly', () => {
  const { clock, meter } = setUp();
  meter.open('a', { created: false });
  for (let i = 0; i < 100_000; i++) {
    clock.advance(360);
    meter.costOf('a');
  }
  near(meter.close('a'), 1);
  near(meter.snapshot().total, 1);
  near(
    meter.history().reduce((sum, { cost }) => sum + cost, 0),
    1,
  );
});

describe('whose it is', () => {
  test('an owner pays for the time in which it was theirs; idle time is nobody’s', () => {
    const { clock, meter } = setUp();
    meter.open('a', { created: false });
    clock.advance(HOUR);
    meter.assign('a', { owner: 'ann', leased: true, tags: { agent: 'momentum' } });
    clock.advance(2 * HOUR);
    meter.assign('a', { owner: 'bob', tags: { agent: 'pairs', desk: 'eu' } });
    clock.advance(3 * HOUR);
    meter.assign('a', { owner: null, leased: false, tags: {} });
    clock.advance(HOUR);
    const { byOwner, byTag, efficiency, total } = meter.snapshot();
    near(byOwner.ann, 0.2);
    near(byOwner.bob, 0.3);
    near(byOwner['(none)'], 0.2);
    near(byTag['agent=momentum'], 0.2);
    near(byTag['desk=eu'], 0.3);
    near(total, 0.7);
    near(efficiency, 5 / 7);
  });

  test('a call for no sandbox is in the total only', () => {
    const { meter } = setUp();
    meter.calls(null, 3);
    expect(meter.snapshot()).toMatchObject({ calls: 3, byOwner: {} });
    near(meter.snapshot().total, 0.003);
  });

  test('the dearest hundred sandboxes are named, the others are a sum', () => {
    const { clock, meter } = setUp({ perSandboxHour: 1 });
    for (let i = 0; i < 150; i++) meter.open(`s${i}`);
    for (let i = 0; i < 150; i++) {
      clock.advance(MINUTE);
      meter.close(`s${i}`);
    }
    const { top, rest } = meter.snapshot().bySandbox;
    expect(top).toHaveLength(100);
    expect(top[0]).toMatchObject({ sandboxId: 's149', open: false });
    expect(rest.count).toBe(50);
    const all = [...top.map(({ cost }) => cost), rest.cost].reduce((a, b) => a + b, 0);
    expect(all).toBeCloseTo(meter.snapshot().total, 9);
  });

  test('names are bounded: the cheapest are folded into the rest, and nothing is lost', () => {
    const sums = new NamedSums(10);
    for (let i = 1; i <= 1000; i++) sums.add(`n${i}`, i);
    const { top, rest } = sums.list();
    expect(top[0]).toEqual(['n1000', 1000]);
    expect(top).toHaveLength(10);
    expect(top.reduce((sum, [, cost]) => sum + cost, rest.cost)).toBe(500_500);
    expect(rest.count).toBe(990);
  });
});

describe('projections', () => {
  test('the burn is what runs now; the day and the month go on with it', () => {
    const { clock, meter } = setUp('s3', '2026-11-21T10:00:00Z');
    meter.open('a', { created: false });
    meter.open('b', { created: false });
    clock.advance(2 * HOUR);
    meter.close('b');
    const { currentBurnPerHour, projectedDay, projectedMonth, today, running } = meter.snapshot();
    expect(running).toBe(1);
    near(currentBurnPerHour, 0.1);
    near(today, 0.4);
    near(projectedDay, 0.4 + 12 * 0.1);
    near(projectedMonth, 0.4 + (12 + 9 * 24) * 0.1);
  });

  test('yesterday is not in today, and is in the month', () => {
    const { clock, meter } = setUp('s3', '2026-11-21T22:00:00Z');
    meter.open('a', { created: false });
    clock.advance(4 * HOUR);
    meter.close('a');
    const { today, projectedDay, projectedMonth } = meter.snapshot();
    near(today, 0.2);
    near(projectedDay, 0.2);
    near(projectedMonth, 0.4);
  });

  test('efficiency of nothing is null, not a number', () => {
    expect(setUp().meter.snapshot()).toMatchObject({ efficiency: null, total: 0, projectedDay: 0 });
  });

  test('the history is hour by hour, with what was leased of it', () => {
    const { clock, meter } = setUp('s3', '2026-11-21T10:30:00Z');
    meter.open('a', { leased: true });
    clock.advance(HOUR);
    meter.close('a');
    const [first, second] = meter.history();
    expect(first).toMatchObject({
      startMs: Date.parse('2026-11-21T10:00:00Z'),
      sandboxMs: 30 * MINUTE,
      leasedMs: 30 * MINUTE,
      creations: 1,
    });
    near(first.cost, 0.0513);
    near(second.cost, 0.05);
  });
});

describe('savings are counted where they happen', () => {
  test('POOL-05: (3000 - acquisition) x 0.0001 per s', () => {
    const { meter } = setUp();
    meter.pooled('a', 100);
    meter.pooled('b', 50);
    near(meter.snapshot().savings.pooling.documented, 0.00029 + 0.000295);
    expect(meter.snapshot().savings.pooling.uses).toBe(2);
  });

  test('beside it what the profile would have charged, less the idle time of the pool', () => {
    const { clock, meter } = setUp();
    meter.open('a', { createMs: 1900 });
    clock.advance(36_000);
    meter.pooled('a', 100);
    meter.assign('a', { leased: true });
    clock.advance(HOUR);
    const { avoided, idle, net } = meter.snapshot().savings.pooling;
    near(avoided, 0.0013 + (0.1 * 1800) / HOUR);
    near(idle, 0.001);
    near(net, avoided - idle);
  });

  test('a pool that idles for long costs more than it saves, and says so', () => {
    const { clock, meter } = setUp();
    meter.open('a', { createMs: 1900 });
    clock.advance(24 * HOUR);
    meter.pooled('a', 100);
    expect(meter.snapshot().savings.pooling.net).toBeLessThan(-2.3);
  });

  test('CLN-02: cleaned x 0.10, beside what the rest of the life would have cost', () => {
    const { meter } = setUp('e2b-published');
    meter.cleaned('a', HOUR);
    meter.cleaned('b', -5);
    const { cleaned, documented, avoided } = meter.snapshot().savings.cleanup;
    expect(cleaned).toBe(2);
    near(documented, 0.2);
    near(avoided, 0.1089);
  });

  test('a hit of the cache spares the call and the execution', () => {
    const { meter } = setUp();
    meter.cached(2000);
    const { hits, avoided } = meter.snapshot().savings.caching;
    expect(hits).toBe(1);
    near(avoided, 0.001 + 0.0002 + (0.1 * 2000) / HOUR);
  });

  test('a batch of five spares four calls', () => {
    const { meter } = setUp();
    meter.batched(5);
    expect(meter.snapshot().savings.batching.calls).toBe(4);
    near(meter.snapshot().savings.batching.avoided, 0.004);
  });
});
