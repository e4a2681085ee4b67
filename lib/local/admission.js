// Who gets through to a sandbox, before anybody answers for it: it has to be there, traffic that may do
// so wakes it, and it has so many connections at a time. What is refused is said as E2B's proxy says it.
'use strict';

const { HttpError, json, sandboxNotFound } = require('./answer');
const { refuseTraffic } = require('./port-proxy');
const { ENVD_PORT } = require('./routing');
const { safeEqual } = require('./signature');

const TRANSITIONING = 'The sandbox is still transitioning. Try again in a moment.';
const NOT_YOURS = "This sandbox can't be resumed with the credentials provided.";

class Admission {
  #registry;
  #transitions;
  #maxConnections;

  /**
   * @param {object} parts
   * @param {import('./registry').Registry} parts.registry
   * @param {import('./transitions').Transitions} parts.transitions
   * @param {number} parts.maxConnections  to one sandbox, at a time
   */
  constructor({ registry, transitions, maxConnections }) {
    this.#registry = registry;
    this.#transitions = transitions;
    this.#maxConnections = maxConnections;
  }

  /**
   * @param {{ sandboxId: string, port: number }} target
   * @param {object} headers  of the request
   * @param {import('node:events').EventEmitter} exchange  the sandbox's until it closes: it is destroyed
   *   when the sandbox goes
   * @returns {Promise<{ sandbox?: import('./sandbox').Sandbox, refused?: import('./answer').Answer }>}
   *   one of the two; a sandbox that runs
   */
  async enter({ sandboxId, port }, headers, exchange) {
    const sandbox = this.#registry.get(sandboxId);
    if (!sandbox || sandbox.crashed) return { refused: sandboxNotFound(sandboxId) };
    if (sandbox.state === 'paused' && this.#transitions.wakesByTraffic(sandbox)) {
      if (!mayWake(sandbox, port, headers)) return { refused: refusal(sandboxId, 403, NOT_YOURS) };
      const refused = await this.#wake(sandbox);
      if (refused) return { refused };
    }
    const isThere = sandbox.state === 'running' && !sandbox.closed && !sandbox.crashed;
    if (!isThere) return { refused: sandboxNotFound(sandboxId) };
    if (sandbox.connections >= this.#maxConnections) {
      return { refused: tooMany(sandboxId, this.#maxConnections) };
    }
    sandbox.hold(exchange);
    exchange.once('close', () => sandbox.release(exchange));
    return { sandbox };
  }

  /** @returns {Promise<import('./answer').Answer|null>} null: it runs */
  async #wake(sandbox) {
    try {
      await this.#transitions.wake(sandbox);
      return null;
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      const { status, message } = error;
      return refusal(sandbox.id, status, status === 409 ? TRANSITIONING : message);
    }
  }
}

/** Traffic that would be refused by the sandbox that it wakes has not to wake it. */
function mayWake(sandbox, port, headers) {
  if (port !== ENVD_PORT) return refuseTraffic(sandbox, headers) === null;
  const token = headers['x-access-token'];
  return token === undefined || safeEqual(token, sandbox.token);
}

function refusal(sandboxId, status, message, more = {}) {
  return json(status, { sandboxId, message, ...more, code: status });
}

function tooMany(sandboxId, limit) {
  const text = `The sandbox has too many concurrent incoming connections (limit: ${limit})`;
  return refusal(sandboxId, 429, text, { connectionLimit: limit });
}

module.exports = { Admission };
