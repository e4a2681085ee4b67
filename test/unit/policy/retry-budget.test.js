'use strict';

// lib/policy/retry-budget.js: who pays for a retry, who gets it back; and the same against a model that
// is nothing but the rule written down.

const fc = require('fast-check');
const { RetryBudget, BUDGET_DEFAULTS, UNBUDGETED } = require('../../../lib/policy/retry-budget');

const spend = (budget, retries, throttled = false) => {
  const spending = budget.call();
  return Array.from({ length: retries }, () => spending.retry(throttled));
};
const drained = () => {
  const budget = new RetryBudget();
  for (let i = 0; i < 100; i++) spend(budget, 1);
  return budget;
};

test('a full budget has 35 retries, then none', () => {
  const budget = new RetryBudget();
  expect(spend(budget, 36)).toEqual([...Array(35).fill(true), false]);
  expect(budget.tokens).toBe(10);
});

test('a throttled retry costs 5 tokens, any other one 14', () => {
  const budget = new RetryBudget();
  const spending = budget.call();
  spending.retry(true);
  expect(budget.tokens).toBe(495);
  spending.retry();
  expect(budget.tokens).toBe(481);
});

test('success gives back what the retries of the call have cost', () => {
  const budget = new RetryBudget();
  const spending = budget.call();
  spending.retry();
  spending.retry(true);
  expect(budget.toJSON()).toEqual({ tokens: 481, share: 33 });
  spending.success();
  expect(budget.toJSON()).toEqual({ tokens: 500, share: 35 });
});

test('a success is counted once', () => {
  const budget = drained();
  const spending = budget.call();
  const before = budget.tokens;
  spending.success();
  spending.success();
  expect(budget.tokens).toBe(before + 1);
});

test('a call earns a tenth of a retry, and one token more when its first try succeeds', () => {
  const budget = drained();
  const before = budget.tokens;
  const call = budget.call();
  expect(budget.tokens).toBeCloseTo(before + 1.4, 9);
  const { share } = budget;
  call.success();
  expect(budget.tokens).toBeCloseTo(before + 2.4, 9);
  expect(budget.share).toBeCloseTo(share + 1 / 14, 9);
});

test('ten calls earn one retry of the share', () => {
  const budget = new RetryBudget({ ...BUDGET_DEFAULTS, tokens: 1e6, retryBurst: 1 });
  expect(spend(budget, 2)).toEqual([true, false]);
  for (let i = 0; i < 9; i++) expect(spend(budget, 1)).toEqual([false]);
  expect(spend(budget, 2)).toEqual([true, false]);
});

test('neither account ever holds more than when it was new', () => {
  const budget = new RetryBudget();
  for (let i = 0; i < 1000; i++) budget.call().success();
  expect(budget.toJSON()).toEqual({ tokens: 500, share: 35 });
});

test('outside the budget everything is allowed', () => {
  expect(UNBUDGETED.retry()).toBe(true);
  expect(() => UNBUDGETED.success()).not.toThrow();
});

test('it goes on where it was saved', () => {
  const budget = drained();
  const other = new RetryBudget();
  other.restore(JSON.parse(JSON.stringify(budget)));
  expect(other.toJSON()).toEqual(budget.toJSON());
});

test.each([[null], [{}], [{ tokens: 'many', share: NaN }], [7]])(
  'what is no saved budget changes nothing (%j)',
  (saved) => {
    const budget = new RetryBudget();
    budget.restore(saved);
    expect(budget.toJSON()).toEqual({ tokens: 500, share: 35 });
  },
);

test('a saved budget cannot be richer or poorer than its bounds', () => {
  const budget = new RetryBudget();
  budget.restore({ tokens: 1e9, share: -5 });
  expect(budget.toJSON()).toEqual({ tokens: 500, share: 0 });
});

test('under total outage, sends are at most 1.1 times the calls and a burst of 35', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ attempts: fc.integer({ min: 1, max: 10 }), throttled: fc.boolean() }), {
        maxLength: 1000,
      }),
      (calls) => {
        const budget = new RetryBudget();
        let sends = 0;
        for (const [i, { attempts, throttled }] of calls.entries()) {
          sends += 1 + spend(budget, attempts - 1, throttled).filter(Boolean).length;
          if (sends > 1.1 * (i + 1) + BUDGET_DEFAULTS.retryBurst + 1e-6) return false;
        }
        return true;
      },
    ),
  );
});

test('retries that helped nobody are at most what was earned, and the burst, whatever happens', () => {
  const outcome = fc.record({ retries: fc.integer({ min: 0, max: 4 }), good: fc.boolean() });
  fc.assert(
    fc.property(fc.array(outcome, { maxLength: 500 }), (calls) => {
      const budget = new RetryBudget();
      let wasted = 0;
      let easy = 0;
      for (const { retries, good } of calls) {
        const spending = budget.call();
        let made = 0;
        while (made < retries && spending.retry(true)) made++;
        if (good) spending.success();
        else wasted += made;
        if (good && made === 0) easy++;
      }
      const earned = 0.1 * calls.length + easy / 14;
      expect(wasted).toBeLessThanOrEqual(earned + BUDGET_DEFAULTS.retryBurst + 1e-6);
    }),
  );
});

// Tenths of tokens and 140ths of retries, so that the model has no rounding of its own.
const model = () => ({ tokens: 5000, share: 35 * 140, open: [] });
const command = (name, run, check = () => true) => ({ check, run, toString: () => name });
const commands = [
  fc.constant(
    command('call', (m, { budget, open }) => {
      m.share = Math.min(35 * 140, m.share + 14);
      m.tokens = Math.min(5000, m.tokens + 14);
      m.open.push({ cost: 0, retries: 0 });
      open.push(budget.call());
    }),
  ),
  fc.tuple(fc.nat(), fc.boolean()).map(([n, throttled]) =>
    command(
      `retry(${n}, ${throttled})`,
      (m, { budget, open }) => {
        const cost = throttled ? 50 : 140;
        const allowed = m.tokens >= cost && m.share >= 140;
        expect(open[n % open.length].retry(throttled)).toBe(allowed);
        if (allowed) {
          m.tokens -= cost;
          m.share -= 140;
          m.open[n % open.length].cost += cost;
          m.open[n % open.length].retries++;
        }
        expect(budget.tokens).toBeCloseTo(m.tokens / 10, 6);
        expect(budget.share).toBeCloseTo(m.share / 140, 6);
      },
      (m) => m.open.length > 0,
    ),
  ),
  fc.nat().map((n) =>
    command(
      `success(${n})`,
      (m, { budget, open }) => {
        const [{ cost, retries }] = m.open.splice(n % m.open.length, 1);
        open.splice(n % open.length, 1)[0].success();
        m.tokens = Math.min(5000, m.tokens + (retries === 0 ? 10 : cost));
        m.share = Math.min(35 * 140, m.share + (retries === 0 ? 10 : retries * 140));
        expect(budget.tokens).toBeCloseTo(m.tokens / 10, 6);
      },
      (m) => m.open.length > 0,
    ),
  ),
];

test('any mixture of calls, retries and successes is as in the model', () => {
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 300, size: 'max' }), (cmds) => {
      fc.modelRun(() => ({ model: model(), real: { budget: new RetryBudget(), open: [] } }), cmds);
    }),
    { numRuns: 100 },
  );
});
