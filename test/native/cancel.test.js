'use strict';

// Giving up by an AbortSignal, wherever the call is: not yet sent, connecting, waiting, streaming.

const net = require('node:net');
const { getEventListeners, once } = require('node:events');
const {
  createE2bSandbox,
  executeE2bProcess,
  getE2bSandboxStatus,
  listE2bProcesses,
  listE2bSandboxes,
  runE2bAgent,
} = require('../../lib');
const { waitFor, withBackend } = require('../helpers/backend');

const far = withBackend();
const reason = new Error('the user has left');
const create = (options) =>
  createE2bSandbox('a', 'base', 600, undefined, undefined, { ...far.client, ...options });

test('before anything was sent: nothing is', async () => {
  const signal = AbortSignal.abort(reason);
  await expect(create({ signal })).rejects.toMatchObject({
    name: 'CancelledError',
    code: 'CANCELLED',
    outcome: 'not-sent',
    cause: reason,
  });
  expect(far.backend.requests).toEqual([]);
});

test('in the tick of the call: the reason is kept', async () => {
  const controller = new AbortController();
  const promise = create({ signal: controller.signal });
  controller.abort(reason);
  await expect(promise).rejects.toMatchObject({ code: 'CANCELLED', cause: reason });
});

test('while it connects: nothing was sent', async () => {
  // A host that never answers: its queue of connections is full.
  const server = net.createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 0 });
  await once(server, 'listening');
  const { port } = server.address();
  const apiUrl = `https://127.0.0.1:${port}`;
  const controller = new AbortController();
  const accepted = once(server, 'connection');
  const promise = create({ apiUrl, signal: controller.signal });
  const [socket] = await accepted; // TCP is there, TLS never will be
  controller.abort(reason);
  await expect(promise).rejects.toMatchObject({
    code: 'CANCELLED',
    outcome: 'not-sent',
    cause: reason,
  });
  socket.destroy();
  server.close();
});

test('while it waits for the answer: it may have been carried out', async () => {
  far.backend.faults.add({ op: 'create', action: { type: 'stall', execute: true } });
  const controller = new AbortController();
  const promise = create({ signal: controller.signal });
  await waitFor(() => far.backend.requests.length === 1);
  controller.abort(reason);
  await expect(promise).rejects.toMatchObject({
    code: 'CANCELLED',
    outcome: 'unknown',
    retryable: false,
    cause: reason,
  });
});

test('a reading that is given up in the same way', async () => {
  far.backend.faults.add({ op: 'get', action: 'stall' });
  const controller = new AbortController();
  const promise = getE2bSandboxStatus('i0', { ...far.client, signal: controller.signal });
  await waitFor(() => far.backend.requests.length === 1);
  controller.abort(reason);
  await expect(promise).rejects.toMatchObject({
    code: 'CANCELLED',
    sandboxId: 'i0',
    cause: reason,
  });
});

test('while it streams: the process and its children are killed', async () => {
  const { sandboxId } = await create();
  const controller = new AbortController();
  let seen = '';
  const promise = executeE2bProcess(sandboxId, 'sleep 71 & echo go; sleep 72', null, 60, true, {
    ...far.client,
    signal: controller.signal,
    onStdout: (text) => {
      seen += text;
    },
  });
  await waitFor(() => seen === 'go\n');
  controller.abort(reason);
  await expect(promise).rejects.toMatchObject({
    code: 'CANCELLED',
    outcome: 'interrupted',
    sandboxId,
    cause: reason,
    result: { pid: expect.any(Number), stdout: 'go\n' },
  });
  await waitFor(async () => (await listE2bProcesses(sandboxId, far.client)).length === 0);
  const { stdout } = await executeE2bProcess(
    sandboxId,
    'ps -eo args | grep -c "^sleep 7[12]$"',
    null,
    20,
    true,
    far.client,
  );
  expect(Number(stdout)).toBe(0);
});

test('a process in the background is killed by the signal of its start', async () => {
  const { sandboxId } = await create();
  const controller = new AbortController();
  const handle = await executeE2bProcess(sandboxId, 'sleep', ['60'], 60, true, {
    ...far.client,
    background: true,
    signal: controller.signal,
  });
  controller.abort(reason);
  await expect(handle.done).rejects.toMatchObject({ code: 'CANCELLED', cause: reason });
  await waitFor(() => far.backend.sandboxes()[0].processes.length === 0);
});

test('between two pages of a listing', async () => {
  const controller = new AbortController();
  far.backend.faults.add({
    op: 'list',
    n: 1,
    action: { status: 200, body: [], headers: { 'x-next-token': 'MQ' } },
  });
  far.backend.faults.add({ op: 'list', action: 'stall' });
  const promise = listE2bSandboxes('all', { ...far.client, signal: controller.signal });
  await waitFor(() => far.backend.requests.length === 2);
  controller.abort(reason);
  await expect(promise).rejects.toMatchObject({ code: 'CANCELLED', cause: reason });
});

test('an agent whose prices are still looked for', async () => {
  const controller = new AbortController();
  const promise = runE2bAgent('i0', 'momentum', ['X'], {}, false, {
    ...far.client,
    signal: controller.signal,
    data: () => new Promise(() => {}),
  });
  controller.abort(reason);
  await expect(promise).rejects.toMatchObject({ code: 'CANCELLED', cause: reason });
  expect(far.backend.requests).toEqual([]);
});

test('a signal of many calls has one listener, and none when they are over', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const calls = Array.from({ length: 50 }, () =>
    listE2bSandboxes('all', { ...far.client, signal }),
  );
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  await Promise.all(calls);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('an abort ends all calls of the signal, and only these', async () => {
  far.backend.faults.add({ op: 'get', action: 'stall' });
  const controller = new AbortController();
  const options = { ...far.client, signal: controller.signal };
  const given = Array.from({ length: 5 }, () => getE2bSandboxStatus('i0', options));
  const kept = getE2bSandboxStatus('i1', { ...far.client, requestTimeoutMs: 1_000 });
  const settled = Promise.allSettled([...given, kept]);
  await waitFor(() => far.backend.requests.length === 6);
  controller.abort(reason);
  const codes = (await settled).map((one) => one.reason.code);
  expect(codes).toEqual([...Array(5).fill('CANCELLED'), 'TIMEOUT']);
});

test('a signal that comes too late changes nothing', async () => {
  const controller = new AbortController();
  const sandbox = await create({ signal: controller.signal });
  controller.abort(reason);
  expect(far.backend.sandboxes()[0].sandboxId).toBe(sandbox.sandboxId);
});
