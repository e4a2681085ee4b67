'use strict';

// Calls in flight: how one is begun, cancelled and settled. The addon takes a call or refuses it, and
// tells its news in batches to `settle`. There is no second road: whatever is in the table came from
// `enter`, which makes its promise, and leaves it in `settle`, once. Must not know any operation.

const errors = require('../errors');
const { invalid } = require('../options');
const { Connections, requestTimeoutOf } = require('./connection');

const { CancelledError, E2bError } = errors;

/** Kinds of the addon's records, and the slots of each. */
const STARTED = 1;
const OUTPUT = 2;
const FAILED = 6;
const DRAINED = 7;
const RECORD_SLOTS = 9;

/** To take a stack costs a tenth of a whole call: so many are taken in a second. The errors of calls
 * beyond have the stack that V8 makes of who awaits them, which costs nothing until there is one. */
const STACKS_A_SECOND = 1_000;

let addon = null;
let connections = null;
let nextId = 1;
let second = 0;
let stacksTaken = 0;
const head = new Float64Array(3); // for the addon: id, config and timeout of the call that begins
const classOf = new Map();
const inFlight = new Map();
const listening = new WeakMap(); // AbortSignal -> { ids, onAbort }

/** The addon; opened at the first use. */
function getAddon() {
  if (addon === null) open();
  return addon;
}

function open() {
  const { load } = require('../binding');
  const loaded = load();
  for (const [code, className] of loaded.errors) classOf.set(code, errors[className] ?? E2bError);
  loaded.init({ settle, makeError, head });
  connections = new Connections(loaded);
  addon = loaded;
}

/** One call. Its `record` is what the addon gets as the last argument: operations set its fields. */
class Call {
  /**
   * @param {object} options of the user, checked for unknown keys
   * @param {Function} caller the public function: the stack of an error begins at who called it
   * @param {string|null} sandboxId
   * @param {(batch: Array, at: number) => unknown} shape makes the public value of the addon's
   *   record; what it throws rejects the call
   */
  constructor(options, caller, sandboxId, shape) {
    const { signal } = options;
    if (signal != null) checkSignal(signal, sandboxId);
    this.addon = getAddon();
    this.signal = signal ?? null;
    this.sandboxId = sandboxId;
    this.shape = shape;
    this.connection = connections.resolve(options);
    this.resolve = null;
    this.reject = null;
    this.onStarted = null;
    this.onDrained = null;
    this.output = null;
    this.id = nextId++;
    this.timeoutMs = requestTimeoutOf(options);
    this.record = {};
    this.origin = null; // whose stack an error gets
    if (mayTakeStack()) {
      this.origin = {};
      Error.captureStackTrace(this.origin, caller);
    }
  }

  /** The addon, for the one function of it that begins this call: `call.enter(call.begin().f())`. */
  begin() {
    head[0] = this.id;
    head[1] = this.connection.handle;
    head[2] = this.timeoutMs ?? 0;
    return this.addon;
  }

  /**
   * @param {Error|undefined} refusal the addon's answer to `begin`; undefined: taken
   * @returns {Promise<unknown>} of what `shape` makes of the answer
   */
  enter(refusal) {
    return new Promise((resolve, reject) => {
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      this.resolve = resolve;
      this.reject = reject;
      inFlight.set(this.id, this);
      if (this.signal !== null) listen(this.signal, this.id);
    });
  }

  /** Before it begins, when something else had to be done first. @throws {CancelledError} */
  checkWanted() {
    if (this.signal !== null) checkSignal(this.signal, this.sandboxId);
  }

  cancel() {
    this.addon.cancel(this.id);
  }

  /** As cancel, but a process that was started lives on. */
  detach() {
    this.addon.detach(this.id);
  }
}

function mayTakeStack() {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    stacksTaken = 0;
  }
  return ++stacksTaken <= STACKS_A_SECOND;
}

// Rejects with the stack of who awaits the call. V8 knows him only from a job of a promise that the
// call's promise was resolved with, and links the two in a job of its own: hence two.
async function rejection(error) {
  await null;
  await null;
  Error.captureStackTrace(error, rejection);
  throw error;
}

function checkSignal(signal, sandboxId) {
  if (typeof signal.addEventListener !== 'function' || typeof signal.aborted !== 'boolean') {
    throw invalid('signal must be an AbortSignal');
  }
  if (signal.aborted) {
    throw new CancelledError('cancelled before anything was sent', {
      cause: signal.reason,
      sandboxId,
    });
  }
}

// One listener per signal, however many calls it ends.
function listen(signal, id) {
  const known = listening.get(signal);
  if (known !== undefined) {
    known.ids.add(id);
    return;
  }
  const ids = new Set([id]);
  const onAbort = () => {
    for (const each of ids) addon.cancel(each);
  };
  listening.set(signal, { ids, onAbort });
  signal.addEventListener('abort', onAbort, { once: true });
}

function unlisten(signal, id) {
  const { ids, onAbort } = listening.get(signal);
  ids.delete(id);
  if (ids.size > 0) return;
  listening.delete(signal);
  signal.removeEventListener('abort', onAbort);
}

/** The addon's failure as an error of this package; called from C. */
function makeError(
  code,
  outcome,
  retryable,
  status,
  retryAfterMs,
  message,
  cause,
  curlCode,
  serverCode,
  sandboxId,
) {
  const fields = {
    code,
    outcome,
    retryable,
    status: status === 0 ? null : status,
    retryAfterMs: retryAfterMs < 0 ? null : retryAfterMs,
    sandboxId: sandboxId === '' ? null : sandboxId,
    serverCode: serverCode === '' ? null : serverCode,
  };
  if (cause !== '') fields.cause = transportError(cause, curlCode);
  return new (classOf.get(code) ?? E2bError)(message, fields);
}

// What the transport or a parser said, in its own words.
function transportError(message, curlCode) {
  const error = new Error(message);
  error.stack = `Error: ${message}`;
  if (curlCode !== 0) error.curlCode = curlCode;
  return error;
}

/**
 * News of a batch; called by the addon on the loop thread.
 *
 * @param {Array} batch records of nine slots, one after the other
 */
function settle(batch) {
  for (let at = 0; at < batch.length; at += RECORD_SLOTS) {
    const call = inFlight.get(batch[at + 1]);
    if (call !== undefined) tell(call, batch[at], batch, at);
  }
}

function tell(call, kind, batch, at) {
  try {
    if (kind === STARTED) call.onStarted?.(batch[at + 2]);
    else if (kind === OUTPUT) call.output.push(batch[at + 2], batch[at + 3]);
    else if (kind === DRAINED) call.onDrained();
    else end(call, kind, batch, at);
  } catch (error) {
    // A fault of this package: no other call of the batch may suffer from it.
    leave(call);
    call.reject(error);
    call.cancel();
  }
}

function leave(call) {
  inFlight.delete(call.id);
  if (call.signal !== null) unlisten(call.signal, call.id);
}

function end(call, kind, batch, at) {
  leave(call);
  try {
    if (kind === FAILED) throw failureOf(call, batch, at);
    const value = call.shape(batch, at);
    const rest = call.output?.finish();
    call.resolve(rest === undefined ? value : rest.then(() => value));
  } catch (error) {
    const isOurs = error instanceof E2bError && error !== call.output?.failure?.error;
    if (!isOurs) call.reject(error);
    else if (call.origin === null) call.resolve(rejection(error));
    else call.reject(withCallersStack(error, call));
  }
}

// When a callback of the user threw, that is why the call was cancelled: `finish` throws it again.
function failureOf(call, batch, at) {
  call.output?.finish()?.catch(() => {});
  const error = batch[at + 2];
  const pid = batch[at + 3];
  if (error.code === 'CANCELLED' && call.signal?.aborted) {
    setHidden(error, 'cause', call.signal.reason);
  }
  if (pid) setHidden(error, 'result', { pid, stdout: batch[at + 4], stderr: batch[at + 5] });
  return error;
}

function withCallersStack(error, call) {
  const { name, message } = error;
  Object.defineProperty(error, 'stack', {
    get() {
      const { stack } = call.origin;
      return `${name}: ${message}${stack.slice(stack.indexOf('\n'))}`;
    },
    set(value) {
      setHidden(error, 'stack', value);
    },
    configurable: true,
  });
  return error;
}

/** Sets a property that inspection and JSON do not show. @returns the object */
function setHidden(object, name, value) {
  return Object.defineProperty(object, name, {
    value,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}

/** Where a call with these options would go. */
function connectionFor(options) {
  getAddon();
  return connections.resolve(options);
}

module.exports = { Call, connectionFor, getAddon, setHidden };
