// The official package @e2b/code-interpreter 2.8.0, unmodified: code, beside all that the SDK that it
// brings along can do with a sandbox.
import * as sdk from '@e2b/code-interpreter/dist/index.mjs';
import clients from './clients/official.js';
import scenarios from './scenario-tests.js';

const far = scenarios.testScenarios(
  (options) => clients.officialClient(sdk, { name: 'code-interpreter', options }),
  { only: ({ op }) => /^(code|sandbox\.create|commands\.run|files\.read)/.test(op) },
);
const { Sandbox } = sdk;

test('the template of the package is the one with the interpreter', async () => {
  await Sandbox.create(far.client);
  const [{ path, body }] = far.backend.requests;
  expect([path, JSON.parse(body).templateID]).toEqual(['/v2/sandboxes', 'code-interpreter-v1']);
});

test('rich results come in the forms that the code gives', async () => {
  const sandbox = await Sandbox.create(far.client);
  const code = 'class H:\n  def _repr_html_(self): return "<b>x</b>"\nH()';
  const { results } = await sandbox.runCode(code);
  expect(results[0].html).toBe('<b>x</b>');
  expect(results[0].formats()).toContain('html');
});

test('a run that takes longer than it may is given up', async () => {
  const sandbox = await Sandbox.create(far.client);
  const run = sandbox.runCode('import threading\nthreading.Event().wait()', { timeoutMs: 300 });
  // Within Jest the package does not know the error of its own fetch, which is of another realm.
  await expect(run).rejects.toMatchObject({
    name: expect.stringMatching(/^(Timeout|Abort)Error$/),
  });
});
