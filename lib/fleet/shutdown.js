'use strict';

// The end of a fleet: nothing new, a grace for what is under way, then every sandbox in hand is ended,
// also when ending some of them fails. What may still run is named in the result, and stands in the
// store for whoever comes next.

const { E2bError } = require('../errors');
const { mapLimited } = require('../policy/limiter');

/** Terminations in flight. */
const ENDS_AT_ONCE = 10;
/** Deadline of each of them: a far end that hangs must not keep a closing process for minutes. */
const END_TIMEOUT_MS = 10_000;

/**
 * @param {import('./core').FleetCore} core
 * @param {import('./reconcile').Reconciler} reconciler
 * @returns {Promise<object>} { success, terminated, failed: ids, message }; never rejects
 */
async function shutDown(core, reconciler) {
  core.beginStop();
  core.changed();
  await grace(core);
  core.abortCalls();
  const present = core.pool.members();
  const [ended] = await Promise.all([endAll(core, present), core.settled()]);
  // What landed late: a creation that was under way, an answer that never came.
  const late = core.pool.members().filter((member) => !present.includes(member));
  const terminated = ended + (await endAll(core, late));
  const strays = await reconciler.last();
  await core.ledger.close().catch(() => {});
  if (!core.config.sharesStore) await core.ledger.store.close();
  const failed = [...core.pool.members().map(({ id }) => id), ...strays];
  const done = `${terminated} ${terminated === 1 ? 'sandbox' : 'sandboxes'} terminated`;
  if (failed.length === 0) return { success: true, terminated, failed, message: done };
  const message = `${done}; ${failed.length} could not be and may still run: ${failed.join(', ')}`;
  const error = new E2bError(message, { outcome: 'unknown' });
  return { ...core.fail('shutdown', error), terminated, failed, message };
}

// Creations and executions under way may end by themselves; agents are not waited for.
async function grace(core) {
  let timer;
  const over = new Promise((resolve) => {
    timer = core.clock.setTimeout(resolve, core.config.get('shutdownGraceMs'));
  });
  await Promise.race([core.settled(['work']), over]);
  core.clock.clearTimeout(timer);
}

/** @returns {Promise<number>} how many were ended */
async function endAll(core, members) {
  const options = { requestTimeoutMs: core.deadlineMs(END_TIMEOUT_MS) };
  const ended = await mapLimited(members, ENDS_AT_ONCE, (member) =>
    // Not reported one by one: shutdown names all of them in one failure.
    core.terminate(member, 'shutdown', { options }).then(
      () => 1,
      () => 0,
    ),
  );
  return ended.reduce((sum, one) => sum + one, 0);
}

module.exports = { shutDown };
