'use strict';

// Calls that are one request, put together here: method, path and body in, the answer's JSON out. For
// the operations that need nothing else of the core. Each sends its request once.

const { checkString, invalid, show } = require('../options');
const { touch } = require('./activity');
const { Call } = require('./calls');
const { objectOf } = require('./shapes');

const DAEMON_PORT = 49983;
const SANDBOX_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** @returns {string} */
function checkSandboxId(sandboxId) {
  if (typeof sandboxId === 'string' && SANDBOX_ID.test(sandboxId)) return sandboxId;
  throw invalid(
    "sandboxId must be 1 to 64 letters, digits, '-' or '_', beginning with a letter or digit, " +
      `not ${show(sandboxId)}`,
  );
}

/** A public function's work: what it throws rejects. */
function attempt(work) {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** A request to the control plane on one sandbox. */
function onSandbox(sandboxId, method, path) {
  return { method, path: `/sandboxes/${checkSandboxId(sandboxId)}${path}` };
}

/** A unary RPC of the sandbox's daemon. */
function rpc(name, user) {
  const headers = ['Connect-Protocol-Version: 1'];
  return { method: 'POST', path: `/${name}`, port: DAEMON_PORT, headers, user };
}

/** `?a=b&c=d` of what is given; '' when nothing is. */
function query(fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  const text = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return text === '' ? '' : `?${text}`;
}

/**
 * @param {Function} caller the public function
 * @param {string|null} sandboxId
 * @param {object} given its options, checked
 * @param {object} request { what, method, path, port, contentType, user, headers, idempotent, makes }
 * @param {object|undefined} body sent as JSON
 * @param {(answer: { body: string|undefined, facts: object, nextToken: string|undefined,
 *   connection: object }) => unknown} shape
 * @returns {Promise<unknown>}
 */
function ask(caller, sandboxId, given, request, body, shape) {
  const call = new Call(given, caller, sandboxId, (batch, at) => {
    if (request.port !== undefined) touch(sandboxId);
    return shape({
      body: batch[at + 3],
      facts: { sandboxId, status: batch[at + 2] },
      nextToken: batch[at + 6],
      connection: call.connection,
    });
  });
  const text = body === undefined ? undefined : JSON.stringify(body);
  return call.enter(call.begin().direct(sandboxId ?? undefined, request, text, call.record));
}

/** The answer as an object, an absent one as {}. */
function answerOf({ body, facts }, what) {
  return body === undefined || body === '' ? {} : objectOf(body, what, facts);
}

function checkPath(path) {
  return checkString(path, 'path');
}

module.exports = {
  answerOf,
  ask,
  attempt,
  checkPath,
  checkSandboxId,
  DAEMON_PORT,
  onSandbox,
  query,
  rpc,
};
