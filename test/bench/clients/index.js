'use strict';

// The clients that are written in JavaScript, by their names in the table. Only the one that is asked
// for is loaded.

const FILES = {
  'e2b-swarm': './e2b-swarm',
  e2b: './e2b',
  undici: './undici',
  node: './node-http',
};

/**
 * @param {string} name
 * @param {number} [concurrency] calls at a time
 * @returns {Promise<object>} its operations, by name
 */
function openClient(name, concurrency = 1) {
  return require(FILES[name]).open(concurrency);
}

module.exports = { openClient };
