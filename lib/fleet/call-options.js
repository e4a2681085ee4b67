'use strict';

// The last argument of the manager's methods: how to make this one call. Checked like every other
// input, so that a misspelt key or something that is no signal is an answer and not a surprise.

const { checkOptions, invalid, show } = require('../options');

const KEYS = ['signal', 'cache'];

/**
 * @param {unknown} given undefined and null are none
 * @returns {{ signal?: AbortSignal, cache: boolean }} cache: an equal answer of before will do
 * @throws {InvalidArgumentError} UNKNOWN_OPTION, INVALID_ARGUMENT
 */
function callOptions(given) {
  const { signal, cache = false } = checkOptions(given, KEYS, 'the call');
  if (typeof cache !== 'boolean') throw invalid(`cache must be true or false, not ${show(cache)}`);
  return signal == null ? { cache } : { signal: checkSignal(signal), cache };
}

/**
 * @returns {AbortSignal|undefined}
 * @throws {InvalidArgumentError}
 */
function checkSignal(signal) {
  if (signal == null) return undefined;
  if (typeof signal.addEventListener === 'function' && typeof signal.aborted === 'boolean') {
    return signal;
  }
  throw invalid(`signal must be an AbortSignal, not ${show(signal)}`);
}

module.exports = { callOptions, checkSignal };
