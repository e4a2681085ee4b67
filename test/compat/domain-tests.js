// Registers the scenarios as tests of one client in domain mode: the client is a program of its own
// that finds everything by E2B_DOMAIN, over TLS, and plays them all; here they are judged one by one.
'use strict';

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const { withBackend } = require('../helpers/backend');
const { officialClient } = require('./clients/official');
const { ownClient } = require('./clients/own');
const { notYet } = require('./not-yet');
const { expectedOf, scenariosOf } = require('./scenarios');
const { checkEveryExchange } = require('./spec');

const PROGRAM = path.join(__dirname, 'children/play-all.mjs');
const LOOPBACK_NAMES = path.join(__dirname, '../local/children/loopback-names.js');
const TIMEOUT_MS = 120_000;

/** @param {string} name  of a client: e2b, e2b-old, own */
function testInDomainMode(name) {
  const isolation = process.env.E2B_COMPAT_ISOLATION || 'auto';
  const settings = { isolation, domain: 'e2b.localhost', limits: { maxSandboxes: 100 } };
  const far = withBackend(settings, { resetEach: false });
  const told = new Map();
  const described =
    name === 'own' ? ownClient(null, { options: {} }) : officialClient({}, { name, options: {} });

  beforeAll(async () => {
    const { env, isolation: active } = far.backend;
    const options = {
      env: { PATH: process.env.PATH, ...env, NODE_OPTIONS: `--require ${LOOPBACK_NAMES}` },
      ...{ timeout: TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 },
    };
    const args = [PROGRAM, name, active.rung];
    const { stdout } = await promisify(execFile)(process.execPath, args, options);
    for (const line of stdout.trim().split('\n')) {
      const { scenario, ...result } = JSON.parse(line);
      told.set(scenario, result);
    }
  }, TIMEOUT_MS);

  for (const scenario of scenariosOf(described, 'domain')) {
    const title = `${scenario.op}: ${scenario.name}`;
    const register = notYet(scenario.op) ? test.failing : test;
    register(title, () => {
      const { given, error } = told.get(title);
      expect(error).toBeUndefined();
      expect(given).toEqual(expectedOf(scenario, name, far.backend.isolation.rung));
    });
  }

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
