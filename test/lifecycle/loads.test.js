'use strict';

// The addon loaded again and again into one thread, as jest does: once per test file.

const vm = require('node:vm');
const { waitFor, withBackend } = require('../helpers/backend');

const far = withBackend();
// jest's own `process` is a copy.
const exitListeners = () => vm.runInThisContext('process').listenerCount('exit');

test('twenty loads work side by side, each with its own calls', async () => {
  const addons = new Set();
  const libraries = [];
  for (let i = 0; i < 20; i += 1) {
    jest.resetModules();
    addons.add(require('../../lib/binding').load());
    libraries.push(require('../../lib'));
  }
  expect(addons.size).toBe(20);
  const created = await Promise.all(
    libraries.map((lib, i) =>
      lib.createE2bSandbox(`s${i}`, 'base', 60, undefined, undefined, far.client),
    ),
  );
  expect(created.map(({ name }) => name)).toEqual(libraries.map((_, i) => `s${i}`));
  for (const addon of addons) expect(addon.active()).toBe(0);
});

test('all of them share one exit listener', async () => {
  jest.resetModules();
  require('../../lib/binding').load();
  const listeners = exitListeners();
  for (let i = 0; i < 20; i += 1) {
    jest.resetModules();
    require('../../lib/binding').load();
  }
  expect(exitListeners()).toBe(listeners);
});

test('an error of one copy is an instance of the class of another', async () => {
  jest.resetModules();
  const { NotFoundError } = require('../../lib');
  jest.resetModules();
  const { getE2bSandboxStatus } = require('../../lib');
  await expect(getE2bSandboxStatus('unknown0', far.client)).rejects.toBeInstanceOf(NotFoundError);
});

test('an engine steps while there is something to do, and no longer', async () => {
  jest.resetModules();
  const addon = require('../../lib/binding').load();
  const { listE2bSandboxes } = require('../../lib');
  const stalled = far.backend.faults.add({ op: 'list', action: 'stall' });
  const controller = new AbortController();
  const promise = listE2bSandboxes('all', { ...far.client, signal: controller.signal });
  await waitFor(() => stalled.hits === 1);
  const { steps } = addon.stats();
  await new Promise(setImmediate);
  expect(addon.stats().steps - steps).toBeLessThanOrEqual(2);
  controller.abort();
  await expect(promise).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(addon.active()).toBe(0);
});
