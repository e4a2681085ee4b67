'use strict';

// The last argument of the manager's methods: how to make this one call. Checked like every other
// input, so that a misspelt key or something that is no signal is an answer and not a surprise.

const { checkOptions, invalid, show } = require('../options');

const KEYS = ['signal'];

/**
 * @param {unknown} given undefined and null are none
 * @returns {{ signal?: AbortSignal }}
 * @throws {InvalidArgumentError} UNKNOWN_OPTION, INVALID_ARGUMENT
 */
function callOptions(given) {
  const { signal } = checkOptions(given, KEYS, 'the call');
  if (signal == null) return {};
  if (typeof signal.addEventListener !== 'function' || typeof signal.aborted !== 'boolean') {
    throw invalid(`signal must be an AbortSignal, not ${show(signal)}`);
  }
  return { signal };
}

module.exports = { callOptions };
