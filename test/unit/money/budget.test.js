'use strict';

// lib/money/budget.js and budget-note.js: reserve, settle, refund, over a note that managers share.

const { Budget, resolveBudget } = require('../../../lib/money/budget');
const { MAX_DAYS, MAX_HELD, pack, unpack } = require('../../../lib/money/budget-note');
const { memoryStore } = require('../../../lib/store');
const { fakeClock } = require('./fake-clock');

/** A note with compare-and-set, as a store has it; every step takes a turn of the loop. */
function fakeNote() {
  const turn = () => new Promise(setImmediate);
  const note = { text: null, version: 0, reads: 0, writes: 0, lost: 0, beforeWrite: null };
  note.read = async () => {
    await turn();
    note.reads++;
    return note.text === null ? null : { value: JSON.parse(note.text), version: note.version };
  };
  note.write = async (version, value) => {
    await turn();
    await note.beforeWrite?.();
    if (version !== note.version) {
      note.lost++;
      return null;
    }
    note.writes++;
    note.text = JSON.stringify(value);
    return ++note.version;
  };
  return note;
}

function setUp(limits = { daily: 5, hardStop: true }, clock = fakeClock(), note = fakeNote()) {
  const crossings = [];
  const manager = (more = {}) =>
    new Budget(resolveBudget({ ...limits, ...more }), {
      clock,
      read: note.read,
      write: note.write,
      onCrossing: (facts) => crossings.push(facts),
    });
  return { clock, note, crossings, manager, budget: manager() };
}

describe('reserve, settle, refund', () => {
  test('a reservation counts until the true cost replaces it', async () => {
    const { budget } = setUp();
    await budget.reserve('a', 3);
    expect(budget.snapshot().day).toEqual({
      period: '2026-11-21',
      limit: 5,
      spent: 0,
      reserved: 3,
      left: 2,
    });
    expect(await budget.settle('a', 1.25)).toBe(true);
    expect(budget.snapshot().day).toMatchObject({ spent: 1.25, reserved: 0, left: 3.75 });
  });

  test('a refund leaves nothing behind', async () => {
    const { budget } = setUp();
    await budget.reserve('a', 3);
    await budget.settle('a', 0);
    expect(await budget.state()).toMatchObject({ reservations: 0, day: { spent: 0, reserved: 0 } });
  });

  test('what would pass the limit rejects with BUDGET before anything is sent, and holds nothing', async () => {
    const { budget } = setUp();
    await budget.reserve('a', 3);
    const refused = await budget.reserve('b', 2.01).catch((error) => error);
    expect(refused).toMatchObject({ name: 'BudgetError', code: 'BUDGET', outcome: 'not-sent' });
    expect(refused.message).toMatch(/budget for 2026-11-21 is \$5: \$0 is spent, \$3 is reserved/);
    await budget.reserve('b', 2);
    expect(await budget.state()).toMatchObject({ day: { reserved: 5, left: 0 } });
  });

  test('the limit in total holds over days', async () => {
    const { budget, clock } = setUp({ total: 4, hardStop: true });
    await budget.reserve('a', 3);
    await budget.settle('a', 3);
    clock.advance(40 * 86_400_000);
    await expect(budget.reserve('b', 1.5)).rejects.toThrow(/budget in total is \$4: \$3 is spent/);
    await budget.reserve('b', 1);
  });

  test('without a hard stop everything is reserved', async () => {
    const { budget } = setUp({ daily: 1 });
    await budget.reserve('a', 3);
    expect(budget.snapshot().day).toMatchObject({ reserved: 3, left: -2 });
  });

  test('the same token again changes nothing; settling twice counts once', async () => {
    const { budget } = setUp();
    await Promise.all([budget.reserve('a', 3), budget.reserve('a', 3)]);
    expect(budget.snapshot().day.reserved).toBe(3);
    expect(await Promise.all([budget.settle('a', 1), budget.settle('a', 1)])).toEqual([
      true,
      false,
    ]);
    expect(budget.snapshot().day.spent).toBe(1);
  });

  test('a renewal reserves more, and is refused like a create', async () => {
    const { budget } = setUp();
    await budget.reserve('a', 3);
    await budget.extend('a', 1.5);
    await expect(budget.extend('a', 1)).rejects.toMatchObject({ code: 'BUDGET' });
    expect(budget.snapshot().day.reserved).toBe(4.5);
    await budget.settle('a', 4);
    await expect(budget.extend('a', 0.1)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('what exists already is reserved past the limit by force', async () => {
    const { budget } = setUp();
    await budget.reserve('a', 9, { force: true });
    expect(budget.snapshot().day.reserved).toBe(9);
  });

  test('an aborted caller reserves nothing', async () => {
    const { budget } = setUp();
    const signal = AbortSignal.abort(new Error('gave up'));
    await expect(budget.reserve('a', 1, { signal })).rejects.toThrow('gave up');
    expect(await budget.reservations()).toEqual([]);
  });

  test('sums stay exact: ten times 0.1 is 1', async () => {
    const { budget } = setUp({ daily: 1, hardStop: true });
    for (let i = 0; i < 10; i++) await budget.reserve(`t${i}`, 0.1);
    await expect(budget.reserve('more', 1e-9)).rejects.toMatchObject({ code: 'BUDGET' });
  });
});

describe('days', () => {
  test('a new day has its own limit; what was promised to a day is charged to it', async () => {
    const { budget, clock } = setUp();
    await budget.reserve('late', 4);
    clock.set('2026-11-22T00:30:00Z');
    await budget.reserve('early', 5);
    await budget.settle('late', 4);
    expect(budget.snapshot().day).toMatchObject({ period: '2026-11-22', spent: 0, reserved: 5 });
    expect(budget.snapshot().total).toMatchObject({ spent: 4 });
  });

  test('the day is that of the time zone', async () => {
    const { budget, clock } = setUp({ daily: 5, hardStop: true, timeZone: 'America/New_York' });
    clock.set('2026-11-22T04:59:00Z');
    await budget.reserve('a', 5);
    expect(budget.snapshot().day.period).toBe('2026-11-21');
    clock.set('2026-11-22T05:01:00Z');
    await budget.reserve('b', 5);
    expect(budget.snapshot().day.period).toBe('2026-11-22');
  });

  test('a renewal after midnight is charged to the new day', async () => {
    const { budget, clock, note } = setUp();
    await budget.reserve('a', 2);
    clock.set('2026-11-22T00:30:00Z');
    await budget.extend('a', 3);
    await budget.settle('a', 4);
    const { days } = unpack(JSON.parse(note.text));
    expect(days['2026-11-21'].spent).toBe(2e9);
    expect(days['2026-11-22'].spent).toBe(2e9);
  });

  test('a sandbox that is renewed for weeks is charged once, and its entry stays small', async () => {
    const { budget, clock, note } = setUp();
    await budget.reserve('a', 1);
    for (let day = 0; day < 60; day++) {
      clock.advance(86_400_000);
      await budget.extend('a', 1);
    }
    const { held, days } = unpack(JSON.parse(note.text));
    expect(held.a.parts).toHaveLength(3);
    expect(Object.keys(days)).toHaveLength(MAX_DAYS);
    await budget.settle('a', 60.5);
    expect(budget.snapshot().total.spent).toBe(60.5);
  });
});

describe('crossings', () => {
  test('50, 80 and 100 percent are told once a day', async () => {
    const { budget, crossings, clock } = setUp({ daily: 10 });
    for (let i = 0; i < 12; i++) await budget.reserve(`t${i}`, 1);
    expect(crossings.map(({ period, percent }) => [period, percent])).toEqual([
      ['2026-11-21', 50],
      ['2026-11-21', 80],
      ['2026-11-21', 100],
    ]);
    expect(crossings[1]).toEqual({
      period: '2026-11-21',
      percent: 80,
      limit: 10,
      spent: 0,
      reserved: 8,
    });
    await budget.settle('t0', 0);
    await budget.reserve('again', 1);
    expect(crossings).toHaveLength(3);
    clock.advance(86_400_000);
    await budget.reserve('next', 5);
    expect(crossings[3]).toMatchObject({ period: '2026-11-22', percent: 50 });
  });

  test('they are told once over all managers', async () => {
    const { manager, crossings } = setUp({ daily: 10 });
    const managers = [manager(), manager(), manager()];
    await Promise.all(managers.map((each, i) => each.reserve(`t${i}`, 3)));
    expect(crossings.map(({ percent }) => percent)).toEqual([50, 80]);
  });

  test('a refusal tells that the limit is reached, however much is left', async () => {
    const { budget, crossings } = setUp();
    await expect(budget.reserve('a', 6)).rejects.toMatchObject({ code: 'BUDGET' });
    await expect(budget.reserve('b', 6)).rejects.toMatchObject({ code: 'BUDGET' });
    expect(crossings.map(({ percent }) => percent)).toEqual([100]);
  });
});

describe('several managers', () => {
  test('never promise more than the limit between them', async () => {
    const { manager, note } = setUp({ daily: 5, hardStop: true });
    const managers = Array.from({ length: 4 }, () => manager());
    const asked = managers.flatMap((each, m) =>
      Array.from({ length: 25 }, (_, i) => each.reserve(`m${m}-${i}`, 0.1)),
    );
    const results = await Promise.allSettled(asked);
    const granted = results.filter(({ status }) => status === 'fulfilled');
    expect(granted).toHaveLength(50);
    expect(note.lost).toBeGreaterThan(0);
    expect(await managers[0].state()).toMatchObject({ reservations: 50, day: { reserved: 5 } });
  });

  test('what one manager asks for at the same time goes in few writes', async () => {
    const { budget, note } = setUp({ daily: 100, hardStop: true });
    await Promise.all(Array.from({ length: 100 }, (_, i) => budget.reserve(`t${i}`, 0.1)));
    expect(note.writes).toBeLessThanOrEqual(2);
  });

  test('after a kill the next one settles what the note still holds', async () => {
    const { manager } = setUp();
    await manager().reserve('orphan', 2);
    const next = manager();
    expect(await next.reservations()).toEqual([
      { token: 'orphan', atMs: Date.parse('2026-11-21T10:00:00Z'), amount: 2 },
    ]);
    expect(await next.settle('orphan', 0.5)).toBe(true);
    expect(await next.state()).toMatchObject({ reservations: 0, day: { spent: 0.5 } });
  });

  test('a note that others always change first ends in CONFLICT, not in a loop', async () => {
    const { budget, note } = setUp();
    await budget.reserve('a', 1);
    note.beforeWrite = () => note.version++;
    await expect(budget.reserve('b', 1)).rejects.toMatchObject({
      code: 'CONFLICT',
      retryable: true,
    });
  });

  test('a store that fails rejects all who waited for that write, and the next try goes on', async () => {
    const { budget, note } = setUp();
    note.beforeWrite = () => {
      note.beforeWrite = null;
      throw new Error('disk full');
    };
    const asked = [budget.reserve('a', 1), budget.settle('b', 1)];
    for (const each of asked) await expect(each).rejects.toThrow('disk full');
    await budget.reserve('a', 1);
    expect(await budget.reservations()).toHaveLength(1);
  });
});

describe('bounds', () => {
  test(`at most ${MAX_HELD} reservations are held`, async () => {
    const { budget, note, clock } = setUp({ daily: 1e6 });
    const name = (i) => `${i}`.padEnd(64, 'x');
    const all = Array.from({ length: MAX_HELD }, (_, i) => budget.reserve(name(i), 999));
    await Promise.all(all);
    for (let day = 0; day < 4; day++) {
      clock.advance(86_400_000);
      await Promise.all(all.map((_, i) => budget.extend(name(i), 999)));
    }
    expect(note.text.length).toBeLessThan(64 * 1024); // what a store takes as a note
    await expect(budget.reserve('more', 1)).rejects.toThrow(/is the most/);
    await budget.settle(name(0), 1);
    await budget.reserve('more', 1);
  });

  test('a note of another form is not touched', async () => {
    const { budget, note } = setUp();
    note.text = '{"v":2}';
    await expect(budget.reserve('a', 1)).rejects.toThrow(/form that this version does not know/);
    expect(note.text).toBe('{"v":2}');
  });

  test.each(['', '__proto__', 'a b', 'x'.repeat(65), 7])('token %j is refused', async (token) => {
    await expect(setUp().budget.reserve(token, 1)).rejects.toThrow(/token must be/);
  });
});

test('a note survives being packed', () => {
  const full = {
    v: 1,
    spent: 7,
    told: 50,
    days: { '2026-11-21': { spent: 3, told: 80 } },
    held: {
      a: {
        atMs: 5000,
        charged: 2,
        parts: [
          ['2026-11-21', 1],
          ['2026-11-22', 9],
        ],
      },
    },
  };
  expect(unpack(JSON.parse(JSON.stringify(pack(full))))).toEqual(full);
});

describe('over a store', () => {
  test('several managers share its note; a copy of the store has it too', async () => {
    const store = memoryStore();
    await store.open();
    const over = (where) => ({
      clock: fakeClock(),
      read: () => where.note('fleet', 'budget'),
      write: (version, value) => where.putNote('fleet', 'budget', version, value),
    });
    const limits = resolveBudget({ daily: 1, hardStop: true });
    const managers = [1, 2, 3].map(() => new Budget(limits, over(store)));
    const asked = managers.flatMap((each, m) =>
      Array.from({ length: 10 }, (_, i) => each.reserve(`m${m}-${i}`, 0.1)),
    );
    const results = await Promise.allSettled(asked);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    const copy = memoryStore();
    await copy.open();
    await copy.restore(await store.backup());
    const next = new Budget(limits, over(copy));
    await expect(next.reserve('more', 0.1)).rejects.toMatchObject({ code: 'BUDGET' });
    await Promise.all((await next.reservations()).map(({ token }) => next.settle(token, 0)));
    expect((await next.state()).day).toMatchObject({ spent: 0, reserved: 0 });
  });
});

describe('what may be configured', () => {
  test('nothing said: 5 dollars a day, which warn and do not stop', () => {
    expect(resolveBudget(undefined)).toMatchObject({ daily: 5, total: null, hardStop: false });
  });

  test('COST_BUDGET_DAILY counts when nothing is said', () => {
    expect(resolveBudget(undefined, { COST_BUDGET_DAILY: '7.5' }).daily).toBe(7.5);
    expect(resolveBudget({ daily: 2 }, { COST_BUDGET_DAILY: '7.5' }).daily).toBe(2);
    expect(() => resolveBudget(undefined, { COST_BUDGET_DAILY: 'x' })).toThrow(/COST_BUDGET_DAILY/);
  });

  test('null and false are no budget; a number is dollars per day', () => {
    expect(resolveBudget(null)).toBeNull();
    expect(resolveBudget(false)).toBeNull();
    expect(resolveBudget(3)).toMatchObject({ daily: 3, thresholds: [50, 80, 100] });
  });

  test.each([
    [{}, /needs daily or total/],
    [{ daily: -1 }, /budget\.daily/],
    [{ total: 2e6 }, /budget\.total/],
    [{ daily: 1, hardStop: 'yes' }, /budget\.hardStop/],
    [{ daily: 1, timeZone: 'Mars/Base' }, /budget\.timeZone must be a time zone/],
    [{ daily: 1, thresholds: [0] }, /budget\.thresholds/],
    [{ daily: 1, maxReserveMs: 0 }, /budget\.maxReserveMs/],
    [{ dayly: 1 }, /did you mean 'daily'/],
  ])('%j is refused', (given, message) => {
    expect(() => resolveBudget(given)).toThrow(message);
  });
});
