'use strict';

module.exports = { preset: 'e2b-swarm/jest', rootDir: __dirname, transform: {} };
