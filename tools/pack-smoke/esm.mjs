// Run by tools/pack-smoke.js where the packed archive is installed: the package's ESM face loads.

import assert from 'node:assert';
import { SandboxManager, createE2bSandbox, getVersion } from 'e2b-swarm';
assert.strictEqual(typeof SandboxManager, 'function');
assert.strictEqual(typeof createE2bSandbox, 'function');
assert.match(getVersion(), /^\d+\.\d+\.\d+/);
