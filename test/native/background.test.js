'use strict';

// Processes in the background: the handle at the start, what can be done with it, attaching.

const {
  connectE2bProcess,
  createE2bSandbox,
  executeE2bProcess,
  killE2bProcess,
  listE2bProcesses,
  sendE2bInput,
} = require('../../lib');
const { waitFor, withBackend } = require('../helpers/backend');

const far = withBackend();
let sandboxId;
beforeEach(async () => {
  ({ sandboxId } = await createE2bSandbox('a', 'base', 600, undefined, undefined, far.client));
});
const run = (command, args, options) =>
  executeE2bProcess(sandboxId, command, args, 20, true, { ...far.client, ...options });

test('the handle comes at the start, and the end when it ends', async () => {
  const handle = await run('read x; echo "got $x"; exit 5', undefined, {
    background: true,
    stdin: true,
  });
  expect(handle).toMatchObject({ sandboxId, command: expect.stringContaining('read x') });
  const listed = await listE2bProcesses(sandboxId, far.client);
  expect(listed.map(({ pid }) => pid)).toEqual([handle.pid]);
  expect(listed[0]).toMatchObject({ command: '/bin/bash', args: ['-l', '-c', handle.command] });
  await handle.sendInput('it\n', { end: true });
  expect(await handle.wait()).toMatchObject({ exitCode: 5, stdout: 'got it\n', pid: handle.pid });
});

test('it can be killed, and fed, by its number', async () => {
  const cat = await run('cat', [], { background: true, stdin: true });
  await sendE2bInput(sandboxId, cat.pid, 'text', { ...far.client, end: true });
  expect((await cat.done).stdout).toBe('text');
  const sleeper = await run('sleep', ['60'], { background: true });
  expect(await killE2bProcess(sandboxId, sleeper.pid, 'SIGTERM', far.client)).toEqual({
    sandboxId,
    pid: sleeper.pid,
    signal: 'SIGTERM',
  });
  expect(await sleeper.done).toMatchObject({ exitCode: null, signal: 'SIGTERM' });
  await expect(killE2bProcess(sandboxId, 999_999, 'SIGKILL', far.client)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test('a second client attaches, and sees what comes from then on', async () => {
  const early = [];
  const first = await run('echo early; read x; echo late; read y', undefined, {
    background: true,
    stdin: true,
    onStdout: (text) => early.push(text),
  });
  await waitFor(() => early.join('') === 'early\n');
  const heard = [];
  const second = await connectE2bProcess(sandboxId, first.pid, {
    ...far.client,
    onStdout: (text) => heard.push(text),
  });
  expect(second.pid).toBe(first.pid);
  await first.sendInput('\n');
  await waitFor(() => heard.join('') === 'late\n');
  await second.kill();
  expect(await second.done).toMatchObject({ signal: 'SIGKILL', stdout: 'late\n', args: null });
  expect(await first.done).toMatchObject({ signal: 'SIGKILL', stdout: 'early\nlate\n' });
});

test('a process that is not there cannot be attached to', async () => {
  await expect(connectE2bProcess(sandboxId, 999_999, far.client)).rejects.toMatchObject({
    code: 'NOT_FOUND',
    sandboxId,
  });
});

test('letting go leaves the process alone', async () => {
  const handle = await run('sleep', ['60'], { background: true });
  handle.disconnect();
  await expect(handle.done).rejects.toMatchObject({ code: 'CANCELLED' });
  const listed = await listE2bProcesses(sandboxId, far.client);
  expect(listed.map(({ pid }) => pid)).toEqual([handle.pid]);
  await handle.kill();
});

test('a handle that is disposed of has killed its process', async () => {
  const handle = await run('sleep', ['60'], { background: true });
  await handle[Symbol.asyncDispose]();
  expect(await listE2bProcesses(sandboxId, far.client)).toEqual([]);
});

test('a start that fails is the rejection', async () => {
  await expect(run('pwd', [], { cwd: '/not/there', background: true })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
  });
});
