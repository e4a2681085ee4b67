'use strict';

// The far end of what is measured of the local backend: a backend in a process of its own, so that
// neither the client's work nor its memory is counted as the backend's. Ends with its stdin.
//
//   node local-backend.js RUNG

const { startLocalBackend } = require('e2b-swarm/local');

startLocalBackend({ isolation: process.argv[2] }).then(
  (backend) => {
    console.log(JSON.stringify({ env: backend.env, rung: backend.isolation.rung }));
    process.stdin.on('end', () => void backend.close());
    process.stdin.resume();
  },
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
