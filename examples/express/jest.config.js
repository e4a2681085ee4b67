'use strict';

// A user's Jest configuration: the preset is all that is needed for a local E2B in every test file.

module.exports = { preset: 'e2b-swarm/jest', rootDir: __dirname, transform: {} };
