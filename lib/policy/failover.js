'use strict';

// The next of several targets when one has failed: backends or regions in the order of the user's list,
// sandboxes for work that may be done twice. Each target has had its own retries before. Moves on only
// when another target can do better and nothing can happen twice; keeps every error, in order.

const { classify, CLASSES } = require('./classify');

/** A "no" of this one alone, which another region may not say. */
const LOCAL_NO = ['NO_COMPATIBLE_NODE'];
/** What is wrong with one sandbox and not with the work; not a program that ends badly, or of OOM. */
const ONE_SANDBOX = ['NOT_FOUND', 'SANDBOX_GONE', 'PORT_CLOSED', 'DISK_FULL'];

/**
 * Tries backends or regions in order, until one answers. Never moves on after a 4xx (it would be one
 * everywhere, or is ours to solve), nor after an outcome that leaves open whether it has happened, as
 * long as the class of operation must not happen twice.
 *
 * @template T, R
 * @param {Iterable<T>|AsyncIterable<T>} backends in the order of preference; not empty
 * @param {(backend: T, index: number) => Promise<R>} run with its retries
 * @param {object} how
 * @param {keyof typeof CLASSES} how.class
 * @param {T|null} [how.placed] where it already is: this one alone is asked; null
 * @param {(backend: T) => Error|null} [how.refusal] of its breaker: a backend with one is left out
 * @param {AbortSignal} [how.signal] looked at between two backends; its reason is thrown
 * @param {(facts: { from: T, index: number, error: unknown }) => void} [how.onFailover] before the
 *   next one is tried
 * @returns {Promise<R>} rejects with the last error; its hidden property `errors` has all of them in
 *   order, as { target, error }
 */
function failoverBackends(backends, run, { class: name, placed = null, refusal, ...how }) {
  const { repeatable } = CLASSES[name];
  const movesOn = (error) => {
    if (error?.status >= 400 && error.status < 500) return false;
    const { counts, kind } = classify(error, { class: name });
    const once = error?.outcome === 'not-sent' || error?.outcome === 'rejected';
    const elsewhere = counts === 'failure' || kind === 'refused' || LOCAL_NO.includes(error?.code);
    return elsewhere && (once || repeatable);
  };
  return inTurn(placed === null ? backends : [placed], run, { ...how, refusal, movesOn });
}

/**
 * Runs work in one sandbox after the other until one has done it (RES-04). Work that is not marked
 * `repeatable` runs in the first alone: part of it may have happened there.
 *
 * @template T, R
 * @param {Iterable<T>|AsyncIterable<T>} sandboxes the first is the primary; those of an async iterator
 *   are only made when they are wanted
 * @param {(sandbox: T, index: number) => Promise<R>} run
 * @param {object} [how] signal, onFailover as above
 * @param {boolean} [how.repeatable] false
 * @returns {Promise<R>} rejects as above
 */
function failoverSandboxes(sandboxes, run, { repeatable = false, ...how } = {}) {
  const movesOn = (error) => {
    const { counts } = classify(error, { class: 'execute' });
    return repeatable && (counts === 'failure' || ONE_SANDBOX.includes(error?.code));
  };
  return inTurn(sandboxes, run, { ...how, movesOn });
}

async function inTurn(targets, run, { movesOn, refusal, signal, onFailover }) {
  const errors = [];
  let index = 0;
  for await (const target of targets) {
    signal?.throwIfAborted();
    const failed = errors.at(-1);
    if (failed !== undefined) onFailover?.({ from: failed.target, index, error: failed.error });
    try {
      const refused = refusal?.(target);
      if (refused) throw refused;
      return await run(target, index);
    } catch (error) {
      errors.push({ target, error });
      if (!movesOn(error)) break;
    }
    index++;
  }
  if (errors.length === 0) throw new TypeError('failover needs at least one target');
  throw withErrors(errors);
}

// Hidden: a target may hold credentials, and errors are logged.
function withErrors(errors) {
  const { error } = errors.at(-1);
  const property = { value: errors, configurable: true, enumerable: false };
  if (error !== null && typeof error === 'object')
    Reflect.defineProperty(error, 'errors', property);
  return error;
}

module.exports = { failoverBackends, failoverSandboxes };
