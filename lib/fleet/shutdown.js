'use strict';

// The end of a fleet: nothing new, a grace for what is under way, then every sandbox in hand is ended,
// also when ending some of them fails. What may still run is named in the result, and stands in the
// store for whoever comes next.

const { E2bError, messageOf } = require('../errors');
const { checkOptions, invalid } = require('../options');
const { mapLimited } = require('../policy/limiter');

/** Terminations in flight. */
const ENDS_AT_ONCE = 10;
/** Deadline of each of them: a far end that hangs must not keep a closing process for minutes. */
const END_TIMEOUT_MS = 10_000;

/**
 * @param {import('./core').FleetCore} core
 * @param {import('./reconcile').Reconciler} reconciler
 * @param {{ keepIdle: boolean }} how idle sandboxes go on, for whoever opens the store next
 * @returns {Promise<object>} { success, terminated, failed: ids, message }, and kept with keepIdle;
 *   never rejects
 */
async function shutDown(core, reconciler, { keepIdle }) {
  core.beginStop();
  core.changed();
  await grace(core);
  core.abortCalls();
  const kept = keepIdle ? leaveIdle(core) : [];
  const failures = [];
  const present = core.pool.members();
  const [ended] = await Promise.all([endAll(core, present, failures), core.settled()]);
  // What landed late: a creation that was under way, an answer that never came.
  const late = core.pool.members().filter((member) => !present.includes(member));
  const terminated = ended + (await endAll(core, late, failures));
  const strays = await reconciler.last();
  await core.ledger.close().catch(() => {});
  if (!core.config.sharesStore) await core.ledger.store.close();
  const failed = [...core.pool.members().map(({ id }) => id), ...strays];
  const done =
    `${terminated} ${terminated === 1 ? 'sandbox' : 'sandboxes'} terminated` +
    (keepIdle ? `, ${kept.length} kept` : '');
  const told = { terminated, failed, ...(keepIdle && { kept }) };
  if (failed.length === 0) return { success: true, ...told, message: done };
  const [first] = failures;
  const why = first === undefined ? '' : ` (${messageOf(first)})`;
  const message =
    `${done}; ${failed.length} could not be and may still run: ${failed.join(', ')}` + why;
  const error = new E2bError(message, { outcome: 'unknown', cause: first });
  return { ...core.fail('shutdown', error), ...told, message };
}

/**
 * @returns {{ keepIdle: boolean }}
 * @throws {InvalidArgumentError}
 */
function shutdownOptions(options, { ledger }) {
  const { keepIdle = false } = checkOptions(options, ['keepIdle'], 'shutdown');
  if (typeof keepIdle !== 'boolean') throw invalid('keepIdle must be true or false');
  if (keepIdle && ledger.store.durability === 'process') {
    throw invalid('keepIdle needs a store that outlives the process: fileStore, sqliteStore, ...');
  }
  return { keepIdle };
}

/** Their rows say 'idle': the next manager of the store adopts them. @returns {string[]} ids */
function leaveIdle(core) {
  const idle = core.pool.idle().filter(({ entry }) => entry.state === 'idle');
  for (const member of idle) {
    core.pool.remove(member);
    member.entry.letGo();
  }
  return idle.map(({ id }) => id);
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
async function endAll(core, members, failures) {
  const options = { requestTimeoutMs: core.deadlineMs(END_TIMEOUT_MS) };
  const ended = await mapLimited(members, ENDS_AT_ONCE, (member) =>
    // Not reported one by one: shutdown names all of them in one failure.
    core.terminate(member, 'shutdown', { options }).then(
      () => 1,
      (error) => {
        failures.push(error);
        return 0;
      },
    ),
  );
  return ended.reduce((sum, one) => sum + one, 0);
}

module.exports = { shutDown, shutdownOptions };
