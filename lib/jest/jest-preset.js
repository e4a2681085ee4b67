// `preset: 'e2b-swarm/jest'` in a project's jest configuration.
'use strict';

module.exports = { testEnvironment: require.resolve('./environment') };
