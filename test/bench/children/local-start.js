'use strict';

// How long a local backend takes until it serves, from its `require` on, in a process that has done
// nothing else.
//
//   node local-start.js '{ "rung" }'

const { finish } = require('./finish');

finish(async ({ rung }) => {
  const startedMs = performance.now();
  const { startLocalBackend } = require('e2b-swarm/local');
  const backend = await startLocalBackend({ isolation: rung });
  const ms = performance.now() - startedMs;
  await backend.close();
  return { ms, rung: backend.isolation.rung };
});
