'use strict';

// The classes of errors, by what a user can do about them. A leaf: imports nothing of the project.
// Codes live in one table in C (csrc/e2b.h, addon export `errors`); this file has the classes that
// the table names. Errors of the addon are built by lib/native.js, those of JavaScript by `new`.
// Nothing here may ever hold a key or a token.

const { inspect } = require('node:util');

const kE2bError = Symbol.for('e2b-swarm.E2bError');

/**
 * Base of every error of this package.
 *
 * @property {string} code stable, e.g. 'NOT_FOUND'
 * @property {'not-sent'|'rejected'|'unknown'|'interrupted'} outcome what the far end can have seen
 * @property {boolean} retryable safe, and sensible, to send again without looking first
 * @property {number|null} status HTTP status of the answer, null without one
 * @property {number|null} retryAfterMs what the far end asked for, null when it did not
 * @property {string|null} sandboxId
 * @property {string|null} serverCode the far end's own code
 */
class E2bError extends Error {
  constructor(message, fields = {}) {
    super(message, 'cause' in fields ? { cause: fields.cause } : undefined);
    this.code = fields.code ?? this.constructor.defaultCode;
    this.outcome = fields.outcome ?? 'not-sent';
    this.retryable = fields.retryable ?? false;
    this.status = fields.status ?? null;
    this.retryAfterMs = fields.retryAfterMs ?? null;
    this.sandboxId = fields.sandboxId ?? null;
    this.serverCode = fields.serverCode ?? null;
  }

  get name() {
    return this.constructor.name;
  }

  // instanceof works across realms and across two copies of the package (jest, workers' bundles).
  static [Symbol.hasInstance](value) {
    if (value === null || typeof value !== 'object') return false;
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    if (value[kE2bError] !== true) return false;
    for (let p = Object.getPrototypeOf(value); p !== null; p = Object.getPrototypeOf(p)) {
      if (p.constructor?.name === this.name) return true;
    }
    return false;
  }

  toJSON() {
    const { name, message, code, outcome, retryable, status, retryAfterMs, sandboxId, serverCode } =
      this;
    return { name, message, code, outcome, retryable, status, retryAfterMs, sandboxId, serverCode };
  }
}
E2bError.defaultCode = 'SERVER_ERROR';
Object.defineProperty(E2bError.prototype, kE2bError, { value: true });

/** The names of the subclasses and the code that each has when none is given. */
const defaults = {
  InvalidArgumentError: 'INVALID_ARGUMENT',
  AuthenticationError: 'UNAUTHENTICATED',
  PermissionError: 'PERMISSION_DENIED',
  NotFoundError: 'NOT_FOUND',
  ConflictError: 'CONFLICT',
  RateLimitError: 'RATE_LIMITED',
  ConcurrencyError: 'CONCURRENCY_LIMIT',
  TimeoutError: 'TIMEOUT',
  NetworkError: 'CONNECTION_LOST',
  ProtocolError: 'BAD_RESPONSE',
  ServerError: 'SERVER_ERROR',
  CancelledError: 'CANCELLED',
  CapacityError: 'CAPACITY',
  BudgetError: 'BUDGET',
  ClosedError: 'CLOSED',
  ProcessExitError: 'NON_ZERO_EXIT',
};

const classes = { E2bError };
for (const [name, code] of Object.entries(defaults)) {
  classes[name] = { [name]: class extends E2bError {} }[name];
  classes[name].defaultCode = code;
}

/** What to show of any thrown value in one line: its message, or a short inspection. */
function messageOf(error) {
  return error instanceof Error || typeof error?.message === 'string'
    ? error.message
    : inspect(error, { depth: 1, maxStringLength: 200 });
}

module.exports = { ...classes, messageOf };
