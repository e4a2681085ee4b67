'use strict';

// The process that is killed: a SandboxManager over a store on disk, and users that take, use and give
// back sandboxes, many at a time. It tells its parent of every lease, before and after, so that the
// parent's books are right whenever it dies. Told to finish, it ends everything and says what is left.

const { SandboxManager } = require('../../../lib');
const stores = require('../../../lib/store');

const OWNER = 'soak';
const USERS = 6;
const SPECS = [
  { template: 'base', timeout: 600 },
  { template: 'base', timeout: 900 },
];
const ACQUIRE_TIMEOUT_MS = 60_000;
/** Past the watch window of the last unanswered create. */
const WATCH_MS = 125_000;

const [storePath, maximum] = process.argv.slice(2);
const counts = { cycles: 0, failed: 0, unhandled: 0, codes: {} };
let finishing = false;

process.on('unhandledRejection', (error) => {
  counts.unhandled++;
  process.stderr.write(`unhandled rejection: ${error?.stack ?? error}\n`);
});

// Whoever counts is gone.
process.on('disconnect', () => process.exit(1));

function failed(what, error) {
  counts.failed++;
  const code = `${what} ${error?.code ?? 'INTERNAL'}`;
  counts.codes[code] = (counts.codes[code] ?? 0) + 1;
}

function tell(message) {
  process.send(message);
}

const store = stores.fileStore(storePath);
const manager = new SandboxManager({
  store,
  owner: OWNER,
  maxPoolSize: Number(maximum),
  healthCheckInterval: 5000,
  cleanupInterval: 10_000,
  retryDelay: 50,
  requestTimeoutMs: 5000,
  shutdownGraceMs: 1000,
});

async function cycle(serial) {
  const spec = SPECS[serial % SPECS.length];
  let lease;
  try {
    lease = await manager.acquire(spec, { timeoutMs: ACQUIRE_TIMEOUT_MS });
  } catch (error) {
    failed('acquire', error);
    return;
  }
  const { sandboxId } = lease;
  tell({ type: 'taken', sandboxId });
  try {
    if (serial % 3 === 0) await lease.execute('true', [], { requestTimeoutMs: 5000 });
  } catch (error) {
    failed('execute', error);
  }
  // Before the call: from its first moment on another may be given it.
  tell({ type: 'given back', sandboxId });
  try {
    await lease.release({ recycle: serial % 2 === 0 });
    counts.cycles++;
  } catch (error) {
    failed('release', error);
  }
}

async function user(index) {
  for (let serial = index; ; serial += USERS) {
    if (finishing) return;
    await cycle(serial);
    tell({ type: 'cycle', ...counts, rss: process.memoryUsage.rss(), heap: heap() });
  }
}

function heap() {
  if (finishing || counts.cycles % 100 === 0) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const users = Array.from({ length: USERS }, (_, index) => user(index));

process.on('message', async () => {
  finishing = true;
  await Promise.all(users);
  const over = setInterval(() => {
    clearInterval(over);
    finish().catch((error) => {
      process.stderr.write(`${error.stack}\n`);
      process.exit(1);
    });
  }, WATCH_MS);
});

async function finish() {
  await manager.reconcile({});
  const { success, message } = await manager.shutdown();
  const rows = await store.rows(OWNER, { after: null });
  await store.close();
  process.send({ type: 'finished', success, message, ...counts, rows }, () => process.exit(0));
}
