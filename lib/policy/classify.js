'use strict';

// What a failure means for the call that met it: one table, read from the top, the first row that fits
// decides. A row may forbid what the error allows and never allow what it forbids: that a request can
// be sent again without looking is said by `error.retryable` alone, which C has set with knowledge of
// the method, the body and how far it got. Pure.

/**
 * Classes of operations. `repeatable`: to do it twice is to do it once. `budgeted`: its retries are
 * paid from the retry budget, and the throttle may hold it back; looking, and ending what costs money,
 * must not wait for better times. `broken`: the breaker may hold it back; an end that is not even
 * tried, at shutdown, would leave a sandbox running.
 */
const CLASSES = Object.freeze({
  create: { repeatable: false, budgeted: true, broken: true },
  terminate: { repeatable: true, budgeted: false, broken: false },
  look: { repeatable: true, budgeted: false, broken: true },
  renew: { repeatable: true, budgeted: true, broken: true },
  execute: { repeatable: false, budgeted: true, broken: true },
  read: { repeatable: true, budgeted: true, broken: true },
  write: { repeatable: true, budgeted: true, broken: true },
});

const NAMES = Object.keys(CLASSES);
const REPEATABLE = NAMES.filter((name) => CLASSES[name].repeatable);
const ONCE = NAMES.filter((name) => !CLASSES[name].repeatable);
/** Calls without an answer for longer are timeouts, whatever ended them (RES-09). */
const TIMEOUT_AFTER_MS = 60_000;

const CERTIFICATES = [
  'CERTIFICATE_REFUSED',
  'CERTIFICATE_EXPIRED',
  'CERTIFICATE_NOT_YET_VALID',
  'CERTIFICATE_NAME',
  'CERTIFICATE_SELF_SIGNED',
  'CERTIFICATE_UNKNOWN_ISSUER',
];
const CALLERS = [
  'INVALID_ARGUMENT',
  'UNKNOWN_OPTION',
  'BAD_REQUEST',
  'MISSING_API_KEY',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
];
const CONNECTION = [
  'DNS_FAILED',
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'TLS_FAILED',
  'PROXY_FAILED',
];
const FAR_END = ['SERVER_ERROR', 'BAD_GATEWAY', 'BAD_RESPONSE'];
const TIMEOUTS = ['TIMEOUT', 'GATEWAY_TIMEOUT'];
/** The far end's own codes after which something may have been made, or be in the making. */
const HALF_MADE = [
  'sandbox_create_failed',
  'sandbox_start_in_flight',
  'sandbox_filesystem_boot_unconfirmed',
];
const SERVERS = [...FAR_END, ...TIMEOUTS, 'SERVER_BUSY'];
const LOST = ['unknown', 'interrupted'];
const UNDONE = ['not-sent', 'rejected'];

/**
 * `next`
 *   retry  send again after a wait, when the error allows it
 *   look   it may have happened: look before anything is sent again
 *   room   wait until one of ours has ended; time alone does not help
 *   done   what was wanted is so already
 *   never  the same request would fail again, or must not be repeated
 * `kind`    for people: connection, timeout, exhaustion (RES-09), rate, server, caller, state, gone,
 *           program, settings, refused (by ourselves), cancelled, unknown
 * `counts`  what it says about the far end's health: 'failure' (infrastructure), 'success' (it has
 *           answered, if only with a "no"), 'none' (nothing)
 * `throttled`  the far end has done no work and asks for less
 * A condition that is left out fits everything.
 */
const TABLE = Object.freeze(
  [
    row('given up by us', { codes: ['CANCELLED', 'CLOSED'] }, 'never', 'cancelled', 'none'),
    row('out of memory in the sandbox', { reasons: ['oom'] }, 'never', 'exhaustion', 'none'),
    row('out of memory here', { codes: ['OUT_OF_MEMORY'] }, 'never', 'exhaustion', 'none'),
    row(
      'held back by ourselves',
      { codes: ['BREAKER_OPEN', 'THROTTLED', 'EJECTED'] },
      ...['never', 'refused', 'none'],
    ),
    row('our own fleet is full', { codes: ['CAPACITY'] }, 'room', 'exhaustion', 'none'),
    row('our own budget is spent', { codes: ['BUDGET'] }, 'never', 'exhaustion', 'none'),

    row('a program ended badly', { codes: ['NON_ZERO_EXIT', 'AGENT_FAILED'] }, 'never', 'program'),
    row('the addon is missing', { codes: ['ADDON_MISSING'] }, 'never', 'settings', 'none'),
    row('a mistake of the caller', { codes: CALLERS }, 'never', 'caller'),
    row(
      'what is to end is gone',
      { classes: ['terminate'], codes: ['NOT_FOUND', 'SANDBOX_GONE'] },
      ...['done', 'gone'],
    ),
    row('not there', { codes: ['NOT_FOUND', 'SANDBOX_GONE'] }, 'never', 'gone'),
    row('its state does not fit', { codes: ['CONFLICT'] }, 'look', 'state'),
    row('too many sandboxes of ours', { codes: ['CONCURRENCY_LIMIT'] }, 'room', 'exhaustion'),
    row(
      'too many requests',
      { codes: ['RATE_LIMITED'], outcomes: UNDONE },
      'retry',
      'rate',
      'success',
      true,
    ),
    row('a certificate is refused', { codes: CERTIFICATES }, 'never', 'settings', 'none'),
    row(
      'an answer that no retry makes better',
      { codes: ['REDIRECT_REFUSED', 'RESPONSE_TOO_LARGE'] },
      ...['never', 'settings', 'none'],
    ),
    row(
      'a proxy that refuses us',
      { codes: ['PROXY_FAILED'], outcomes: ['rejected'] },
      ...['never', 'settings', 'none'],
    ),
    row('a full disk in the sandbox', { codes: ['DISK_FULL'] }, 'never', 'exhaustion'),
    row(
      'nothing listens in the sandbox yet',
      { codes: ['PORT_CLOSED'], outcomes: UNDONE },
      'retry',
      'connection',
    ),

    row('no node can ever take it', { codes: ['NO_COMPATIBLE_NODE'] }, 'never', 'exhaustion'),
    row(
      'no node can ever take it, by its own code',
      { serverCodes: ['sandbox_no_compatible_node'] },
      ...['never', 'exhaustion'],
    ),
    row(
      'no capacity at this moment',
      { codes: SERVERS, serverCodes: ['sandbox_capacity_unavailable'], outcomes: ['rejected'] },
      ...['retry', 'exhaustion', 'failure'],
    ),
    row(
      'a placement that may still happen',
      { classes: ONCE, codes: SERVERS, serverCodes: ['sandbox_placement_timeout'] },
      ...['look', 'timeout', 'failure'],
    ),
    row(
      'a sandbox that may be half made',
      { classes: ONCE, codes: SERVERS, serverCodes: HALF_MADE },
      ...['look', 'server', 'failure'],
    ),

    row(
      'never sent: no connection',
      { codes: CONNECTION, outcomes: ['not-sent'] },
      ...['retry', 'connection', 'failure'],
    ),
    row(
      'never sent: no connection in time',
      { codes: TIMEOUTS, outcomes: ['not-sent'] },
      ...['retry', 'timeout', 'failure'],
    ),
    row(
      'busy, nothing was changed',
      { codes: ['SERVER_BUSY'], outcomes: UNDONE },
      ...['retry', 'exhaustion', 'failure'],
    ),
    row(
      'failed, nothing was changed',
      { codes: [...FAR_END, ...TIMEOUTS, ...CONNECTION], outcomes: UNDONE },
      ...['retry', 'server', 'failure'],
    ),
    row(
      'the answer was lost, to do it twice does no harm',
      { classes: REPEATABLE, codes: CONNECTION, outcomes: LOST },
      ...['retry', 'connection', 'failure'],
    ),
    row(
      'no answer in time, to do it twice does no harm',
      { classes: REPEATABLE, codes: TIMEOUTS, outcomes: LOST },
      ...['retry', 'timeout', 'failure'],
    ),
    row(
      'failed, to do it twice does no harm',
      { classes: REPEATABLE, codes: [...FAR_END, 'SERVER_BUSY'], outcomes: LOST },
      ...['retry', 'server', 'failure'],
    ),
    row(
      'the answer was lost, it may have happened',
      { classes: ONCE, codes: CONNECTION, outcomes: LOST },
      ...['look', 'connection', 'failure'],
    ),
    row(
      'no answer in time, it may have happened',
      { classes: ONCE, codes: TIMEOUTS, outcomes: LOST },
      ...['look', 'timeout', 'failure'],
    ),
    row(
      'failed, it may have happened',
      { classes: ONCE, codes: [...FAR_END, 'SERVER_BUSY'], outcomes: LOST },
      ...['look', 'server', 'failure'],
    ),
    row('it may have happened', { outcomes: LOST, classes: ONCE }, 'look', 'unknown', 'none'),
    row('nothing is known of it', {}, 'never', 'unknown', 'none'),
  ].map(Object.freeze),
);

function row(name, when, next, kind, counts = 'success', throttled = false) {
  return { name, when: Object.freeze(when), next, kind, counts, throttled };
}

/**
 * @param {unknown} error an E2bError, or anything that was thrown
 * @param {object} call
 * @param {keyof typeof CLASSES} call.class
 * @param {number} [call.elapsedMs] how long the request took; 0
 * @returns {{ row: string, next: string, kind: string, counts: string, throttled: boolean,
 *   unsent: boolean, isOrder: boolean }} of the table; `unsent`: provably never left this machine;
 *   `isOrder`: its retryAfterMs is the far end's own word (429, 503) and not a guess in between
 */
function classify(error, { class: name, elapsedMs = 0 }) {
  const found = TABLE.find(({ when }) => fits(when, error ?? {}, name));
  // Half of a body may be gone, for example: the error knows better.
  const forbidden = found.next === 'retry' && error.retryable !== true;
  const late = found.kind === 'connection' && elapsedMs > TIMEOUT_AFTER_MS;
  return {
    row: found.name,
    next: forbidden ? 'never' : found.next,
    kind: late ? 'timeout' : found.kind,
    counts: found.counts,
    throttled: found.throttled,
    unsent: found.counts === 'failure' && error?.outcome === 'not-sent',
    isOrder: error?.status == null || error.status === 429 || error.status === 503,
  };
}

function fits({ classes, codes, outcomes, serverCodes, reasons }, error, name) {
  return (
    (classes?.includes(name) ?? true) &&
    (codes?.includes(error.code) ?? true) &&
    (outcomes?.includes(error.outcome) ?? true) &&
    (serverCodes?.includes(error.serverCode) ?? true) &&
    (reasons?.includes(error.reason) ?? true)
  );
}

module.exports = { classify, TABLE, CLASSES, TIMEOUT_AFTER_MS };
