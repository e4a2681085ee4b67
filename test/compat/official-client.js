// What the official JavaScript SDK must be able to do against the local backend: tests that are the
// same for every supported version, so that a version is one line. The SDK is used unmodified.
'use strict';

const { waitFor, withBackend } = require('../helpers/backend');

const ALL_AT_ONCE = 20;

/**
 * Registers the tests.
 * @param {object} sdk  the module `e2b`
 * @param {{ createPath: string }} version  where this version sends its creates
 */
function describeOfficialClient(sdk, { createPath }) {
  const { Sandbox, CommandExitError } = sdk;
  const far = withBackend({ limits: { maxSandboxes: 50 } });
  let options;

  beforeEach(() => {
    const {
      E2B_API_KEY: apiKey,
      E2B_API_URL: apiUrl,
      E2B_SANDBOX_URL: sandboxUrl,
    } = far.backend.env;
    options = { apiKey, apiUrl, sandboxUrl };
  });

  afterEach(() => {
    const unknown = far.backend.requests.filter(({ op }) => op === 'unknown');
    expect(unknown.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  test('creates a sandbox with metadata and variables, and kills it', async () => {
    const sandbox = await Sandbox.create('base', {
      ...options,
      ...{ metadata: { user: 'abc' }, envs: { GREETING: 'hallo' }, timeoutMs: 90_500 },
    });
    expect(far.backend.requests[0]).toMatchObject({ path: createPath, status: 201 });
    expect(far.backend.requests[0].json().timeout).toBe(91);
    expect(await sandbox.isRunning()).toBe(true);
    expect((await sandbox.commands.run('echo $GREETING')).stdout).toBe('hallo\n');
    expect(await sandbox.kill()).toBe(true);
    expect(await sandbox.isRunning()).toBe(false);
    expect(await Sandbox.kill(sandbox.sandboxId, options)).toBe(false);
    expect(far.backend.sandboxes()).toEqual([]);
  });

  test('runs a command with its own variables, work directory and both outputs', async () => {
    const sandbox = await Sandbox.create(options);
    const heard = [];
    const result = await sandbox.commands.run('echo "$A $(pwd)"; echo err >&2', {
      ...{ cwd: '/tmp', envs: { A: 'x y' }, onStdout: (text) => heard.push(text) },
    });
    expect(result).toMatchObject({ exitCode: 0, stdout: 'x y /tmp\n', stderr: 'err\n' });
    expect(heard.join('')).toBe('x y /tmp\n');
  });

  test('runs as another user', async () => {
    const sandbox = await Sandbox.create(options);
    expect((await sandbox.commands.run('echo $USER', { user: 'root' })).stdout).toBe('root\n');
  });

  test('tells a failed command by its exit code', async () => {
    const sandbox = await Sandbox.create(options);
    const failed = await sandbox.commands.run('echo out; echo err >&2; exit 3').catch((e) => e);
    expect(failed).toBeInstanceOf(CommandExitError);
    expect(failed).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
  });

  test('times a command out', async () => {
    const sandbox = await Sandbox.create(options);
    const run = sandbox.commands.run('sleep 100', { timeoutMs: 200 });
    await expect(run).rejects.toMatchObject({ name: 'TimeoutError' });
    await waitFor(async () => (await sandbox.commands.list()).length === 0);
  });

  test('feeds, lists, reattaches to and kills a background command', async () => {
    const sandbox = await Sandbox.create(options);
    const handle = await sandbox.commands.run('cat', { background: true, stdin: true });
    await sandbox.commands.sendStdin(handle.pid, 'one\n');
    await waitFor(() => handle.stdout === 'one\n');
    const [listed] = await sandbox.commands.list();
    expect(listed).toMatchObject({ pid: handle.pid, cmd: '/bin/bash', args: ['-l', '-c', 'cat'] });
    let heard = '';
    const again = await sandbox.commands.connect(handle.pid, {
      onStdout: (text) => {
        heard += text;
      },
    });
    await sandbox.commands.sendStdin(handle.pid, 'two\n');
    await waitFor(() => heard === 'two\n' && handle.stdout === 'one\ntwo\n');
    expect(await again.kill()).toBe(true);
    await expect(handle.wait()).rejects.toBeInstanceOf(CommandExitError);
    await expect(again.wait()).rejects.toBeInstanceOf(CommandExitError);
    expect(await sandbox.commands.kill(handle.pid)).toBe(false);
  });

  test('is told that its command’s sandbox is gone', async () => {
    const sandbox = await Sandbox.create(options);
    const handle = await sandbox.commands.run('sleep 100', { background: true });
    const waiting = handle.wait().catch((error) => error);
    await Sandbox.kill(sandbox.sandboxId, options);
    expect((await waiting).message).toMatch(/killed|end of life/);
  });

  test('writes, reads, lists, describes, renames and removes files', async () => {
    const sandbox = await Sandbox.create(options);
    const { files } = sandbox;
    const written = await files.write('dir/a.txt', 'höllo');
    expect(written).toMatchObject({ name: 'a.txt', path: '/home/user/dir/a.txt', type: 'file' });
    expect(await files.read('/home/user/dir/a.txt')).toBe('höllo');
    const bytes = await files.read('dir/a.txt', { format: 'bytes' });
    expect(Buffer.from(bytes).toString()).toBe('höllo');
    await files.write([
      { path: '1.txt', data: 'one' },
      { path: '/home/user/sub/2.txt', data: 'two' },
    ]);
    expect(await files.read('sub/2.txt')).toBe('two');
    const names = (await files.list('/home/user')).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['1.txt', 'dir', 'sub']));
    expect(await files.getInfo('dir/a.txt')).toMatchObject({
      size: 6,
      type: 'file',
      owner: 'user',
    });
    expect(await files.exists('dir/a.txt')).toBe(true);
    expect(await files.exists('nope')).toBe(false);
    expect(await files.makeDir('made/deep')).toBe(true);
    expect(await files.makeDir('made/deep')).toBe(false);
    expect(await files.rename('dir/a.txt', 'made/b.txt')).toMatchObject({
      path: '/home/user/made/b.txt',
    });
    await files.remove('made');
    expect(await files.exists('made/b.txt')).toBe(false);
    await expect(files.read('made/b.txt')).rejects.toThrow('does not exist');
  });

  test('commands and the file API see the same home', async () => {
    const sandbox = await Sandbox.create(options);
    await sandbox.files.write('in.txt', 'from outside');
    expect((await sandbox.commands.run('cat in.txt')).stdout).toBe('from outside');
    await sandbox.commands.run('echo from inside > out.txt');
    expect(await sandbox.files.read('out.txt')).toBe('from inside\n');
    expect((await sandbox.commands.run('pwd', { cwd: '/home/user' })).stdout).toContain('home');
  });

  test('reads and writes by signed URLs, without any header', async () => {
    const sandbox = await Sandbox.create(options);
    const form = new FormData();
    form.append('file', new Blob(['signed']), 'ignored.txt');
    const up = await sandbox.uploadUrl('s.txt', { useSignatureExpiration: 60 });
    expect((await fetch(up, { method: 'POST', body: form })).status).toBe(200);
    const down = await sandbox.downloadUrl('s.txt', { useSignatureExpiration: 60 });
    expect(await (await fetch(down)).text()).toBe('signed');
  });

  test('lists by metadata that needs encoding, page by page', async () => {
    const metadata = { 'app name': 'a&b=c +%', user: 'é' };
    for (let i = 0; i < 3; i += 1) await Sandbox.create('base', { ...options, metadata });
    await Sandbox.create(options);
    const pages = Sandbox.list({ ...options, limit: 2, query: { metadata, state: ['running'] } });
    const first = await pages.nextItems();
    expect([first.length, pages.hasNext]).toEqual([2, true]);
    const second = await pages.nextItems();
    expect([second.length, pages.hasNext]).toEqual([1, false]);
    expect(second[0]).toMatchObject({ metadata, state: 'running', cpuCount: 2 });
    const ids = [...first, ...second].map(({ sandboxId }) => sandboxId);
    expect(new Set(ids).size).toBe(3);
  });

  test('asks for information, moves the end, and connects', async () => {
    const sandbox = await Sandbox.create({ ...options, timeoutMs: 60_000 });
    const info = await sandbox.getInfo();
    expect(info).toMatchObject({ sandboxId: sandbox.sandboxId, state: 'running' });
    expect(info.endAt - info.startedAt).toBe(60_000);
    await sandbox.setTimeout(600_000);
    const later = await sandbox.getInfo();
    expect(later.endAt - info.endAt).toBeGreaterThan(500_000);
    const connected = await Sandbox.connect(sandbox.sandboxId, options);
    expect((await connected.commands.run('echo same')).stdout).toBe('same\n');
    expect((await sandbox.getInfo()).endAt).toEqual(later.endAt);
  });

  test('is told of unknown templates and sandboxes', async () => {
    await expect(Sandbox.create('no-such-template', options)).rejects.toThrow(
      "template 'no-such-template' not found",
    );
    await expect(Sandbox.connect('iaaaaaaaaaaaaaaaaaaaa', options)).rejects.toMatchObject({
      name: expect.stringMatching(/NotFound/),
    });
    expect(await Sandbox.kill('iaaaaaaaaaaaaaaaaaaaa', options)).toBe(false);
  });

  test('is told of a wrong key and of the limit', async () => {
    const wrong = { ...options, apiKey: `e2b_${'1'.repeat(40)}` };
    await expect(Sandbox.create(wrong)).rejects.toMatchObject({ name: 'AuthenticationError' });
    far.backend.faults.add({ op: 'create', n: 1, action: { status: 429 } });
    await expect(Sandbox.create(options)).rejects.toMatchObject({ name: 'RateLimitError' });
  });

  test(`works with ${ALL_AT_ONCE} sandboxes at once`, async () => {
    const sandboxes = await Promise.all(
      Array.from({ length: ALL_AT_ONCE }, () => Sandbox.create(options)),
    );
    const results = await Promise.all(
      sandboxes.map((sandbox, i) => sandbox.commands.run(`echo ${i}`)),
    );
    expect(results.map(({ stdout }) => stdout)).toEqual(results.map((_, i) => `${i}\n`));
    await Promise.all(sandboxes.map((sandbox) => sandbox.kill()));
    expect(far.backend.sandboxes()).toEqual([]);
  });

  return { far, options: () => options };
}

module.exports = { describeOfficialClient };
