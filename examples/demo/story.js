'use strict';

// What happens in the demo, step by step, through the manager's public methods and events alone.
// Every wait has a deadline and ends at once when the demo is interrupted.

/** The events of the contract. */
const EVENTS = [
  'sandbox:created',
  'agent:deployed',
  'strategy:executed',
  'health:checked',
  'scale:up',
  'cleanup:complete',
  'recovery:success',
  'recovery:failed',
  'error',
  'shutdown',
];

const SPEC = { name: 'trader', timeout: 600, env: { DESK: 'demo' } };
const WAIT_MS = 60_000;
/** Makes the second agent last for more than a second, so that it runs when its sandbox dies. */
const PACE_MS = 1;
/** Signals of it that are awaited before its sandbox is killed. */
const SIGNALS_BEFORE_KILL = 10;
/** Signals of each agent that are printed one by one. */
const SIGNALS_SHOWN = 3;

/**
 * @param {object} stage { manager, farEnd, report, signal }
 * @returns {Promise<{ SPX: { total, sharpe }, AAPL: { total, sharpe } }>}
 */
async function tell(stage) {
  const { report, farEnd } = stage;
  report.step(`The far end is ${farEnd.name}`);
  if (farEnd.note) report.line(farEnd.note);
  const ids = await fiveSandboxes(stage);
  const { numbers } = await twoAgents(stage, ids);
  await killed(stage, ids[1]);
  await healthTable(stage);
  if (farEnd.refuseNextCreation) await failedRecovery(stage, ids[4]);
  await poolReuse(stage);
  await anError(stage);
  const momentum = await numbers;
  await cleanupAndStatistics(stage);
  return momentum;
}

async function fiveSandboxes({ manager, report }) {
  report.step('Five sandboxes, created in parallel');
  const began = performance.now();
  const scaled = succeeded(await manager.scaleUp(5, SPEC));
  report.line(`${scaled.message}, in ${Math.round(performance.now() - began)} ms`);
  const { sandboxes } = manager.listSandboxes();
  report.table(sandboxes.map(({ id, name, template, state }) => ({ id, name, template, state })));
  return sandboxes.map(({ id }) => id);
}

/** Starts both agents. @returns {Promise<{ numbers: Promise }>} numbers: when both have ended */
async function twoAgents(stage, [first, second]) {
  const { manager, report } = stage;
  report.step('Momentum agents on SPX and AAPL; their signals stream');
  const counts = { SPX: 0, AAPL: 0 };
  manager.on('agent:signal', ({ signal: { symbol, date, price, signal: to } }) => {
    counts[symbol]++;
    const text = `${symbol} ${date} at ${price}: ${to}`;
    if (counts[symbol] <= SIGNALS_SHOWN) report.line(text);
    else report.progress(`${text}  (SPX ${counts.SPX}, AAPL ${counts.AAPL} signals)`);
  });
  const summaries = {};
  const all = until(stage, 'agent:completed', ({ symbols: [symbol], status, summary }) => {
    if (status !== 'completed') throw new Error(`the agent on ${symbol} ended as ${status}`);
    const { total, sharpe } = summary.symbols[symbol];
    summaries[symbol] = { total, sharpe };
    return summaries.SPX && summaries.AAPL;
  });
  all.catch(() => {}); // reported where it is awaited
  const started = until(stage, 'agent:signal', () => counts.AAPL >= SIGNALS_BEFORE_KILL);
  await Promise.all([
    manager.deployAgent(first, 'momentum', ['SPX']).then(succeeded),
    manager.deployAgent(second, 'momentum', ['AAPL'], { paceMs: PACE_MS }).then(succeeded),
    started,
  ]);
  const numbers = all.then(() => ({ SPX: summaries.SPX, AAPL: summaries.AAPL }));
  numbers.catch(() => {});
  return { numbers };
}

async function killed(stage, id) {
  const { manager, report, farEnd } = stage;
  report.step(`The sandbox of the agent on AAPL is killed behind the manager's back`);
  const recovered = until(stage, 'recovery:success', ({ oldId }) => oldId === id);
  await farEnd.kill(id);
  report.line(`${id} is gone`);
  const { newId } = await recovered;
  const { name, runningAgents } = manager.activeSandboxes.get(newId);
  report.line(`${newId} (${name}) took its place, with ${runningAgents} agent running`);
}

async function healthTable({ manager, report }) {
  report.step('Health');
  const { health } = succeeded(await manager.monitorHealth());
  report.table(
    Object.values(health.sandboxes).map((found) => ({
      sandbox: found.sandboxId,
      status: found.status,
      health: found.health,
      'uptime s': found.uptime.toFixed(1),
      'memory MB': found.memoryUsage === null ? null : Math.round(found.memoryUsage),
      'CPU %': found.cpuUsage === null ? null : Math.round(found.cpuUsage),
      agents: found.agentCount,
    })),
  );
  const { status, score } = health.fleet;
  report.line(`fleet: ${status}, ${Math.round(score * 100)} % running; idle ones are not touched`);
}

async function failedRecovery(stage, id) {
  const { manager, report, farEnd } = stage;
  report.step('A replacement is refused: told, and tried again at the next round');
  farEnd.refuseNextCreation();
  await farEnd.kill(id);
  for (let round = 1; round <= 2; round++) {
    const { recoveries } = succeeded(await manager.monitorHealth());
    const [{ success, newId, error }] = recoveries;
    report.line(`round ${round}: ${success ? `${newId} took the place of ${id}` : error}`);
    if (success !== (round === 2)) throw new Error(`recovery went otherwise in round ${round}`);
  }
}

async function poolReuse({ manager, report }) {
  report.step('The pool: an idle sandbox is reused');
  const { reused, sandboxId } = succeeded(await manager.getOrCreateSandbox(SPEC));
  if (!reused) throw new Error('nothing was reused');
  const command = 'echo "hello from $DESK, node $(node --version)"';
  const { output } = succeeded(await manager.executeStrategy(sandboxId, command));
  report.line(`${sandboxId}: ${output.trim()}`);
  succeeded(await manager.releaseSandbox(sandboxId));
}

async function anError({ manager, report }) {
  report.step('An error is a result and an event, never a crash');
  const { success, code, error } = await manager.deployAgent('nowhere', 'momentum', ['SPX']);
  if (success) throw new Error('an agent was deployed nowhere');
  report.line(`${code}: ${error}`);
}

async function cleanupAndStatistics({ manager, report }) {
  report.step('Cleanup of what is idle, statistics, shutdown');
  // An hour by default: for the demo a moment has to do.
  manager.config.inactivityThreshold = 100;
  const { cleanup } = succeeded(await manager.cleanup());
  report.line(`${cleanup.terminated} of ${cleanup.checked} sandboxes were ended`);
  const { stats } = manager.getStats();
  report.table(Object.entries(stats).map(([statistic, value]) => ({ statistic, value })));
  const { message } = succeeded(await manager.shutdown());
  report.line(message);
}

/** @returns the result, if it is one of success */
function succeeded(result) {
  if (!result.success) throw new Error(result.error);
  return result;
}

/** The payload of the first such event for which `wanted` says yes. */
function until({ manager, signal }, name, wanted) {
  return new Promise((resolve, reject) => {
    const end = (settle) => (value) => {
      clearTimeout(timer);
      manager.off(name, look);
      signal.removeEventListener('abort', onAbort);
      settle(value);
    };
    const fail = end(reject);
    const look = (payload) => {
      try {
        if (wanted(payload)) end(resolve)(payload);
      } catch (error) {
        fail(error);
      }
    };
    const onAbort = () => fail(signal.reason);
    const late = () => fail(new Error(`${name} did not come within ${WAIT_MS / 1000} s`));
    const timer = setTimeout(late, WAIT_MS).unref();
    manager.on(name, look);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
  });
}

module.exports = { EVENTS, tell };
