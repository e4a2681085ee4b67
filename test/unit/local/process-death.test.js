// No process survives its sandbox or its backend, however either ends.
'use strict';

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ISOLATION, isAlive, processesOf, waitFor, withBackend } = require('../../helpers/backend');
const { startLocalBackend } = require('../../../lib/local');
const { Client } = require('./client');

/**
 * Leaves processes behind that nobody waits for: in sessions of their own, double-forked, deaf to
 * polite signals, with an environment of their own but a parent that is known.
 */
const LEAVE_DAEMONS = [
  'setsid sleep 1000 >/dev/null 2>&1 &',
  'setsid sh -c "setsid sleep 1000 & exit 0" >/dev/null 2>&1 &',
  '(trap "" TERM HUP INT; sleep 1000 & wait) >/dev/null 2>&1 &',
  'setsid sh -c "env -i sleep 1000 & wait" >/dev/null 2>&1 &',
].join('\n');

const pidsOf = (sandboxId) => processesOf(sandboxId).map(({ pid }) => pid);

/** What a backend has in its state directory as long as it lives. */
function liveIn(stateDir) {
  return fs.readdirSync(stateDir).filter((name) => name.startsWith('live-'));
}

/** Starts the daemons and returns their pids once all are there, with the children of each. */
async function leaveDaemons(client, sandbox) {
  await client.run(sandbox, LEAVE_DAEMONS);
  return waitFor(() => {
    const pids = pidsOf(sandbox.id);
    const children = pids.flatMap((pid) => {
      try {
        const text = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
        return text.split(' ').filter(Boolean).map(Number);
      } catch {
        return [];
      }
    });
    const all = [...new Set([...pids, ...children])];
    const sleeping = all.filter((pid) => commandOf(pid).startsWith('sleep'));
    return sleeping.length === 4 && all;
  });
}

function commandOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

describe('a running backend', () => {
  const far = withBackend();
  let client;

  beforeEach(() => {
    client = new Client(far.backend);
  });

  test('killing a sandbox leaves none of its processes, and touches no other sandbox', async () => {
    const [victim, neighbour] = [await client.create(), await client.create()];
    const pids = await leaveDaemons(client, victim);
    const others = await leaveDaemons(client, neighbour);
    expect((await client.control('DELETE', `/sandboxes/${victim.id}`)).status).toBe(204);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(others.filter((pid) => !isAlive(pid))).toEqual([]);
  });

  test('the end of a sandbox’s time kills its processes', async () => {
    const sandbox = await client.create();
    const pids = await leaveDaemons(client, sandbox);
    await client.control('POST', `/sandboxes/${sandbox.id}/timeout`, { timeout: 0 });
    await waitFor(() => !pids.some(isAlive));
  });

  test('a fork storm is ended', async () => {
    const sandbox = await client.create();
    // Each generation ends and leaves two successors, up to a number that the machine bears.
    const line =
      'n=0; while :; do (sleep 0.01; sleep 0.01) & n=$((n+1)); [ $n -gt 40 ] && wait && n=0; done';
    await client.background(sandbox, { process: { cmd: 'setsid', args: ['/bin/sh', '-c', line] } });
    await waitFor(() => pidsOf(sandbox.id).length > 20);
    await client.control('DELETE', `/sandboxes/${sandbox.id}`);
    expect(pidsOf(sandbox.id)).toEqual([]);
  });

  test('killing a sandbox cuts its open streams and removes its files', async () => {
    const sandbox = await client.create();
    const { home } = far.backend.sandboxes()[0];
    await client.run(sandbox, 'touch here');
    expect(fs.existsSync(home)).toBe(true);
    const running = await client.background(sandbox, { process: { cmd: 'sleep', args: ['100'] } });
    await client.control('DELETE', `/sandboxes/${sandbox.id}`);
    const answer = await running.done;
    expect([answer.status, answer.end, answer.error]).toEqual([200, null, 'ECONNRESET']);
    await waitFor(() => !fs.existsSync(home));
  });

  test('many sandboxes are killed at once', async () => {
    const sandboxes = await Promise.all(Array.from({ length: 40 }, () => client.create()));
    await Promise.all(
      sandboxes.map((one) => client.background(one, { process: { cmd: 'sleep', args: ['100'] } })),
    );
    const pids = await waitFor(() => {
      const found = sandboxes.flatMap(({ id }) => pidsOf(id));
      return found.length === 40 && found;
    });
    const answers = await Promise.all(
      sandboxes.map(({ id }) => client.control('DELETE', `/sandboxes/${id}`)),
    );
    expect(answers.every(({ status }) => status === 204)).toBe(true);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

describe('close', () => {
  test('leaves no process, no file and no port', async () => {
    const backend = await startLocalBackend({ isolation: ISOLATION });
    const client = new Client(backend);
    const sandbox = await client.create();
    const pids = await leaveDaemons(client, sandbox);
    const { home } = backend.sandboxes()[0];
    const first = backend.close();
    expect(backend.close()).toBe(first);
    expect(await first).toEqual({ left: { sandboxes: 0, processes: 0 } });
    expect(pids.filter(isAlive)).toEqual([]);
    // Of run/ID/upper/home/user nothing is left, nor of what it lay in.
    expect(fs.existsSync(path.join(home, '../../../../..'))).toBe(false);
    expect((await client.control('GET', '/health')).error).toBe('ECONNREFUSED');
  });

  test('ends exchanges that a fault has stalled', async () => {
    const backend = await startLocalBackend({ isolation: ISOLATION });
    backend.faults.add({ op: 'create', action: 'stall' });
    const pending = new Client(backend).control('POST', '/v2/sandboxes', { templateID: 'base' });
    await waitFor(() => backend.faults.hits.length === 1);
    await backend.close();
    expect((await pending).status).toBeNull();
  });

  test('happens by itself at the end of an await using block', async () => {
    const backend = await startLocalBackend({ isolation: ISOLATION });
    await backend[Symbol.asyncDispose]();
    expect((await new Client(backend).control('GET', '/health')).error).toBe('ECONNREFUSED');
  });
});

describe('a process that ends without closing its backend', () => {
  const children = new Set();
  let stateDir;

  beforeEach(() => {
    stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-death-'));
  });

  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
    children.clear();
    fs.rmSync(stateDir, { recursive: true });
  });

  /** Forks a program with a backend, leaves daemons in it, and returns what must be gone later. */
  async function forkBackend(mode = 'plain') {
    const child = fork(path.join(__dirname, 'children/backend.js'), [stateDir, mode], {
      stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
    });
    children.add(child);
    const [{ url, env }] = await once(child, 'message');
    const client = new Client({ url, env });
    const sandbox = await client.create();
    expect(liveIn(stateDir)).toHaveLength(1);
    return { child, pids: await leaveDaemons(client, sandbox) };
  }

  test.each([
    ['process.exit', 'exit', { code: 7, signal: null }],
    ['an uncaught error', 'throw', { code: 1, signal: null }],
    ['SIGTERM', 'SIGTERM', { code: null, signal: 'SIGTERM' }],
    ['SIGINT', 'SIGINT', { code: null, signal: 'SIGINT' }],
    ['SIGHUP', 'SIGHUP', { code: null, signal: 'SIGHUP' }],
    ['SIGKILL', 'SIGKILL', { code: null, signal: 'SIGKILL' }],
  ])('by %s leaves no process and no file, and ends as it would have', async (name, how, end) => {
    const { child, pids } = await forkBackend();
    const exited = once(child, 'exit');
    if (how.startsWith('SIG')) child.kill(how);
    else child.send(how);
    const [code, signal] = await exited;
    expect({ code, signal }).toEqual(end);
    await waitFor(() => !pids.some(isAlive) && liveIn(stateDir).length === 0);
  });

  test('lives on after a signal that somebody else handles, and its sandboxes with it', async () => {
    const { child, pids } = await forkBackend('listen');
    const heard = once(child, 'message');
    child.kill('SIGTERM');
    expect(await heard).toEqual(['SIGTERM', undefined]);
    expect(pids.filter(isAlive)).toEqual(pids);
    const exited = once(child, 'exit');
    child.send('exit');
    expect(await exited).toEqual([7, null]);
    await waitFor(() => !pids.some(isAlive) && liveIn(stateDir).length === 0);
  });
});

describe('a backend in a worker thread, where no end is heard', () => {
  test.each(['terminate', 'exit', 'SIGTERM', 'SIGKILL', 'close'])(
    '%s leaves no process and no file',
    async (end) => {
      const stateDir = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-worker-'));
      const child = fork(path.join(__dirname, 'children/worker.js'), [stateDir, end], {
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      });
      child.stdout.setEncoding('utf8');
      const [[pid], [code, signal]] = await Promise.all([
        once(child.stdout, 'data'),
        once(child, 'exit'),
      ]);
      expect([code, signal]).toEqual(end.startsWith('SIG') ? [null, end] : [0, null]);
      await waitFor(() => !isAlive(Number(pid)) && liveIn(stateDir).length === 0);
      fs.rmSync(stateDir, { recursive: true });
    },
  );
});
