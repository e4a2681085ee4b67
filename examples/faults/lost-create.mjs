// Does your code lose a sandbox when the answer to a create is lost? The local E2B makes the sandbox and
// resets the connection before the first byte of the answer: what a dropped connection does in the
// cloud. The caller sees an error; the sandbox runs, and would be billed.

import { randomUUID } from 'node:crypto';
import { Sandbox } from 'e2b';
import { startLocalBackend } from 'e2b-swarm/local';

const backend = await startLocalBackend();
Object.assign(process.env, backend.env);
backend.faults.add({ op: 'create', n: 1, action: 'reset-after' });

// What most code does: give up, or try again. Either way one sandbox is lost.
await Sandbox.create().catch((error) => console.log(`naive: ${error.message}`));
console.log(`naive: ${backend.sandboxes().length} sandbox runs that nobody knows of`);
await backend.reset();

// What it should do: mark each create, and look for the mark before anything else is made.
async function createSafely() {
  const token = randomUUID();
  try {
    return await Sandbox.create({ metadata: { token } });
  } catch {
    const [found] = await Sandbox.list({ query: { metadata: { token } } }).nextItems();
    return found ? Sandbox.connect(found.sandboxId) : Sandbox.create({ metadata: { token } });
  }
}

backend.faults.add({ op: 'create', n: 1, action: 'reset-after' });
const sandbox = await createSafely();
const { stdout } = await sandbox.commands.run('echo found again');
console.log(`safe: ${stdout.trim()}, ${backend.sandboxes().length} sandbox in all`);
await backend.close();
