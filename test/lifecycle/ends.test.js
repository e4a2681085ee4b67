'use strict';

// How processes end that have loaded the addon: each in a process of its own, which must end by itself
// and without a signal, whatever was in flight.

const { createE2bSandbox } = require('../../lib');
const { waitFor, withBackend } = require('../helpers/backend');
const { perform } = require('./helpers/child');

const far = withBackend();
const CLEAN = { code: 0, signal: null, stderr: '' };

async function newSandbox() {
  const { client } = far;
  return (await createE2bSandbox('s', 'base', 120, undefined, undefined, client)).sandboxId;
}

async function end(scene, options) {
  const args = [await newSandbox()];
  return perform(scene, far.backend.env, { args, ...options }).ended;
}

/** Plays a scene with a create that is never answered, and orders its end once that was asked. */
async function endDuringCreate(scene) {
  const stalled = far.backend.faults.add({ op: 'create', action: 'stall' });
  const { order, ended } = perform(scene, far.backend.env);
  await waitFor(() => stalled.hits === 1);
  order();
  return ended;
}

describe('a process ends by itself and cleanly', () => {
  test('that only loaded the addon', async () => {
    const { version } = require('../../package.json');
    expect(await end('load and end')).toEqual({ ...CLEAN, stdout: `${version}\n` });
  });

  test('with an idle client and its kept-alive connection', async () => {
    expect(await end('finish one call')).toEqual({ ...CLEAN, stdout: '1\n' });
  });

  test('only after the call in flight was answered', async () => {
    far.backend.faults.add({ op: 'list', action: { type: 'slow', delayMs: 200 } });
    expect(await end('finish one call')).toEqual({ ...CLEAN, stdout: '1\n' });
  });

  test('with a call begun in an exit listener, which is refused', async () => {
    const result = await end('end with a call in an exit listener');
    expect(result).toEqual({ ...CLEAN, stdout: 'in flight: 0 null\n' });
    expect(far.backend.sandboxes()).toHaveLength(1);
  });
});

describe('process.exit ends at once', () => {
  test('during a create', async () => {
    expect(await endDuringCreate('exit during a create')).toMatchObject(CLEAN);
  });

  test.each([
    'exit during streams',
    'exit in a listener of a stream',
    'exit between a call and its first step',
  ])('%s', async (scene) => {
    expect(await end(scene)).toMatchObject(CLEAN);
  });
});

describe('an error that nobody catches ends the process with status 1 and no signal', () => {
  const FAILED = { code: 1, signal: null, stderr: expect.stringContaining('nobody catches this') };

  test('during a create', async () => {
    expect(await endDuringCreate('throw during a create')).toMatchObject(FAILED);
  });

  test('during streams', async () => {
    expect(await end('throw during streams')).toMatchObject(FAILED);
  });
});

describe('a worker ends without the process', () => {
  test('terminated during a create', async () => {
    expect(await endDuringCreate('terminate a worker during a create')).toMatchObject(CLEAN);
  });

  test.each(['terminate a worker during streams', 'ten workers in a row'])('%s', async (scene) => {
    expect(await end(scene)).toMatchObject(CLEAN);
  });

  test.each([
    ['a worker that exits during streams', 'exit code 3\n'],
    ['a worker that throws during streams', 'worker: nobody catches this\nexit code 1\n'],
    ['a worker that is done', 'exit code 0\n'],
    ['main and workers at once', '1\n'],
  ])('%s', async (scene, stdout) => {
    expect(await end(scene)).toEqual({ ...CLEAN, stdout });
  });
});

test('open streams hold no thread of the pool', async () => {
  const env = { ...far.backend.env, UV_THREADPOOL_SIZE: '1' };
  const result = await perform('one thread in the pool', env, { args: [await newSandbox()] }).ended;
  expect(result).toEqual({ ...CLEAN, stdout: 'true\n' });
});

test('a pool whose threads are all taken does not hold up calls', async () => {
  const env = { ...far.backend.env, UV_THREADPOOL_SIZE: '1' };
  const result = await perform('a pool that is blocked', env).ended;
  expect(result).toEqual({ ...CLEAN, stdout: 'hi\nfrom the pipe\nrescued: true\n' });
});

test('copies of the module that were dropped give their descriptors back', async () => {
  const { stdout, ...result } = await end('modules that were dropped', {
    execArgv: ['--expose-gc'],
  });
  expect(result).toEqual(CLEAN);
  const [counts, listeners] = stdout.trim().split('\n');
  const { opened, closed } = JSON.parse(counts);
  expect(opened).toBeGreaterThanOrEqual(20);
  expect(closed).toBeGreaterThanOrEqual(18);
  expect(listeners).toBe('listeners: 1');
});
