'use strict';

// What happens to a sandbox between its birth and its end: paused, resumed, copied, cut off from the
// network; and the snapshots that outlive it.

const { checkNumber, checkOptions, checkString, invalid, show } = require('../options');
const { flagOf } = require('./arguments');
const { CONNECTION_KEYS } = require('./connection');
const { answerOf, ask, attempt, checkSandboxId, onSandbox, query } = require('./direct');
const { EGRESS_KEYS, egressOf } = require('./network');
const { connectE2bSandbox } = require('./sandboxes');
const shapes = require('./shapes');

const MAX_TIMEOUT_S = 86_400;
const MAX_FORKS = 100;
const MAX_PAGES = 1_000;
const PAUSE_KEYS = ['memory', ...CONNECTION_KEYS];
const FORK_KEYS = ['count', 'timeout', ...CONNECTION_KEYS];
const SNAPSHOT_LIST_KEYS = ['sandboxId', 'name', 'limit', ...CONNECTION_KEYS];
const NETWORK_KEYS = ['allowInternetAccess', ...EGRESS_KEYS];

/**
 * Pauses a sandbox: it costs no computing any more, and lives until somebody resumes or ends it.
 *
 * @param {string} sandboxId
 * @param {object} [options] memory (default true; false keeps only its files: processes end, and a
 *   resume boots it anew), and the connection
 * @returns {Promise<{ sandboxId: string, status: 'stopped', alreadyPaused: boolean }>} when it stands
 *   still
 */
function pauseE2bSandbox(sandboxId, options) {
  return attempt(() => {
    const given = checkOptions(options, PAUSE_KEYS, 'pauseE2bSandbox');
    const body = given.memory == null ? {} : { memory: flagOf(given.memory, 'memory') };
    const request = { ...onSandbox(sandboxId, 'POST', '/pause'), what: 'pausing the sandbox' };
    const paused = (alreadyPaused) => ({ sandboxId, status: 'stopped', alreadyPaused });
    return ask(pauseE2bSandbox, sandboxId, given, request, body, () => paused(false)).catch(
      (error) => {
        if (error.status === 409 && /paused/i.test(error.message)) return paused(true);
        throw error;
      },
    );
  });
}

/**
 * Resumes a paused sandbox; one that runs is left as it is, but for its life, which this may prolong.
 *
 * @param {string} sandboxId
 * @param {object} [options] as of connectE2bSandbox
 * @returns {Promise<object>} as connectE2bSandbox
 */
function resumeE2bSandbox(sandboxId, options) {
  return connectE2bSandbox(sandboxId, options);
}

/**
 * Copies a running sandbox, files and all.
 *
 * @param {string} sandboxId
 * @param {object} [options] count (1 to 100; default 1), timeout (of the copies' lives, in seconds;
 *   default 3,600), and the connection
 * @returns {Promise<{ sandboxIds: string[], errors: { code: number|null, message: string }[] }>} some
 *   may have been made and some not
 */
function forkE2bSandbox(sandboxId, options) {
  return attempt(() => {
    const given = checkOptions(options, FORK_KEYS, 'forkE2bSandbox');
    const { count = 1, timeout = 3600 } = given;
    checkNumber(count, 'count', { min: 1, max: MAX_FORKS, integer: true });
    checkNumber(timeout, 'timeout', { min: 1, max: MAX_TIMEOUT_S });
    const body = { count, timeout: Math.ceil(timeout) };
    const what = 'forking the sandbox';
    const request = { ...onSandbox(sandboxId, 'POST', '/fork'), what, makes: true };
    return ask(forkE2bSandbox, sandboxId, given, request, body, (answer) => {
      const items = shapes.listOf(answer.body, null, 'a fork', {
        ...answer.facts,
        retryable: false,
      });
      return {
        sandboxIds: items.flatMap(({ sandbox }) => sandbox?.sandboxID ?? []),
        errors: items.flatMap(({ error }) =>
          error ? { code: error.code ?? null, message: String(error.message) } : [],
        ),
      };
    });
  });
}

/**
 * Replaces the rules for what a sandbox may reach.
 *
 * @param {string} sandboxId
 * @param {object} network allowInternetAccess, allowOut, denyOut (addresses, networks, domains),
 *   rules, egressProxy; what is left out is cleared
 * @param {object} [options] the connection
 * @returns {Promise<{ sandboxId: string }>} rejects with BAD_REQUEST for rules that the far end does
 *   not enforce
 */
function setE2bSandboxNetwork(sandboxId, network, options) {
  return attempt(() => {
    const given = checkOptions(options, CONNECTION_KEYS, 'setE2bSandboxNetwork');
    if (network === null || typeof network !== 'object') {
      throw invalid(`network must be an object, not ${show(network)}`);
    }
    const { allowInternetAccess, ...rules } = checkOptions(network, NETWORK_KEYS, 'network');
    const body = egressOf(rules);
    if (allowInternetAccess != null) {
      body.allow_internet_access = flagOf(allowInternetAccess, 'network.allowInternetAccess');
    }
    const what = "setting the sandbox's network";
    const request = { ...onSandbox(sandboxId, 'PUT', '/network'), what, idempotent: true };
    return ask(setE2bSandboxNetwork, sandboxId, given, request, body, () => ({ sandboxId }));
  });
}

/**
 * Keeps a sandbox's state as something that new sandboxes can be made from; it goes on running.
 *
 * @param {string} sandboxId
 * @param {string} [name] default: one of the far end's making
 * @param {object} [options] the connection
 * @returns {Promise<{ snapshotId: string, names: string[], sandboxId: string }>} `snapshotId` is a
 *   template for createE2bSandbox
 */
function snapshotE2bSandbox(sandboxId, name, options) {
  return attempt(() => {
    const given = checkOptions(options, CONNECTION_KEYS, 'snapshotE2bSandbox');
    const body = name == null ? {} : { name: checkString(name, 'name') };
    const what = 'taking a snapshot of the sandbox';
    const request = { ...onSandbox(sandboxId, 'POST', '/snapshots'), what };
    return ask(snapshotE2bSandbox, sandboxId, given, request, body, (answer) => ({
      ...snapshotInfo(answerOf(answer, 'a snapshot'), answer.facts),
      sandboxId,
    }));
  });
}

function snapshotInfo({ snapshotID, names }, facts) {
  if (typeof snapshotID !== 'string' || snapshotID === '') {
    throw shapes.badResponse('the answer names no snapshot', { ...facts, retryable: false });
  }
  return { snapshotId: snapshotID, names: Array.isArray(names) ? names : [] };
}

/**
 * The account's snapshots, through all pages.
 *
 * @param {object} [options] sandboxId (those of one sandbox), name, limit (of items; default none),
 *   and the connection
 * @returns {Promise<{ snapshotId: string, names: string[] }[]>}
 */
function listE2bSnapshots(options) {
  return attempt(() => {
    const given = checkOptions(options, SNAPSHOT_LIST_KEYS, 'listE2bSnapshots');
    const { sandboxId, name, limit } = given;
    if (sandboxId != null) checkSandboxId(sandboxId);
    if (limit != null) checkNumber(limit, 'limit', { min: 1, integer: true });
    const page = (nextToken) => {
      const path = `/snapshots${query({ sandboxID: sandboxId, name, nextToken })}`;
      const request = { method: 'GET', path, what: 'listing snapshots', idempotent: true };
      return ask(listE2bSnapshots, null, given, request, undefined, (answer) => ({
        nextToken: answer.nextToken,
        items: shapes
          .listOf(answer.body, null, 'a list of snapshots', answer.facts)
          .map((item) => snapshotInfo(item, answer.facts)),
      }));
    };
    return throughPages(page(undefined), page, limit ?? Infinity);
  });
}

async function throughPages(first, page, limit) {
  const found = [];
  let { items, nextToken } = await first;
  found.push(...items);
  for (let pages = 1; nextToken && found.length < limit; pages++) {
    if (pages >= MAX_PAGES) throw shapes.badResponse('the list of snapshots does not end', {});
    ({ items, nextToken } = await page(nextToken));
    found.push(...items);
  }
  return found.slice(0, limit);
}

/**
 * Deletes a snapshot. One that is not there counts as deleted.
 *
 * @param {string} snapshotId
 * @param {object} [options] the connection
 * @returns {Promise<{ snapshotId: string, alreadyGone: boolean }>} rejects while sandboxes that were
 *   made from it live
 */
function deleteE2bSnapshot(snapshotId, options) {
  return attempt(() => {
    const given = checkOptions(options, CONNECTION_KEYS, 'deleteE2bSnapshot');
    const path = `/templates/${encodeURIComponent(checkString(snapshotId, 'snapshotId'))}`;
    const request = { method: 'DELETE', path, what: 'deleting the snapshot', idempotent: true };
    const gone = (alreadyGone) => ({ snapshotId, alreadyGone });
    return ask(deleteE2bSnapshot, null, given, request, undefined, () => gone(false)).catch(
      (error) => {
        if (error.status === 404) return gone(true);
        throw error;
      },
    );
  });
}

module.exports = {
  deleteE2bSnapshot,
  forkE2bSandbox,
  listE2bSnapshots,
  pauseE2bSandbox,
  resumeE2bSandbox,
  setE2bSandboxNetwork,
  snapshotE2bSandbox,
};
