'use strict';

// Keys and tokens are in no error, whatever is done with it.

const { inspect } = require('node:util');
const native = require('../../lib');
const { withBackend } = require('../helpers/backend');

const KEY = `e2b_${'5ec2e7'.repeat(7).slice(0, 40)}`;
const far = withBackend({ apiKeys: [KEY] });

function everythingOf(error) {
  const faces = [];
  for (let each = error; each instanceof Error; each = each.cause) {
    faces.push(
      each.message,
      each.stack,
      JSON.stringify(each),
      inspect(each, { depth: 9, showHidden: true }),
    );
  }
  return faces.join('\n');
}

const FAULTS = [
  [
    'a refusal that quotes the key',
    { status: 401, body: { code: 401, message: `bad key ${KEY}` } },
  ],
  ['HTML that quotes the key', { status: 500, body: `<p>${KEY}</p>`, contentType: 'text/html' }],
  ['a 200 that quotes the key', { status: 200, body: `<p>${KEY}</p>`, contentType: 'text/html' }],
  ['a code that is the key', { status: 500, body: { code: 500, message: 'm', error_code: KEY } }],
  ['a reset', 'reset'],
  ['a half answer', 'reset-body'],
];

test.each(FAULTS)('%s shows no key', async (_, action) => {
  far.backend.faults.add({ op: ['create', 'list', 'get'], action });
  const outcomes = await Promise.allSettled([
    native.createE2bSandbox('a', 'base', 60, undefined, undefined, far.client),
    native.listE2bSandboxes('all', far.client),
    native.getE2bSandboxStatus('i0', far.client),
  ]);
  for (const { reason: error } of outcomes) {
    expect(error).toBeInstanceOf(native.E2bError);
    expect(everythingOf(error)).not.toContain(KEY);
  }
});

test('a daemon that quotes its token', async () => {
  const { sandboxId } = await native.createE2bSandbox(
    'a',
    'base',
    60,
    undefined,
    undefined,
    far.client,
  );
  await native.listE2bProcesses(sandboxId, far.client);
  const token = far.backend.requests.at(-1).headers['x-access-token'];
  expect(token.length).toBeGreaterThan(20);
  const body = { code: 'internal', message: `token ${token} key ${KEY}` };
  far.backend.faults.add({ op: 'processes', action: { status: 500, body } });
  const error = await native.listE2bProcesses(sandboxId, far.client).catch((e) => e);
  expect(error).toMatchObject({ code: 'SERVER_ERROR', status: 500 });
  expect(everythingOf(error)).not.toContain(token);
  expect(everythingOf(error)).not.toContain(KEY);
});

test('wrong options next to a key show none', async () => {
  const options = { ...far.client, apiUrl: `http://user:${KEY}@x:y` };
  for (const given of [options, { ...far.client, unknown: KEY }, { ...far.client, signal: KEY }]) {
    const error = await native.listE2bSandboxes('all', given).catch((e) => e);
    expect(error).toBeInstanceOf(native.InvalidArgumentError);
    expect(everythingOf(error)).not.toContain(KEY);
  }
});

test('what is created shows neither key nor token', async () => {
  const sandbox = await native.createE2bSandbox('a', 'base', 60, undefined, undefined, far.client);
  const handle = await native.executeE2bProcess(sandbox.sandboxId, 'cat', [], 60, true, {
    ...far.client,
    background: true,
    stdin: true,
  });
  const token = far.backend.requests.at(-1).headers['x-access-token'];
  for (const value of [sandbox, handle]) {
    const shown = inspect(value, { depth: 9 }) + JSON.stringify(value);
    expect(shown).not.toContain(KEY);
    expect(shown).not.toContain(token);
  }
  await handle[Symbol.asyncDispose]();
});
