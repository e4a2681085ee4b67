'use strict';

// What is to be done when the far end's list is held against the ledger. A pure function: no I/O, no
// clock, no state. Two sides must agree before anything is ended: the list shows it, and the ledger
// (read after the list) says that nobody may have it.

/**
 * @typedef {object} Action
 * @property {'kill'|'adopt'|'end'|'watch'|'forget'|'doubt'} do kill: a sandbox of ours that nobody
 *   may have; adopt: an idle one of a dead instance; end: finish or undo what a dead instance began;
 *   watch: a creation that its manager will not settle any more; forget: proven gone; doubt: ours by
 *   the ledger, and not in the list: to be asked for by its id
 * @property {string} reason
 * @property {string|null} sandboxId
 * @property {string} [backend] of one that is to be killed: where it lives
 * @property {object|null} row
 */

/**
 * @param {object} seen
 * @param {{ sandboxId: string, backend: string, token: string }[]} seen.sandboxes of this owner and store, as listed
 * @param {boolean} seen.complete whether the list was read to its end: only then absence means something
 * @param {object[]} seen.rows read after the list
 * @param {(row: object) => boolean} seen.inHand somebody alive works on it
 * @param {(row: object, windowMs: number) => boolean} seen.settled the row has stood unchanged for
 *   that long before the list was read
 * @param {{ verifyMs: number, watchMs: number }} windows
 * @returns {Action[]}
 */
function plan({ sandboxes, complete, rows, inHand, settled }, { verifyMs, watchMs }) {
  const byToken = new Map(rows.map((row) => [row.token, row]));
  const listed = new Map();
  const actions = [];
  for (const { sandboxId, backend, token } of sandboxes) {
    const row = byToken.get(token) ?? null;
    // One that was ended after the list was asked for is in it, rightly.
    const isNews = row?.state === 'ended' && !settled(row, 0);
    const why = isNews ? null : killReason(row, sandboxId, inHand);
    if (why) actions.push({ do: 'kill', reason: why, sandboxId, backend, row });
    if (row && (row.sandboxId === sandboxId || row.sandboxId === null))
      listed.set(token, sandboxId);
  }
  for (const row of rows) {
    const here = listed.get(row.token) ?? null;
    const action = here === null ? absent(row) : present(row);
    if (action) actions.push({ sandboxId: here ?? row.sandboxId, row, ...action });
  }
  return actions;

  function present(row) {
    if (inHand(row)) return null;
    if (row.state === 'idle') return { do: 'adopt', reason: 'its manager is dead' };
    if (row.state === 'leased') return { do: 'end', reason: 'its holder is dead' };
    if (row.state === 'ending') return { do: 'end', reason: 'its end was not finished' };
    if (row.state === 'creating') return { do: 'watch', reason: 'its manager died creating it' };
    return null;
  }

  function absent(row) {
    if (row.state === 'watched' || (row.state === 'creating' && !inHand(row))) {
      const over = row.state === 'watched' && complete && settled(row, watchMs);
      if (over) return { do: 'forget', reason: 'nothing arrived' };
      return row.state === 'creating'
        ? { do: 'watch', reason: 'its manager died creating it' }
        : null;
    }
    if (row.state === 'ended') {
      if (inHand(row)) return null;
      const windowMs = row.data.foundGone ? watchMs : verifyMs;
      return complete && settled(row, windowMs) ? { do: 'forget', reason: 'proven gone' } : null;
    }
    if (!complete || row.state === 'creating' || !settled(row, verifyMs)) return null;
    if (inHand(row)) return { do: 'doubt', reason: 'not in the list' };
    return { do: 'end', reason: 'its manager is dead, and it is not in the list' };
  }
}

function killReason(row, sandboxId, inHand) {
  if (row === null) return 'nobody has it';
  if (row.state === 'ended') return 'it was ended, and lives';
  if (row.state === 'watched') return 'it arrived after its request was given up';
  if (row.sandboxId !== null && row.sandboxId !== sandboxId) return 'a second one of one request';
  if (row.state === 'creating' && !inHand(row)) return 'its manager died creating it';
  return null;
}

module.exports = { killReason, plan };
