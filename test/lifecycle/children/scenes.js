'use strict';

// The processes whose end is tested: `node scenes.js NAME [SANDBOX]`, with the far end in the
// environment. A scene that waits to be told gets a message from its parent.

const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

const {
  createE2bSandbox,
  executeE2bProcess,
  listE2bSandboxes,
  terminateE2bSandbox,
} = require('../../../lib');

const [, , scene, sandboxId] = process.argv;
const STREAMS = 20;
const WORKER = path.join(__dirname, 'worker.js');

const told = () => once(process, 'message');
const create = () => createE2bSandbox('a', 'base', 60);

function stream(onStdout) {
  // `read` waits without starting a process, of which there would be thousands.
  const command = 'exec {fd}<> <(:); while true; do echo tick; read -t 0.02 -u $fd; done';
  return executeE2bProcess(sandboxId, command, null, 60, true, { onStdout });
}

/** Streams that all speak; resolves when each has. */
async function openStreams() {
  const first = Array.from({ length: STREAMS }, () => new Promise((resolve) => stream(resolve)));
  await Promise.all(first);
}

/** A worker that plays a scene of its own and says 'ready' when it is in the middle of it. */
async function startWorker(part) {
  const worker = new Worker(WORKER, { workerData: { part, sandboxId } });
  worker.on('error', (error) => console.log(`worker: ${error.message}`));
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  // Not events.once(): an error that overtakes the message, on a port of its own, would reject it.
  const ready = new Promise((resolve) => worker.once('message', resolve));
  if (part !== 'create') await Promise.race([ready, ended]);
  return { worker, ended };
}

async function endWorker(part) {
  const { worker, ended } = await startWorker(part);
  await worker.terminate();
  await ended;
}

const scenes = {
  // The one thread waits in open() for somebody who writes into the pipe: only then it is free.
  'a pool that is blocked': async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-pool-'));
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const read = fs.promises.readFile(pipe, 'utf8');
    const created = await create();
    const { stdout } = await executeE2bProcess(created.sandboxId, 'echo hi', null, 20);
    process.stdout.write(stdout);
    await terminateE2bSandbox(created.sandboxId);
    execFileSync('sh', ['-c', 'echo from the pipe > "$0"', pipe]);
    process.stdout.write(await read);
    fs.rmSync(folder, { recursive: true });
    console.log(`rescued: ${require('../../../lib/binding').load().stats().rescues > 0}`);
  },

  'load and end': () => {
    console.log(require('../../../lib/binding').load().version);
  },

  'finish one call': async () => {
    console.log((await listE2bSandboxes()).length);
  },

  'exit during a create': async () => {
    create();
    await told();
    process.exit(0);
  },

  'exit during streams': async () => {
    await openStreams();
    process.exit(0);
  },

  'exit in a listener of a stream': () => stream(() => process.exit(0)),

  'exit between a call and its first step': () => {
    create();
    process.exit(0);
  },

  'throw during a create': async () => {
    create();
    await told();
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
  },

  'throw during streams': async () => {
    await openStreams();
    throw new Error('nobody catches this');
  },

  'end with a call in an exit listener': async () => {
    const addon = require('../../../lib/binding').load();
    await listE2bSandboxes();
    let refusal = null;
    const makeErrorSeen = (error) => {
      refusal = error;
    };
    process.on('exit', () => {
      create().catch(makeErrorSeen);
      console.log(`in flight: ${addon.active()}`, refusal);
    });
  },

  'one thread in the pool': async () => {
    await openStreams();
    const text = await fs.promises.readFile(__filename, 'utf8');
    console.log(text.length > 0);
    process.exit(0);
  },

  'terminate a worker during a create': async () => {
    const { worker, ended } = await startWorker('create');
    await told();
    await worker.terminate();
    await ended;
    process.disconnect();
  },

  'terminate a worker during streams': () => endWorker('streams'),

  'a worker that exits during streams': async () => {
    const { ended } = await startWorker('exit');
    console.log(`exit code ${await ended}`);
  },

  'a worker that throws during streams': async () => {
    const { ended } = await startWorker('throw');
    console.log(`exit code ${await ended}`);
  },

  'a worker that is done': async () => {
    const { ended } = await startWorker('finish');
    console.log(`exit code ${await ended}`);
  },

  'ten workers in a row': async () => {
    for (let i = 0; i < 10; i += 1) await endWorker('streams');
  },

  'main and workers at once': async () => {
    const workers = Promise.all([endWorker('streams'), endWorker('streams'), endWorker('streams')]);
    await openStreams();
    await workers;
    console.log((await listE2bSandboxes()).length);
    process.exit(0);
  },

  'modules that were dropped': async () => {
    const open = () => fs.readdirSync('/proc/self/fd').length;
    const before = open();
    for (let i = 0; i < 10; i += 1) {
      const lib = path.join(__dirname, '..', '..', '..', 'lib');
      for (const file of Object.keys(require.cache)) {
        if (file.startsWith(lib)) delete require.cache[file];
      }
      module.children.length = 0;
      await require('../../../lib').listE2bSandboxes();
    }
    const during = open();
    // What the last load left is held by its own module: nine engines can go.
    for (let i = 0; i < 100 && open() > during - 9 * 2; i += 1) {
      global.gc();
      await new Promise(setImmediate);
    }
    console.log(JSON.stringify({ opened: during - before, closed: during - open() }));
    console.log(`listeners: ${process.listenerCount('exit')}`);
  },
};

scenes[scene]();
