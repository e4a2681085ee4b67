// Registers the scenarios as tests of one client in domain mode: the client is a program of its own
// that finds everything by E2B_DOMAIN, over TLS.
'use strict';

const path = require('node:path');
const { withBackend } = require('../helpers/backend');
const { testPlayed } = require('./played');
const { checkEveryExchange } = require('./spec');

const LOOPBACK_NAMES = path.join(__dirname, '../local/children/loopback-names.js');

/** @param {string} name  of a client: e2b, e2b-old, own */
function testInDomainMode(name) {
  const settings = { domain: 'e2b.localhost', limits: { maxSandboxes: 100 } };
  const far = withBackend(settings, { resetEach: false });

  testPlayed(name, 'domain', () => ({
    isolation: far.backend.isolation.rung,
    options: {
      env: {
        PATH: process.env.PATH,
        ...far.backend.env,
        NODE_OPTIONS: `--require ${LOOPBACK_NAMES}`,
      },
    },
  }));

  test('everything went over TLS to names of the domain', () => {
    const hosts = far.backend.requests.map(({ headers }) => headers.host);
    expect(hosts.every((host) => host.endsWith(`.${far.backend.domain}`))).toBe(true);
  });

  test('nothing is left of what was made', () => {
    expect(far.backend.sandboxes()).toEqual([]);
  });

  checkEveryExchange(far);
}

module.exports = { testInDomainMode };
