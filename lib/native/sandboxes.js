'use strict';

// Sandboxes, on the control plane: made, looked at, listed, prolonged, ended. Each function sends each
// request once.

const { checkNumber, checkOptions, checkString, invalid, show } = require('../options');
const { forget } = require('./activity');
const { flagOf, pairs, userMetadata } = require('./arguments');
const { Call } = require('./calls');
const { CONNECTION_KEYS } = require('./connection');
const { networkOf } = require('./network');
const shapes = require('./shapes');

/** Key of the options under which the manager hands over metadata that users may not set. */
const kReserved = Symbol('e2b-swarm.reserved');

const CREATE_KEYS = [
  ...['env', 'metadata', 'autoPause', 'autoPauseMemory', 'autoResume'],
  ...['allowInternetAccess', 'network', ...CONNECTION_KEYS],
];
const STATUS_KEYS = ['metrics', ...CONNECTION_KEYS];
const TERMINATE_KEYS = ['graceMs', ...CONNECTION_KEYS];
const FILTER_KEYS = ['metadata', 'template', 'startedAfter', 'order', 'limit'];
const LIST_KEYS = [...FILTER_KEYS, ...CONNECTION_KEYS];
const CONNECT_KEYS = ['timeout', 'memory', ...CONNECTION_KEYS];

const LIST_STATES = { all: undefined, running: 'running', stopped: 'paused' };
const ORDERS = ['asc', 'desc'];
const PAGE_SIZE = 100;
const MAX_PAGES = 1_000;

/**
 * Creates a sandbox. One request; the times in the result are of this machine's clock at the answer.
 *
 * @param {string} name travels as metadata 'e2b-swarm.name'
 * @param {string} [template] default 'base'
 * @param {number} [timeout] its life in seconds, above 0, up to 86,400; default 3,600
 * @param {number} [memoryMb] at least 128; checked, not sent: the template has the size
 * @param {number} [cpuCount] at least 1; checked, not sent
 * @param {object} [options] env, metadata; autoPause (at its end it is paused, not ended),
 *   autoPauseMemory (false: that pause keeps its files alone), autoResume (traffic wakes it);
 *   allowInternetAccess, network (allowOut, denyOut, rules, egressProxy, allowPublicTraffic,
 *   maskRequestHost, httpsPorts), and the connection
 * @returns {Promise<object>} E2bSandbox; rejects with BAD_REQUEST or PERMISSION_DENIED for rules that
 *   the far end does not enforce
 */
function createE2bSandbox(name, template = 'base', timeout = 3600, memoryMb, cpuCount, options) {
  try {
    const given = checkOptions(options, CREATE_KEYS, 'createE2bSandbox');
    const metadata = userMetadata(given.metadata);
    for (const [key, value] of Object.entries(given[kReserved] ?? {})) {
      metadata.push(shapes.PREFIX + key, value);
    }
    const env = pairs(given.env, 'env');
    const network = networkOf(given.network);
    const asked = { name, template, timeout, metadata: { ...given.metadata } };
    const call = new Call(given, createE2bSandbox, null, (batch, at) =>
      shapes.createdSandbox(batch[at + 3], asked, call.connection, batch[at + 2]),
    );
    const { record } = call;
    record.env = env;
    record.metadata = metadata;
    for (const key of ['autoPause', 'autoPauseMemory', 'autoResume', 'allowInternetAccess']) {
      record[key] = given[key];
    }
    record.network = network && JSON.stringify(network);
    return call.enter(
      call.begin().createE2bSandbox(name, template, timeout, memoryMb, cpuCount, record),
    );
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * State, size, load and use of a sandbox. 'error' is one that should run and whose daemon does not
 * answer.
 *
 * @param {string} sandboxId
 * @param {object} [options] metrics (default true; false asks the control plane alone: memoryUsage
 *   and cpuUsage are null), and the connection
 * @returns {Promise<object>} SandboxStatus; rejects with NOT_FOUND for an unknown id
 */
function getE2bSandboxStatus(sandboxId, options) {
  try {
    const given = checkOptions(options, STATUS_KEYS, 'getE2bSandboxStatus');
    const metrics = flagOf(given.metrics, 'metrics', true);
    const call = new Call(given, getE2bSandboxStatus, sandboxId, (batch, at) =>
      shapes.sandboxStatus(batch[at + 3], batch[at + 4], batch[at + 5], sandboxId, batch[at + 2]),
    );
    call.record.metrics = metrics;
    return call.enter(call.begin().getE2bSandboxStatus(sandboxId, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Ends a sandbox. One that is already gone counts as ended.
 *
 * @param {string} sandboxId
 * @param {boolean} [force] false: waits first for this process's own calls to it
 * @param {object} [options] graceMs (for that wait; default 5,000), and the connection
 * @returns {Promise<{ sandboxId: string, status: 'terminated', alreadyGone: boolean }>}
 */
function terminateE2bSandbox(sandboxId, force = false, options) {
  try {
    const given = checkOptions(options, TERMINATE_KEYS, 'terminateE2bSandbox');
    const call = new Call(given, terminateE2bSandbox, sandboxId, (batch, at) => {
      forget(sandboxId);
      return { sandboxId, status: 'terminated', alreadyGone: batch[at + 7] === true };
    });
    call.record.graceMs = given.graceMs;
    return call.enter(call.begin().terminateE2bSandbox(sandboxId, force, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * All sandboxes of the key, through all pages.
 *
 * @param {'all'|'running'|'stopped'} [statusFilter] default 'all'
 * @param {object} [options] metadata (pairs that must all match), template (its name or id, without a
 *   tag), startedAfter (a Date; at or after it), order ('desc', the default: newest first, or 'asc'),
 *   limit (of items; default none), and the connection
 * @returns {Promise<object[]>} SandboxStatus, without measurements and logs
 */
function listE2bSandboxes(statusFilter = 'all', options) {
  try {
    const given = checkOptions(options, LIST_KEYS, 'listE2bSandboxes');
    if (!Object.hasOwn(LIST_STATES, statusFilter)) {
      const known = Object.keys(LIST_STATES).join(', ');
      throw invalid(`statusFilter must be one of ${known}, not ${show(statusFilter)}`);
    }
    const limit = given.limit == null ? Infinity : checkNumber(given.limit, 'limit', WHOLE);
    const filters = {
      metadata: pairs(given.metadata, 'metadata'),
      template: given.template == null ? undefined : checkString(given.template, 'template'),
      startedAfter: timeOf(given.startedAfter, 'startedAfter'),
      order: orderOf(given.order),
      state: LIST_STATES[statusFilter],
    };
    const ask = (pageSize, nextToken) => {
      const call = new Call(given, listE2bSandboxes, null, pageOf);
      Object.assign(call.record, filters, { nextToken, limit: pageSize });
      return call.enter(call.begin().listSandboxes(call.record));
    };
    return allPages(ask(pageSizeFor(limit), undefined), ask, limit, (sandbox) =>
      statusFilter === 'all' ? true : sandbox.status === statusFilter,
    );
  } catch (error) {
    return Promise.reject(error);
  }
}

const WHOLE = { min: 1, integer: true };

function timeOf(date, field) {
  if (date == null) return undefined;
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date.toISOString();
  throw invalid(`${field} must be a Date, not ${show(date)}`);
}

function orderOf(order) {
  if (order == null) return undefined;
  if (ORDERS.includes(order)) return order;
  throw invalid(`order must be one of ${ORDERS.join(', ')}, not ${show(order)}`);
}

function pageSizeFor(wanted) {
  return Math.min(PAGE_SIZE, wanted);
}

function pageOf(batch, at) {
  const what = 'a listing of sandboxes';
  const facts = { status: batch[at + 2] };
  const items = shapes.listOf(batch[at + 3], null, what, facts);
  return {
    sandboxes: items.map((item) => shapes.describeSandbox(item, what, facts)),
    nextToken: batch[at + 6],
  };
}

// A sandbox that moves between two pages is in both: ids are kept once. The far end's word that there
// is more is believed for so many pages, and never twice for the same one.
async function allPages(first, ask, limit, isWanted) {
  const found = new Map();
  const tokens = new Set();
  let page = await first;
  for (;;) {
    for (const sandbox of page.sandboxes)
      if (isWanted(sandbox)) found.set(sandbox.sandboxId, sandbox);
    const { nextToken } = page;
    if (!nextToken || found.size >= limit) break;
    if (tokens.has(nextToken) || tokens.size + 1 >= MAX_PAGES) {
      throw shapes.badResponse('the listing of sandboxes does not end', {});
    }
    tokens.add(nextToken);
    page = await ask(pageSizeFor(limit), nextToken);
  }
  const all = [...found.values()];
  return all.length > limit ? all.slice(0, limit) : all;
}

/**
 * Sets the end of a sandbox's life, earlier or later than it was.
 *
 * @param {string} sandboxId
 * @param {number} seconds from now
 * @param {object} [options] the connection
 * @returns {Promise<{ sandboxId: string, endsAt: string }>} by this machine's clock
 */
function setE2bSandboxTimeout(sandboxId, seconds, options) {
  try {
    const given = checkOptions(options, CONNECTION_KEYS, 'setE2bSandboxTimeout');
    const call = new Call(given, setE2bSandboxTimeout, sandboxId, () => ({
      sandboxId,
      endsAt: new Date(Date.now() + Math.ceil(seconds) * 1000).toISOString(),
    }));
    return call.enter(call.begin().setTimeout(sandboxId, seconds, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Makes sure that a sandbox runs: one that was paused is resumed. Of one that runs, the life is only
 * ever prolonged.
 *
 * @param {string} sandboxId
 * @param {object} [options] timeout (seconds; default: the far end's), memory (false: one that was
 *   paused with its memory is booted anew from its files), and the connection
 * @returns {Promise<{ sandboxId: string, template: string|null, status: 'running', resumed: boolean,
 *   url: string }>}
 */
function connectE2bSandbox(sandboxId, options) {
  try {
    const given = checkOptions(options, CONNECT_KEYS, 'connectE2bSandbox');
    const call = new Call(given, connectE2bSandbox, sandboxId, (batch, at) =>
      shapes.connectedSandbox(batch[at + 3], call.connection, batch[at + 2]),
    );
    call.record.timeout = given.timeout;
    call.record.memory = given.memory;
    return call.enter(call.begin().connectSandbox(sandboxId, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

module.exports = {
  kReserved,
  createE2bSandbox,
  getE2bSandboxStatus,
  terminateE2bSandbox,
  listE2bSandboxes,
  setE2bSandboxTimeout,
  connectE2bSandbox,
};
