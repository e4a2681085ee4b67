// The code interpreter of the local backend, by the official client, unmodified, and by ours.

import { Sandbox } from '@e2b/code-interpreter';
import {
  createE2bCodeContext,
  createE2bSandbox,
  listE2bCodeContexts,
  removeE2bCodeContext,
  restartE2bCodeContext,
  runE2bCode,
  snapshotE2bSandbox,
} from 'e2b-swarm';
import { startLocalBackend } from 'e2b-swarm/local';

/** After an error the official client leaves a timer of this length running. */
const brief = { requestTimeoutMs: 3_000 };
const isolation = process.env.E2B_TEST_ISOLATION || 'auto';
let backend;
let client;
let sandbox;

beforeAll(async () => {
  backend = await startLocalBackend({ isolation });
  Object.assign(process.env, backend.env);
  const { E2B_API_KEY: apiKey, E2B_API_URL: apiUrl, E2B_SANDBOX_URL: sandboxUrl } = backend.env;
  client = { apiKey, apiUrl, sandboxUrl };
});
afterAll(() => backend.close());
beforeEach(async () => {
  sandbox = await Sandbox.create();
});
afterEach(() => backend.reset());

describe('the official client', () => {
  test('variables stay from run to run; the last expression is the result', async () => {
    const first = await sandbox.runCode('x = 20\nprint("hé")\nx + 1');
    expect(first.text).toBe('21');
    expect(first.logs.stdout.join('')).toBe('hé\n');
    expect((await sandbox.runCode('x * 2')).text).toBe('40');
    expect((await sandbox.runCode('x = 1')).results).toEqual([]);
  });

  test('output and results are heard as they come', async () => {
    const heard = [];
    const code = 'import sys\nprint("a")\nprint("b", file=sys.stderr)\ndisplay("shown")\n1';
    await sandbox.runCode(code, {
      onStdout: ({ line }) => heard.push(['out', line.trim()]),
      onStderr: ({ line, error }) => heard.push(['err', line.trim(), error]),
      onResult: ({ text, isMainResult }) => heard.push(['result', text, isMainResult]),
    });
    const kept = heard.filter(([, text]) => text !== '');
    expect(kept).toEqual(
      expect.arrayContaining([
        ['out', 'a'],
        ['err', 'b', true],
        ['result', "'shown'", false],
        ['result', '1', true],
      ]),
    );
  });

  test('an error has its name, its value and where it was, and the context lives on', async () => {
    const { error } = await sandbox.runCode('y = 5\n1 / 0');
    expect(error).toMatchObject({ name: 'ZeroDivisionError', value: 'division by zero' });
    expect(error.traceback).toMatch(/line 2[^]*1 \/ 0/);
    expect((await sandbox.runCode('y')).text).toBe('5');
    expect((await sandbox.runCode('if:')).error.name).toBe('SyntaxError');
    expect((await sandbox.runCode('import sys; sys.exit(3)')).error.name).toBe('SystemExit');
  });

  test('rich forms of a value come beside its text', async () => {
    const code =
      'class Both:\n def _repr_html_(self): return "<b>b</b>"\n' +
      ' def _repr_png_(self): return b"\\x89PNG"\n def __repr__(self): return "both"\nBoth()';
    const { results } = await sandbox.runCode(code);
    expect(results[0]).toMatchObject({ text: 'both', html: '<b>b</b>', png: 'iVBORw==' });
  });

  test('contexts are apart, can begin anew, and end', async () => {
    const context = await sandbox.createCodeContext({ cwd: '/tmp' });
    await sandbox.runCode('z = 1', { context });
    expect((await sandbox.runCode('import os; os.getcwd()', { context })).text).toBe("'/tmp'");
    expect((await sandbox.runCode('z')).error.name).toBe('NameError');
    await sandbox.restartCodeContext(context);
    expect((await sandbox.runCode('z', { context })).error.name).toBe('NameError');
    expect((await sandbox.listCodeContexts()).map(({ id }) => id)).toContain(context.id);
    await sandbox.removeCodeContext(context);
    await expect(sandbox.runCode('1', { context, ...brief })).rejects.toThrow(/not found/);
  });

  test.each([
    ['javascript', 'const a = 2; console.log("hi"); a * 3', '6'],
    ['js', 'const b = await Promise.resolve(4)\nb + 1', '5'],
    ['python', 'async def f(): return 7\nawait f()', '7'],
  ])('%s: %s', async (language, code, text) => {
    expect((await sandbox.runCode(code, { language })).text).toBe(text);
  });

  test('bash keeps variables and folder, and tells the status of a failure', async () => {
    await sandbox.runCode('a=5; cd /tmp', { language: 'bash' });
    const { logs, error } = await sandbox.runCode('echo $a $PWD; false', { language: 'bash' });
    expect(logs.stdout.join('')).toBe('5 /tmp\n');
    expect(error).toMatchObject({ value: '1' });
  });

  test('variables of the sandbox and of the run are in the environment', async () => {
    const own = await Sandbox.create({ envs: { A: 'sandbox' } });
    const code = 'import os; (os.environ.get("A"), os.environ.get("B"))';
    const { text } = await own.runCode(code, { envs: { B: 'run' } });
    expect(text).toBe("('sandbox', 'run')");
    expect((await own.runCode(code)).text).toBe("('sandbox', None)");
  });

  test('a language that is not here is an error that says so', async () => {
    await expect(sandbox.runCode('1', { language: 'r', ...brief })).rejects.toThrow(/^500/);
    const options = { ...client, language: 'r' };
    await expect(runE2bCode(sandbox.sandboxId, '1', options)).rejects.toMatchObject({
      status: 500,
      message: expect.stringMatching(/there are python, javascript and bash/),
    });
  });

  test('leaving stops the code, and its variables stay', async () => {
    await sandbox.runCode('kept = 1');
    await expect(sandbox.runCode('while True: pass', { timeoutMs: 300 })).rejects.toThrow();
    expect((await sandbox.runCode('kept')).text).toBe('1');
  });

  test('code that writes broken frames of the interpreter breaks nothing', async () => {
    const code =
      'nonce = open("/proc/self/cmdline").read().split("\\0")[-2]\n' +
      'for text in ("{broken", "null", "5"): print("\\x1e" + nonce + text)\n1';
    expect((await sandbox.runCode(code)).text).toBe('1');
    expect((await sandbox.runCode('2')).text).toBe('2');
  });

  test('an interpreter that dies says so, and the next run has a fresh one', async () => {
    await sandbox.runCode('kept = 1');
    expect((await sandbox.runCode('import os; os._exit(1)')).error.name).toBe('KernelDied');
    expect((await sandbox.runCode('kept')).error.name).toBe('NameError');
  });

  test('what was made from a snapshot has an interpreter too; base has none', async () => {
    await sandbox.files.write('a.txt', 'of the snapshot');
    const { snapshotId } = await snapshotE2bSandbox(sandbox.sandboxId, undefined, client);
    const child = await Sandbox.create(snapshotId);
    expect((await child.runCode('open("a.txt").read()')).text).toBe("'of the snapshot'");
    const base = await Sandbox.create('base');
    await expect(base.runCode('1', brief)).rejects.toThrow(/port is not open/);
  });
});

describe('our client', () => {
  test('the same results, in the same sandbox', async () => {
    await sandbox.runCode('x = 41');
    const stdout = [];
    const onStdout = (text) => stdout.push(text);
    const code = 'print("hi")\nx + 1';
    expect(await runE2bCode(sandbox.sandboxId, code, { ...client, onStdout })).toMatchObject({
      ...{ sandboxId: sandbox.sandboxId, text: '42', stdout: 'hi\n', stderr: '', error: null },
      executionCount: 2,
      results: [{ text: '42', isMainResult: true }],
    });
    expect(stdout.join('')).toBe('hi\n');
  });

  test('contexts', async () => {
    const id = sandbox.sandboxId;
    const context = await createE2bCodeContext(id, { ...client, language: 'bash', cwd: '/tmp' });
    expect(context).toMatchObject({ language: 'bash', cwd: '/tmp' });
    expect(await listE2bCodeContexts(id, client)).toContainEqual(context);
    const run = () =>
      runE2bCode(id, 'echo $PWD; n=$((n + 1)); echo $n', { ...client, context: context.id });
    expect((await run()).stdout).toBe('/tmp\n1\n');
    await restartE2bCodeContext(id, context.id, client);
    expect((await run()).stdout).toBe('/tmp\n1\n');
    await removeE2bCodeContext(id, context.id, client);
    await expect(run()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a timeout ends the code with TIMEOUT, and a cut answer is no result', async () => {
    const id = sandbox.sandboxId;
    await expect(
      runE2bCode(id, 'while True: pass', { ...client, timeout: 0.3 }),
    ).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'interrupted' });
    backend.faults.add({ op: 'code', n: 1, action: { type: 'cut', afterEvents: 1, how: 'end' } });
    await expect(runE2bCode(id, '1', client)).rejects.toMatchObject({ outcome: 'interrupted' });
    expect((await runE2bCode(id, '1', client)).text).toBe('1');
  });

  test('bad input is refused before anything is sent', async () => {
    const before = backend.requests.length;
    const wrong = [
      [runE2bCode('a', 5, client), /code must be a string/],
      [runE2bCode('a', '1', { ...client, language: 'js', context: 'x' }), /exclude each other/],
      [runE2bCode('a', '1', { ...client, timeout: -1 }), /timeout must be/],
      [createE2bCodeContext('a/b', client), /sandboxId must be/],
    ];
    for (const [call, text] of wrong) {
      await expect(call).rejects.toMatchObject({
        outcome: 'not-sent',
        message: expect.stringMatching(text),
      });
    }
    expect(backend.requests).toHaveLength(before);
  });

  test('sandboxes without an interpreter refuse', async () => {
    const { sandboxId } = await createE2bSandbox('a', 'base', 60, undefined, undefined, client);
    await expect(runE2bCode(sandboxId, '1', client)).rejects.toMatchObject({ code: 'PORT_CLOSED' });
  });
});
