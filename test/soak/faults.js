'use strict';

// What goes wrong at the local backend during the soak, each with its share of the requests. Some
// twelve of a hundred creates meet one, and two to six of other requests; all ways are known to the simulation too.

const FAULTS = [
  ['create', 0.02, 'reset-after'],
  ['create', 0.02, 'reset'],
  ['create', 0.01, 'reset-body'],
  ['create', 0.01, { status: 500, errorCode: 'sandbox_create_failed' }],
  ['create', 0.01, { status: 504, errorCode: 'sandbox_placement_timeout' }],
  ['create', 0.02, { status: 503, errorCode: 'sandbox_capacity_unavailable' }],
  ['create', 0.02, { status: 429, retryAfter: 1 }],
  ['create', 0.005, { type: 'stall', execute: true }],
  ['create', 0.02, { type: 'slow', delayMs: 700 }],
  ['kill', 0.02, 'reset-after'],
  ['kill', 0.02, 'reset'],
  ['kill', 0.02, { status: 500 }],
  ['kill', 0.02, { status: 429, retryAfter: 1 }],
  ['list', 0.02, { status: 502 }],
  ['list', 0.02, 'reset'],
  ['list', 0.02, 'garbage'],
  ['get', 0.02, { status: 502 }],
  ['get', 0.02, 'reset'],
  ['get', 0.005, { type: 'vanish' }],
  ['timeout', 0.02, 'reset-after'],
  ['timeout', 0.02, { status: 500 }],
  ['start', 0.02, 'reset'],
  ['start', 0.01, { type: 'vanish' }],
  ['stream', 0.02, { type: 'cut' }],
];

/** @param {object} faults of a local backend @param {number} seed */
function addFaults(faults, seed) {
  FAULTS.forEach(([op, p, action], index) => {
    faults.add({ op, p, action, seed: seed * 100 + index });
  });
}

module.exports = { addFaults };
