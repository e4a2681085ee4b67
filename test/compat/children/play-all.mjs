// Plays all scenarios of domain mode with one client, found by E2B_DOMAIN alone, several at a time.
// Prints a JSON line for each: { scenario, given } or { scenario, error }. Started with names below
// `.localhost` patched in.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { officialClient } = require('../clients/official.js');
const { ownClient } = require('../clients/own.js');
const { scenariosOf } = require('../scenarios/index.js');
const { play } = require('../scenarios/play.js');

const AT_ONCE = 6;
const MODULES = { e2b: 'e2b', 'e2b-old': 'e2b-old' };
const [name, rung] = process.argv.slice(2);
const sdk = name === 'own' ? require('../../../lib') : await import(MODULES[name]);

function clientOf(options) {
  if (name === 'own') return ownClient(sdk, { options });
  return officialClient(sdk, { name, options });
}

const far = {
  rung,
  domain: process.env.E2B_DOMAIN,
  withKey: (apiKey) => clientOf({ apiKey }),
};
const client = clientOf({});
const waiting = scenariosOf(client, 'domain').map((scenario, index) => ({ scenario, index }));

async function work() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { scenario } = next;
    const title = `${scenario.op}: ${scenario.name}`;
    const told = await play(client, scenario, far).then(
      (given) => ({ given }),
      (error) => ({ error: String(error?.stack ?? error) }),
    );
    console.log(JSON.stringify({ scenario: title, ...told }));
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
