'use strict';

// Commands through the real addon in a real sandbox: what reaches the process, and what comes back.

const { AsyncLocalStorage } = require('node:async_hooks');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const {
  createE2bSandbox,
  executeE2bProcess,
  getE2bSandboxStatus,
  listE2bProcesses,
} = require('../../lib');
const { isAliveInside, waitFor, withBackend } = require('../helpers/backend');

const far = withBackend();
let sandboxId;
beforeEach(async () => {
  ({ sandboxId } = await createE2bSandbox('a', 'base', 600, undefined, undefined, far.client));
});

/** A line for the shell, or a program with arguments, with whatever options. */
const run = (command, args, options = {}, { timeout = 20, capture = true } = {}) =>
  executeE2bProcess(sandboxId, command, args, timeout, capture, { ...far.client, ...options });

// The address sanitizer keeps freed memory for a while, where it would count as ours.
const SMALL_QUARANTINE = 'quarantine_size_mb=1:thread_local_quarantine_size_kb=16';

const PRINT_ARGS = ['-e', 'console.log(JSON.stringify(process.argv.slice(1)))'];

describe('what reaches the process', () => {
  const HARD = [
    'a b',
    '"',
    "'",
    '$(echo no)',
    '`echo no`',
    '$HOME',
    'two\nlines',
    'tab\t',
    'back\\slash',
    'ünï © 漢字 🚀',
    '',
    '*',
    '-n',
    '; exit 9',
    '\u0001\u001f\u007f',
    '\u2028',
  ];

  test('arguments arrive as they are', async () => {
    const { stdout, args } = await run('node', [...PRINT_ARGS, '--', ...HARD]);
    expect(JSON.parse(stdout)).toEqual(HARD);
    expect(args.slice(-HARD.length)).toEqual(HARD);
  });

  test('a lone half of a surrogate pair arrives as the replacement character', async () => {
    const { stdout } = await run('node', [...PRINT_ARGS, '--', 'a\ud800b']);
    expect(JSON.parse(stdout)).toEqual(['a\ufffdb']);
  });

  test('a line goes through the shell', async () => {
    expect(await run('echo "$((1 + 2)) $0"')).toMatchObject({
      sandboxId,
      command: 'echo "$((1 + 2)) $0"',
      args: null,
      exitCode: 0,
      signal: null,
      stdout: '3 /bin/bash\n',
      stderr: '',
      truncated: false,
      timedOut: false,
    });
  });

  test('an empty list of arguments means: no shell', async () => {
    expect(await run('echo hi', [])).toMatchObject({ exitCode: 127, args: [] });
    const { exitCode, stdout } = await run('pwd', []);
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/\/home\/user\n$/)]);
  });

  test('a line of several lines is one script', async () => {
    const { stdout } = await run("cat <<'END'\nfirst $x\nsecond\nEND\necho third");
    expect(stdout).toBe('first $x\nsecond\nthird\n');
  });

  test('variables and the work directory arrive', async () => {
    const { stdout } = await run('echo "$A|$B"; pwd', undefined, {
      env: { A: 'x "y" $z', B: 'ü' },
      cwd: '/tmp',
    });
    expect(stdout).toBe('x "y" $z|ü\n/tmp\n');
  });

  test('a work directory that is not there is refused', async () => {
    await expect(run('pwd', undefined, { cwd: '/not/there' })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('/not/there'),
    });
  });

  test('another user is asked for', async () => {
    expect((await run('echo $USER', undefined, { user: 'root' })).stdout).toBe('root\n');
  });

  test('input is written and closed; without it there is none', async () => {
    expect((await run('cat', [], { stdin: 'tëxt' })).stdout).toBe('tëxt');
    expect((await run('wc', ['-c'], { stdin: Buffer.alloc(300_000, 7) })).stdout).toBe('300000\n');
    expect((await run('cat', [], { stdin: '' })).stdout).toBe('');
    expect((await run('cat', [])).stdout).toBe('');
  });
});

describe('what comes back', () => {
  test('both outputs apart, and the exit code', async () => {
    const result = await run('echo out; echo err >&2; exit 3');
    expect(result).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
    expect(result.pid).toBeGreaterThan(0);
    expect(result.durationMs).toBeGreaterThanOrEqual(0);
  });

  test('a command that does not exist ends with 127', async () => {
    const result = await run('no-such-command');
    expect(result.exitCode).toBe(127);
    expect(result.stderr).toContain('no-such-command');
  });

  test.each(['SIGKILL', 'SIGTERM'])(
    'a process that %s ended has a signal, and no code',
    async (signal) => {
      const line = `kill -${signal.slice(3)} $$`;
      expect(await run(line)).toMatchObject({ exitCode: null, signal, timedOut: false });
    },
  );

  test('without capturing there is no output, but the exit code', async () => {
    const result = await run('echo out; exit 4', undefined, {}, { capture: false });
    expect(result).toMatchObject({ exitCode: 4, stdout: '', stderr: '', truncated: false });
  });

  test('text that is cut between two pieces is whole', async () => {
    const text = '漢'.repeat(50_000);
    const { stdout } = await run(`node -e "process.stdout.write('漢'.repeat(50000))"`);
    expect(stdout).toBe(text);
  });

  test('bytes are bytes', async () => {
    const { stdout, stderr } = await run(String.raw`printf '\xff\x00\xfe'`, undefined, {
      encoding: 'buffer',
    });
    expect(stdout).toEqual(Buffer.from([0xff, 0, 0xfe]));
    expect(stderr).toEqual(Buffer.alloc(0));
  });

  test('bytes that are no text become the replacement character', async () => {
    expect((await run(String.raw`printf 'a\xffb'`)).stdout).toBe('a\ufffdb');
  });

  test('past maxOutputBytes the end is kept, and it says so', async () => {
    const result = await run('seq 1 10000; echo err >&2', undefined, { maxOutputBytes: 1_000 });
    expect(result.truncated).toBe(true);
    expect(result.stdout.length).toBeLessThanOrEqual(1_000);
    expect(result.stdout).toMatch(/9999\n10000\n$/);
    expect(result.stderr).toBe('err\n');
  });

  test('exactly maxOutputBytes are not truncated', async () => {
    const result = await run('printf 0123456789', undefined, { maxOutputBytes: 10 });
    expect(result).toMatchObject({ stdout: '0123456789', truncated: false });
  });

  test('rejectOnNonZero makes an error of it, with the result', async () => {
    const error = await run('echo out; echo why >&2; exit 3', undefined, {
      rejectOnNonZero: true,
    }).catch((e) => e);
    expect(error).toMatchObject({ name: 'ProcessExitError', code: 'NON_ZERO_EXIT', sandboxId });
    expect(error.message).toContain('exit code 3: why');
    expect(error.result).toMatchObject({ exitCode: 3, stdout: 'out\n' });
    expect(Object.keys(error)).not.toContain('result');
    expect(JSON.parse(JSON.stringify(error))).not.toHaveProperty('result');
    await expect(run('true', undefined, { rejectOnNonZero: true })).resolves.toMatchObject({
      exitCode: 0,
    });
  });

  test('what a command does is counted and remembered', async () => {
    await run('echo one');
    await run('echo two; echo three >&2', undefined, { onStdout: () => {} });
    const status = await getE2bSandboxStatus(sandboxId, far.client);
    expect(status).toMatchObject({ executionCount: 2 });
    expect([...status.logs].sort()).toEqual(['one', 'three', 'two']);
  });
});

describe('output on the way', () => {
  test('pieces arrive while it runs', async () => {
    const heard = [];
    const promise = run('echo first; read x; echo "then $x"', undefined, {
      stdin: true,
      background: true,
      onStdout: (text) => heard.push(text),
    });
    const handle = await promise;
    await waitFor(() => heard.join('') === 'first\n');
    await handle.sendInput('more\n');
    expect((await handle.done).stdout).toBe('first\nthen more\n');
    expect(heard.join('')).toBe('first\nthen more\n');
  });

  test('both outputs have their callback, and the result has them too', async () => {
    const heard = { out: '', err: '' };
    const result = await run('echo o; echo e >&2', undefined, {
      onStdout: (text) => {
        heard.out += text;
      },
      onStderr: (text) => {
        heard.err += text;
      },
    });
    expect(heard).toEqual({ out: 'o\n', err: 'e\n' });
    expect(result).toMatchObject({ stdout: 'o\n', stderr: 'e\n' });
  });

  test('characters are never cut between two pieces', async () => {
    const pieces = [];
    await run(`node -e "for (let i = 0; i < 3e4; i++) process.stdout.write('漢🚀')"`, undefined, {
      onStdout: (text) => pieces.push(text),
    });
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe('漢🚀'.repeat(30_000));
    expect(pieces.some((piece) => piece.includes('\ufffd'))).toBe(false);
  });

  test('a character whose rest comes later waits for it', async () => {
    const pieces = [];
    const command = String.raw`printf 'a\xe6'; read x; printf '\xbc'; read x; printf '\xa2b\xf0'`;
    const handle = await run(command, undefined, {
      stdin: true,
      background: true,
      onStdout: (text) => pieces.push(text),
    });
    await waitFor(() => pieces.length === 1);
    await handle.sendInput('\n');
    await handle.sendInput('\n');
    expect((await handle.done).stdout).toBe('a漢b\ufffd');
    expect(pieces.join('|')).toBe('a|漢b|\ufffd');
  });

  test('a callback that asks to wait gets one piece at a time, in order, and all of them', async () => {
    let busy = 0;
    let most = 0;
    const pieces = [];
    const result = await run('seq 1 200000', undefined, {
      onStdout: async (text) => {
        most = Math.max(most, ++busy);
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
        pieces.push(text);
        busy--;
      },
    });
    expect(most).toBe(1);
    expect(pieces.join('')).toBe(result.stdout);
    expect(result.stdout.length).toBe(1_288_895);
  });

  test('a reader that waits holds the process back', async () => {
    let letGo;
    const gate = new Promise((resolve) => {
      letGo = resolve;
    });
    let heard = 0;
    const handle = await run(
      'head -c 50000000 /dev/zero; touch done',
      undefined,
      {
        background: true,
        encoding: 'buffer',
        onStdout: (bytes) => {
          heard += bytes.length;
          return gate;
        },
      },
      { capture: false, timeout: 60 },
    );
    await waitFor(() => heard > 0);
    // Time enough for all of it, if nothing held it back.
    for (let i = 0; i < 20; i++) await run('sleep 0.05');
    expect(heard).toBeLessThan(5_000_000);
    expect((await run('ls done')).exitCode).not.toBe(0);
    letGo();
    await handle.done;
    expect(heard).toBe(50_000_000);
  }, 60_000);

  test('a callback that throws kills the process, and that is the error', async () => {
    const oops = new Error('of the callback');
    let pid = 0;
    const promise = run('echo $$; sleep 60', undefined, {
      onStdout: (text) => {
        pid = Number(text);
        throw oops;
      },
    });
    await expect(promise).rejects.toBe(oops);
    await waitFor(() => !isAliveInside(sandboxId, pid));
    // What killed it ends a moment later.
    await waitFor(async () => (await listE2bProcesses(sandboxId, far.client)).length === 0);
  });

  test('a callback whose promise rejects does the same', async () => {
    const oops = new Error('later');
    const promise = run('echo x; sleep 60', undefined, { onStdout: () => Promise.reject(oops) });
    await expect(promise).rejects.toBe(oops);
    await waitFor(async () => (await listE2bProcesses(sandboxId, far.client)).length === 0);
  });

  test('a callback sees the async context of who called', async () => {
    const storage = new AsyncLocalStorage();
    const seen = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        storage.run(name, async () => {
          const stores = [];
          await run('echo x', undefined, { onStdout: () => stores.push(storage.getStore()) });
          return [...stores, storage.getStore()];
        }),
      ),
    );
    expect(seen).toEqual([
      ['a', 'a'],
      ['b', 'b'],
      ['c', 'c'],
    ]);
  });

  test('100 MB of output leave the memory of the client bounded', async () => {
    const child = path.join(__dirname, 'children', 'big-output.js');
    const ASAN_OPTIONS = `${process.env.ASAN_OPTIONS ?? ''}:${SMALL_QUARANTINE}`;
    const env = { ...process.env, ...far.backend.env, ASAN_OPTIONS };
    const { stdout } = await promisify(execFile)(process.execPath, [child, sandboxId], { env });
    const { heard, kept, truncated, grownMb } = JSON.parse(stdout);
    expect(heard).toBe(100_000_000);
    expect(kept).toBe(1_000_000);
    expect(truncated).toBe(true);
    expect(grownMb).toBeLessThan(64);
  }, 60_000);
});

describe('the deadline', () => {
  test('the command and all that descends from it are killed', async () => {
    const line = 'sleep 61 & setsid sleep 62 & (sleep 63 & echo $!; wait) & echo $$ $!; sleep 64';
    const result = await run(line, undefined, {}, { timeout: 1 });
    expect(result).toMatchObject({ timedOut: true, exitCode: null, signal: 'SIGKILL' });
    expect(result.stdout).not.toBe('');
    const { stdout } = await run('ps -eo args | grep -c "^sleep 6[1-4]$"');
    expect(Number(stdout)).toBe(0);
  });

  test('a command that ends in time knows nothing of it', async () => {
    expect(await run('echo in time', undefined, {}, { timeout: 5 })).toMatchObject({
      timedOut: false,
      exitCode: 0,
    });
  });

  test('what is killed at its deadline leaves the daemon and other commands alone', async () => {
    const other = run('sleep 2; echo other');
    await run('sleep 60', undefined, {}, { timeout: 0.5 });
    expect((await other).stdout).toBe('other\n');
    expect((await run('echo alive')).stdout).toBe('alive\n');
  });

  test('E2B_TIMEOUT is the default, read at the call', async () => {
    const before = process.env.E2B_TIMEOUT;
    process.env.E2B_TIMEOUT = '0.5';
    try {
      const result = await executeE2bProcess(
        sandboxId,
        'sleep 60',
        null,
        undefined,
        true,
        far.client,
      );
      expect(result.timedOut).toBe(true);
    } finally {
      if (before === undefined) delete process.env.E2B_TIMEOUT;
      else process.env.E2B_TIMEOUT = before;
    }
  });
});
