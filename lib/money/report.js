'use strict';

// The weekly review of costs (COST-15): the last seven days against the seven before, day by day, whose
// and what for, what was saved, where the budget stands, what the next week will probably cost and how
// far off such forecasts were, and what in these numbers deserves a look. Data first, text from the
// data; pure.

const { checkOptions } = require('../options');
const { forecast } = require('./forecast');
const { DAY_MS, HOUR_MS } = require('./prices');
const { sumOf } = require('./sum');
const { checkTimeZone, dayOf } = require('./zone');

const WEEK_MS = 7 * DAY_MS;
const OLD_PRICE_MS = 180 * DAY_MS;
const MAX_NAMES = 10;
const KEYS = ['history', 'snapshot', 'budget', 'nowMs', 'timeZone'];

/**
 * @param {{ history: object[], snapshot: object, budget?: object|null, nowMs: number,
 *   timeZone?: string }} from meter.history(), meter.snapshot(), budget.snapshot(); days are those of
 *   the time zone, default UTC
 * @returns {object} CostReview of index.d.ts
 */
function weeklyReview(from) {
  const given = checkOptions(from, KEYS, 'weeklyReview');
  const { history, snapshot, budget = null, nowMs, timeZone = 'UTC' } = given;
  checkTimeZone(timeZone, 'timeZone');
  const endMs = Math.ceil(nowMs / HOUR_MS) * HOUR_MS;
  const within = (fromMs, toMs) =>
    history.filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
  const week = within(endMs - WEEK_MS, endMs);
  const before = within(endMs - 2 * WEEK_MS, endMs - WEEK_MS);
  const total = sumOf(week.map(({ cost }) => cost));
  const previous = before.length > 0 ? sumOf(before.map(({ cost }) => cost)) : null;
  const sandboxMs = sumOf(week.map((hour) => hour.sandboxMs));
  const leasedMs = sumOf(week.map((hour) => hour.leasedMs));
  const costs = history.map(({ startMs, cost }) => ({ startMs, value: cost }));
  const { hours: _, ...next } = forecast(costs, { nowMs, timeZone });
  const review = {
    from: new Date(endMs - WEEK_MS).toISOString(),
    to: new Date(endMs).toISOString(),
    timeZone,
    currency: snapshot.currency,
    profile: snapshot.profile,
    priceChecked: snapshot.priceChecked,
    total,
    previous,
    change: previous > 0 ? total / previous - 1 : null,
    sandboxHours: sandboxMs / HOUR_MS,
    efficiency: sandboxMs > 0 ? leasedMs / sandboxMs : null,
    creations: sumOf(week.map((hour) => hour.creations)),
    calls: sumOf(week.map((hour) => hour.calls)),
    byDay: byDay(week, timeZone),
    byOwner: largest(snapshot.byOwner),
    byTag: largest(snapshot.byTag),
    savings: snapshot.savings,
    budget,
    nextWeek: next,
  };
  return { ...review, findings: findingsOf(review, nowMs) };
}

function byDay(week, timeZone) {
  const days = new Map();
  for (const { startMs, cost, sandboxMs } of week) {
    const day = dayOf(timeZone, startMs);
    const entry = days.get(day) ?? { day, cost: 0, sandboxHours: 0 };
    entry.cost += cost;
    entry.sandboxHours += sandboxMs / HOUR_MS;
    days.set(day, entry);
  }
  return [...days.values()];
}

function largest(costs) {
  return Object.entries(costs)
    .map(([name, cost]) => ({ name, cost }))
    .sort((a, b) => b.cost - a.cost)
    .slice(0, MAX_NAMES);
}

// Each states a number of the review and what can be done about it.
function findingsOf(review, nowMs) {
  const { total, change, efficiency, savings, budget, nextWeek, priceChecked } = review;
  const findings = [];
  if (efficiency !== null && efficiency < 0.5) {
    findings.push(
      `Sandboxes were leased in ${percent(efficiency)} of the time that was paid for: a smaller warm ` +
        'pool, a schedule or a shorter idle time would cost less.',
    );
  }
  if (savings.pooling.uses > 0 && savings.pooling.net < 0) {
    findings.push(
      `The warm pool has cost ${dollars(savings.pooling.idle)} in waiting and spared ` +
        `${dollars(savings.pooling.avoided)}: it buys speed, not money.`,
    );
  }
  if (change !== null && change > 0.25) {
    findings.push(`The week cost ${percent(change)} more than the one before.`);
  }
  if (budget?.day.limit && (budget.day.spent + budget.day.reserved) / budget.day.limit >= 0.8) {
    const used = budget.day.spent + budget.day.reserved;
    findings.push(`Today ${dollars(used)} of a budget of ${dollars(budget.day.limit)} is used.`);
  }
  if (budget?.day.limit && nextWeek.total > 7 * budget.day.limit) {
    findings.push(
      `The next week will probably cost ${dollars(nextWeek.total)}: more than seven daily budgets.`,
    );
  }
  if (priceChecked !== null && nowMs - Date.parse(priceChecked) > OLD_PRICE_MS && total > 0) {
    findings.push(`The prices were looked up on ${priceChecked}: look again.`);
  }
  return findings;
}

function dollars(amount) {
  const digits = Math.abs(amount) < 1 && amount !== 0 ? 4 : 2;
  return `${amount < 0 ? '-' : ''}$${Math.abs(amount).toFixed(digits)}`;
}

const percent = (share) => `${(share * 100).toFixed(0)} %`;

/** The review for a terminal, without colours; at most some sixty lines of 80 characters or less. */
function reviewText(review) {
  const { total, previous, change, efficiency, byOwner, byTag, savings, budget, nextWeek } = review;
  const row = (name, cost) => `  ${name.slice(0, 40).padEnd(42)}${dollars(cost).padStart(12)}`;
  const table = (title, rows) =>
    rows.length === 0 ? [] : ['', title, ...rows.map(({ name, cost }) => row(name, cost))];
  const compared =
    previous === null
      ? 'no week before to compare with'
      : `${dollars(previous)} the week before` +
        (change === null ? '' : ` (${change < 0 ? '' : '+'}${percent(change)})`);
  const lines = [
    `Costs from ${review.from.slice(0, 10)} to ${review.to.slice(0, 10)}: ${dollars(total)}`,
    compared,
    `prices: ${review.profile}` +
      (review.priceChecked === null ? '' : `, looked up ${review.priceChecked}`),
    `${review.sandboxHours.toFixed(1)} sandbox-hours, ` +
      `${efficiency === null ? 'none' : percent(efficiency)} of it leased; ` +
      `${review.creations} creations, ${review.calls} calls`,
    ...table(
      'By day',
      review.byDay.map(({ day, cost }) => ({ name: day, cost })),
    ),
    ...table('By owner, since the start', byOwner),
    ...table('By tag, since the start', byTag),
    '',
    'Saved, since the start',
    row(`pooling, ${savings.pooling.uses} uses, net of waiting`, savings.pooling.net),
    row(`caching, ${savings.caching.hits} hits`, savings.caching.avoided),
    row(`cleanup, ${savings.cleanup.cleaned} sandboxes`, savings.cleanup.avoided),
    row(`batching, ${savings.batching.calls} calls`, savings.batching.avoided),
    '',
    `Next week: ${dollars(nextWeek.total)} (${nextWeek.method}; ${errorText(nextWeek.error)})`,
  ];
  if (budget?.day.limit != null) {
    const { limit, spent, reserved } = budget.day;
    const what = `${dollars(spent)} spent, ${dollars(reserved)} reserved`;
    lines.push(`Budget today: ${what} of ${dollars(limit)}`);
  }
  for (const finding of review.findings) lines.push('', ...wrap(`! ${finding}`));
  return `${lines.join('\n')}\n`;
}

function errorText(error) {
  if (error === null) return 'too little history to say how far off';
  const parts = [];
  if (error.mase !== null) parts.push(`MASE ${error.mase.toFixed(2)}`);
  if (error.mape !== null) parts.push(`off by ${percent(error.mape)} on average`);
  return `back-tested on ${error.origins} days: ${parts.join(', ') || 'nothing ran'}`;
}

function wrap(text, width = 78) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const next = lines.at(-1) === '' ? word : `${lines.at(-1)} ${word}`;
    if (next.length <= width) lines[lines.length - 1] = next;
    else lines.push(`  ${word}`);
  }
  return lines;
}

module.exports = { weeklyReview, reviewText };
