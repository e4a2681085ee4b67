'use strict';

// What a sandbox in a manager's hand holds of its heap, its row in a store in memory included: the
// difference after a full collection. The manager's own maximum is lifted, so is its budget; the far end is in this process
// and keeps nothing.
//
//   node --expose-gc fleet-memory.js '{ "sandboxes" }'

const assert = require('node:assert/strict');

const { kParts } = require('../../../lib/fleet/leasing-manager');
const { finish } = require('./finish');
const { stubbedManager } = require('./stubbed-manager');

const AT_ONCE = 50;

/** Bytes, after everything that can go has gone. */
async function heapUsed() {
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    global.gc();
  }
  return process.memoryUsage().heapUsed;
}

async function create({ core, creation, specOf }, count) {
  const one = async () => {
    const spec = specOf({ metadata: { strategy: 'momentum' } });
    await creation.create(spec, await core.reserve(spec));
  };
  for (let made = 0; made < count; made += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - made) }, one));
  }
}

finish(async ({ sandboxes }) => {
  const manager = stubbedManager({ budget: null });
  const parts = manager[kParts];
  Object.defineProperty(parts.core, 'maximum', { value: Infinity });
  await create(parts, AT_ONCE); // what is made once is not a sandbox's
  const beforeBytes = await heapUsed();
  await create(parts, sandboxes);
  const grownBytes = (await heapUsed()) - beforeBytes;
  assert.equal(manager.activeSandboxes.size, AT_ONCE + sandboxes);
  assert.equal(manager.sandboxPool.size, AT_ONCE + sandboxes);
  return { heapKb: grownBytes / sandboxes / 1000 };
});
