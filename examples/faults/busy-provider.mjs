// Does your code wait as long as it is told, and no longer than it should? The local E2B answers like a
// provider that is busy: first with a rate limit that says when to come back, then at its limit of
// concurrent sandboxes, which no waiting for a clock can lift.

import { RateLimitError, Sandbox } from 'e2b';
import { startLocalBackend } from 'e2b-swarm/local';

const backend = await startLocalBackend({ limits: { maxSandboxes: 1 } });
Object.assign(process.env, backend.env);

// Two answers of 429 with Retry-After: 1. The official client waits by itself.
backend.faults.add({ op: 'create', n: 2, action: { status: 429, retryAfter: 1 } });
const begun = Date.now();
const first = await Sandbox.create();
const waited = Date.now() - begun >= 2000 ? 'waited the two seconds' : 'did not wait';
console.log(`rate limit: ${backend.requests.length} requests, ${waited}`);

// The account is full: nothing but the end of another sandbox helps.
try {
  await Sandbox.create();
} catch (error) {
  console.log(`full: ${error instanceof RateLimitError ? 'RateLimitError' : error}`);
}
await first.kill();
const second = await Sandbox.create();
console.log(`one ended: there is room again (${await second.isRunning()})`);
await backend.close();
