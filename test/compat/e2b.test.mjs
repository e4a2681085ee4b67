// The official package e2b 2.51.0, unmodified, against the local backend. Its main file is CommonJS that
// requires an ESM package, which Jest cannot load; so its ESM face is named.
import * as sdk from 'e2b/dist/index.mjs';
import clients from './clients/official.js';
import scenarios from './scenario-tests.js';

const far = scenarios.testScenarios((options) =>
  clients.officialClient(sdk, { name: 'e2b', options }),
);
const { Sandbox } = sdk;

test('a create without options sends the template and nothing else', async () => {
  await Sandbox.create(far.client);
  const [{ path, body }] = far.backend.requests;
  expect([path, JSON.parse(body)]).toEqual(['/v2/sandboxes', { templateID: 'base' }]);
});

test('a rate limit with Retry-After is waited for by the SDK', async () => {
  far.backend.faults.add({ op: 'create', n: 1, action: { status: 429, retryAfter: 0 } });
  await Sandbox.create(far.client);
  expect(far.backend.requests.map(({ status }) => status)).toEqual([429, 201]);
});

test('a stream that breaks off while the sandbox lives is an error of the network', async () => {
  const sandbox = await Sandbox.create(far.client);
  far.backend.faults.add({ op: 'stream', action: 'cut' });
  await expect(sandbox.commands.run('sleep 100')).rejects.toMatchObject({ name: 'SandboxError' });
  expect(far.backend.requests.at(-1)).toMatchObject({ op: 'health', status: 204 });
});

test('a sandbox that vanishes under a stream is told as killed', async () => {
  const sandbox = await Sandbox.create(far.client);
  far.backend.faults.add({ op: 'stream', action: 'vanish' });
  await expect(sandbox.commands.run('sleep 100')).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(far.backend.requests.at(-1)).toMatchObject({ op: 'health', status: 502 });
});

test('a gateway for MCP is refused by name', async () => {
  const create = Sandbox.create({ ...far.client, mcp: { time: {} } });
  await expect(create).rejects.toThrow(/^4\d\d: .*mcp/);
});
