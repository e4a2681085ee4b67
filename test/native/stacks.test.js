'use strict';

// The stack of an error says who called, also when calls come so fast that none is taken of each.

const { createE2bSandbox, executeE2bProcess, getE2bSandboxStatus } = require('../../lib');
const { withBackend } = require('../helpers/backend');

const far = withBackend();
const MORE_THAN_TAKEN = 1_005; // in one second: lib/native/calls.js

const failureOf = (promise) =>
  promise.then(
    () => null,
    (error) => error,
  );

async function theCaller() {
  return await getE2bSandboxStatus('i0', far.client);
}

// Who does not await is in no stack but that of the call itself.
function passesOn() {
  return getE2bSandboxStatus('i0', far.client);
}

/** Makes the call when the stacks of this second are used up, and proves that they were. */
async function callFast(call) {
  for (let tries = 0; tries < 10; tries += 1) {
    // Refused before anything is sent.
    const bad = () => failureOf(getE2bSandboxStatus('no such id!', far.client));
    const used = Array.from({ length: MORE_THAN_TAKEN }, bad);
    const failures = [failureOf(call()), failureOf(passesOn())];
    const [error, proof] = await Promise.all(failures);
    await Promise.all(used);
    if (!proof.stack.includes('passesOn')) return error;
  }
  throw new Error('a new second began in every try');
}

test('of a call now and then it is the stack of the call', async () => {
  const error = await failureOf(theCaller());
  expect(error.stack).toMatch(/^NotFoundError: .*\n\s+at .*theCaller .*stacks\.test\.js/);
  expect((await failureOf(passesOn())).stack).toMatch(/\n\s+at passesOn .*stacks\.test\.js/);
});

test('of one of many it is that of who awaits it', async () => {
  const error = await callFast(theCaller);
  expect(error.stack).toMatch(/^NotFoundError: .*\n\s+at .*theCaller .*stacks\.test\.js/);
  expect(error.stack).not.toContain('calls.js');
  expect(Object.keys(error)).not.toContain('stack');
});

test('what a callback threw keeps its own', async () => {
  const mine = new Error('mine');
  const { stack } = mine;
  const { sandboxId } = await createE2bSandbox('a', 'base', 60, undefined, undefined, far.client);
  const onStdout = () => {
    throw mine;
  };
  const options = { ...far.client, onStdout };
  const error = await callFast(() =>
    executeE2bProcess(sandboxId, 'echo a', null, 20, true, options),
  );
  expect(error).toBe(mine);
  expect(error.stack).toBe(stack);
});
