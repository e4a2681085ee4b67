// Plays all scenarios with one client, several at a time, and prints a JSON line for each: { scenario,
// given } or { scenario, error }. The far end is the one of E2B_DOMAIN (with names below `.localhost`
// patched in); without that, a backend of its own with the isolation that is named, whose rung and
// exchanges are told in a last line.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { officialClient } = require('../clients/official.js');
const { ownClient } = require('../clients/own.js');
const { scenariosOf } = require('../scenarios/index.js');
const { play } = require('../scenarios/play.js');

const AT_ONCE = 6;
const [name, isolation] = process.argv.slice(2);
const sdk = name === 'own' ? require('../../../lib') : await import(name);

function clientOf(options) {
  return name === 'own' ? ownClient(sdk, { options }) : officialClient(sdk, { name, options });
}

async function playAll(mode, options, facts) {
  const client = clientOf(options);
  const withKey = (apiKey) => clientOf({ ...options, apiKey });
  const waiting = scenariosOf(client, mode);
  const work = async () => {
    for (let scenario = waiting.shift(); scenario; scenario = waiting.shift()) {
      const told = await play(client, scenario, { ...facts, withKey }).then(
        (given) => ({ given }),
        (error) => ({ error: String(error?.stack ?? error) }),
      );
      console.log(JSON.stringify({ scenario: `${scenario.op}: ${scenario.name}`, ...told }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function playAlone() {
  const { startLocalBackend } = require('../../../lib/local');
  const { exchangeProblems, specAvailable } = require('../spec');
  const backend = await startLocalBackend({ isolation });
  const { E2B_API_KEY: apiKey, E2B_API_URL: apiUrl, E2B_SANDBOX_URL: sandboxUrl } = backend.env;
  const { rung } = backend.isolation;
  await playAll('any', { apiKey, apiUrl, sandboxUrl }, { rung });
  const problems = specAvailable ? new Set(backend.requests.flatMap(exchangeProblems)) : null;
  const { left } = await backend.close();
  console.log(JSON.stringify({ rung, left, problems: problems && [...problems] }));
}

if (process.env.E2B_DOMAIN) {
  await playAll('domain', {}, { rung: isolation, domain: process.env.E2B_DOMAIN });
} else {
  await playAlone();
}
