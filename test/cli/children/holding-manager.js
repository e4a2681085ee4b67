'use strict';

// A process whose manager has one leased and one idle sandbox, until it is killed. What it is to do
// comes as JSON: { store: 'file' | 'sqlite', where, owner }; the far end from the environment.

const { SandboxManager } = require('../../../lib');
const stores = require('../../../lib/store');

async function main({ store, where, owner }) {
  const manager = new SandboxManager({ store: stores[`${store}Store`](where), owner });
  const { sandboxId } = await manager.createTradingSandbox({ name: 'idle' });
  const lease = await manager.acquire({ env: { LEASED: '1' } });
  process.stdout.write(`${JSON.stringify({ idle: sandboxId, leased: lease.sandboxId })}\n`);
  process.stdin.resume();
}

void main(JSON.parse(process.argv[2]));
