// The official package e2b 2.51.0, unmodified, against the local backend. Its main file is CommonJS that
// requires an ESM package, which Jest cannot load; so its ESM face is named.
import * as sdk from 'e2b/dist/index.mjs';
import compat from './official-client.js';
import spec from './spec/index.js';

const { checkEveryExchange } = spec;
const { far, options } = compat.describeOfficialClient(sdk, { createPath: '/v2/sandboxes' });
const { Sandbox, Template } = sdk;

test('a create without options sends the template and nothing else', async () => {
  await Sandbox.create(options());
  expect(far.backend.requests[0].json()).toEqual({ templateID: 'base' });
});

test('a rate limit with Retry-After is waited for by the SDK', async () => {
  far.backend.faults.add({ op: 'create', n: 1, action: { status: 429, retryAfter: 1 } });
  await Sandbox.create(options());
  expect(far.backend.requests.map(({ status }) => status)).toEqual([429, 201]);
});

test('a template exists or does not', async () => {
  expect(await Template.exists('base', options())).toBe(true);
  expect(await Template.exists('nope', options())).toBe(false);
});

test('metrics of a sandbox are numbers of this machine', async () => {
  const sandbox = await Sandbox.create(options());
  const [metrics] = await sandbox.getMetrics();
  expect(metrics.diskTotal).toBeGreaterThan(metrics.diskUsed);
  expect(metrics.memTotal).toBe(1024 * 1024 * 1024);
});

test('stdin is closed when asked', async () => {
  const sandbox = await Sandbox.create(options());
  const handle = await sandbox.commands.run('cat; echo end', { background: true, stdin: true });
  await sandbox.commands.sendStdin(handle.pid, 'x\n');
  await sandbox.commands.closeStdin(handle.pid);
  expect((await handle.wait()).stdout).toBe('x\nend\n');
});

test('files go up and down as streams, and packed', async () => {
  const sandbox = await Sandbox.create(options());
  const text = 'line\n'.repeat(200_000);
  await sandbox.files.write('s.txt', new Blob([text]).stream());
  await sandbox.files.write('z.txt', text, { gzip: true });
  expect(await sandbox.files.read('s.txt')).toBe(text);
  let received = '';
  for await (const chunk of await sandbox.files.read('z.txt', { format: 'stream' })) {
    received += Buffer.from(chunk).toString();
  }
  expect(received).toBe(text);
});

test('pauses, connects again, and makes a snapshot that others start from', async () => {
  const sandbox = await Sandbox.create(options());
  await sandbox.files.write('kept.txt', 'kept');
  expect(await sandbox.pause()).toBe(true);
  expect(await sandbox.pause()).toBe(false);
  const again = await Sandbox.connect(sandbox.sandboxId, options());
  expect(await again.files.read('kept.txt')).toBe('kept');
  const { snapshotId } = await again.createSnapshot();
  const other = await Sandbox.create(snapshotId, options());
  expect(await other.files.read('kept.txt')).toBe('kept');
  await other.kill();
  expect(await Sandbox.deleteSnapshot(snapshotId, options())).toBe(true);
  expect(await Sandbox.deleteSnapshot(snapshotId, options())).toBe(false);
});

test('a stream that breaks off while the sandbox lives is an error of the network', async () => {
  const sandbox = await Sandbox.create(options());
  far.backend.faults.add({ op: 'stream', action: 'cut' });
  await expect(sandbox.commands.run('sleep 100')).rejects.toMatchObject({ name: 'SandboxError' });
  expect(far.backend.requests.at(-1)).toMatchObject({ op: 'health', status: 204 });
});

test('a sandbox that vanishes under a stream is told as killed', async () => {
  const sandbox = await Sandbox.create(options());
  far.backend.faults.add({ op: 'stream', action: 'vanish' });
  await expect(sandbox.commands.run('sleep 100')).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(far.backend.requests.at(-1)).toMatchObject({ op: 'health', status: 502 });
});

checkEveryExchange(far);
