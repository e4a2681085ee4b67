// Registers the scenarios as tests of one client in URL mode: the same table for each of them.
'use strict';

const { withBackend } = require('../helpers/backend');
const { notYet } = require('./not-yet');
const { expectedOf, scenariosOf } = require('./scenarios');
const { play } = require('./scenarios/play');
const { checkEveryExchange } = require('./spec');

/**
 * @param {(options: object) => object} makeClient  of a connection; called before the backend is up
 *   too, with none, to know what the client lacks
 * @param {{ only?: (scenario: object) => boolean }} [choice]
 * @returns {{ backend: object, client: object }} `far` of `withBackend`
 */
function testScenarios(makeClient, { only = () => true } = {}) {
  const far = withBackend({ limits: { maxSandboxes: 50 } });
  const described = makeClient({});
  for (const scenario of scenariosOf(described, 'url').filter(only)) {
    const title = `${scenario.op}: ${scenario.name}`;
    const register = notYet(scenario.op) ? test.failing : test;
    register(title, async () => {
      const { rung } = far.backend.isolation;
      const withKey = (apiKey) => makeClient({ ...far.client, apiKey });
      const { faults } = far.backend;
      const given = await play(makeClient(far.client), scenario, { rung, withKey, faults });
      expect(given).toEqual(expectedOf(scenario, described.name, rung));
    });
  }
  checkEveryExchange(far);
  return far;
}

module.exports = { testScenarios };
