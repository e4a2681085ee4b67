'use strict';

// lib/fleet/warm.js: how many are made, and when it stops trying. The fleet around it is a counter.

const { createSpec } = require('../../../lib/fleet/create-spec');
const { checkPool } = require('../../../lib/fleet/pool-config');
const { Warmer } = require('../../../lib/fleet/warm');

const specOf = (given) => createSpec(given ?? {}, () => 'warm');

function fleet({ pool = {}, maximum = 10, members = [] } = {}) {
  const state = { nowMs: 0, made: 0, failures: [], ends: [], closed: false };
  const values = { pool: checkPool(pool, 'pool') };
  const core = {
    get closed() {
      return state.closed;
    },
    maximum,
    config: { get: (name) => values[name] },
    clock: { steady: () => state.nowMs, now: () => state.nowMs, random: () => 0.5 },
    pool: {
      members: () => members,
      get taken() {
        return members.length;
      },
    },
    reserve: async () => ({}),
    fail: (type, error) => state.failures.push([type, error.code ?? error.message]),
  };
  const creation = {
    create: (spec) =>
      new Promise((resolve, reject) => {
        state.made++;
        state.ends.push((error) => {
          if (error) return reject(error);
          members.push({ idle: true, spec });
          return resolve();
        });
      }),
  };
  const warmer = new Warmer(core, creation, { specOf });
  return { state, core, warmer, members };
}

/** One by night, two from one o'clock on. */
const HOURS = {
  base: 1,
  windows: [{ days: ['thu'], from: '01:00', to: '24:00', size: 2 }],
};

/** Until whatever does not wait has been done. */
const turn = () => new Promise(setImmediate);

async function filled({ warmer, state }, error) {
  const filling = warmer.fill();
  await turn();
  for (const end of state.ends.splice(0)) end(error);
  await filling;
}

test('nothing is made without a target', async () => {
  const one = fleet();
  await one.warmer.fill();
  expect(one.state.made).toBe(0);
});

test('what is missing is made, and no more', async () => {
  const one = fleet({ pool: { warm: 3 } });
  await filled(one);
  expect(one.members).toHaveLength(3);
  await filled(one);
  expect(one.state.made).toBe(3);
  one.members[0].idle = false;
  await filled(one);
  expect(one.state.made).toBe(4);
});

test('idle ones of another spec do not count, places that they take do', async () => {
  const other = { idle: true, spec: specOf({ template: 'other' }) };
  const one = fleet({ pool: { warm: 3 }, maximum: 3, members: [other] });
  await filled(one);
  expect(one.state.made).toBe(2);
});

test('at most burst are under way, however often it is asked', async () => {
  const one = fleet({ pool: { warm: 10, burst: 2 }, maximum: 100 });
  const fills = [one.warmer.fill(), one.warmer.fill(), one.warmer.fill()];
  await turn();
  expect(one.state.made).toBe(2);
  for (const end of one.state.ends.splice(0)) end();
  await Promise.all(fills);
  await filled(one);
  expect(one.state.made).toBe(4);
});

test('the target follows the schedule by the time of day', async () => {
  const one = fleet({ pool: { warm: 9, schedule: HOURS } });
  expect(one.warmer.target).toBe(1);
  one.state.nowMs = 3_600_000;
  await filled(one);
  expect(one.state.made).toBe(2);
});

test('after a failure it waits, longer each time, and a success ends the waiting', async () => {
  const one = fleet({ pool: { warm: 1 } });
  const tries = [];
  for (let ms = 0; ms < 60_000; ms += 100) {
    one.state.nowMs = ms;
    const before = one.state.made;
    await filled(one, new Error('no'));
    if (one.state.made > before) tries.push(ms);
  }
  const waits = tries.slice(1).map((ms, n) => ms - tries[n]);
  expect(tries.length).toBeLessThan(10);
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
  expect(one.state.failures).toHaveLength(tries.length);
  one.state.nowMs = 10_000_000;
  await filled(one);
  one.members.length = 0;
  await filled(one);
  expect(one.members).toHaveLength(1);
});

test('a full fleet is no failure to tell', async () => {
  const one = fleet({ pool: { warm: 1 } });
  await filled(one, Object.assign(new Error('full'), { code: 'CAPACITY' }));
  expect(one.state.failures).toEqual([]);
});

test('nothing is begun, or told, after shutdown', async () => {
  const one = fleet({ pool: { warm: 1 } });
  const filling = one.warmer.fill();
  await turn();
  one.state.closed = true;
  one.state.ends.pop()(new Error('aborted'));
  await filling;
  await one.warmer.fill();
  expect([one.state.made, one.state.failures]).toEqual([1, []]);
});
