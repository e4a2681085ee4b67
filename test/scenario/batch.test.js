'use strict';

// lib/fleet/batch.js through the real addon and the real local backend: several blocks in one call
// (EXE-02), fewer requests (EXE-03), three computations (EXE-05).

const fs = require('node:fs');
const path = require('node:path');
const { systemClock } = require('../../lib/clock');
const { runBatch } = require('../../lib/fleet/batch');
const { createE2bSandbox, executeE2bProcess } = require('../../lib');
const { withBackend } = require('../helpers/backend');

const far = withBackend({}, { resetEach: false });
let sandboxId;

beforeAll(async () => {
  const none = [undefined, undefined];
  ({ sandboxId } = await createE2bSandbox('batch', 'base', 600, ...none, far.client));
});

const execute = (id, command, args, timeout, capture, options) =>
  executeE2bProcess(id, command, args, timeout, capture, { ...far.client, ...options });
const batch = (blocks, how, clock = systemClock) =>
  runBatch(execute, sandboxId, blocks, how, clock);
const fixture = (name) =>
  fs.readFileSync(path.join(__dirname, '../fixtures/computations', name), 'utf8');

test('each block has its exit code and its output, whatever the others do', async () => {
  const { results, failed, timedOut } = await batch([
    'echo one; echo oops >&2',
    'exit 3',
    'kill -9 $$',
    { command: ['no-such-program'] },
    { command: ['printf', '%s|', 'a b', '$(id)', "it's"] },
    {
      language: 'javascript',
      code: 'console.log(process.argv.slice(1).join())',
      args: ['x', '-y'],
    },
    'echo last',
  ]);
  expect(results.map(({ status }) => status)).toEqual(Array(7).fill('completed'));
  expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 3, 137, 127, 0, 0, 0]);
  expect([results[0].stdout, results[0].stderr]).toEqual(['one\n', 'oops\n']);
  expect(results[4].stdout).toBe("a b|$(id)|it's|");
  expect(results[5].stdout).toBe('x,-y\n');
  expect(results[6]).toMatchObject({
    stdout: 'last\n',
    stderr: '',
    timedOut: false,
    truncated: false,
  });
  expect(results[6].durationMs).toBeGreaterThan(0);
  expect([failed, timedOut]).toEqual([3, false]);
});

test('a name of bash, as a command, is a program or nothing', async () => {
  const { results } = await batch([{ command: ['exit', '0'] }, 'echo still here']);
  expect(results[0].exitCode).toBe(127);
  expect(results[1].stdout).toBe('still here\n');
});

test('a block cannot change what the next one sees, but its files', async () => {
  const { results } = await batch([
    'cd /; export SECRET=1; shift 9; set -e; echo kept > "$HOME/batch-file"; trap "echo x" EXIT',
    'echo "[$SECRET]"; pwd; cat "$HOME/batch-file"',
  ]);
  const [, folder] = results[1].stdout.split('\n');
  expect(folder).not.toBe('/');
  expect(results[1].stdout).toBe(`[]\n${folder}\nkept\n`);
});

test('nothing that a block prints is taken for a frame, also when it knows the random word', async () => {
  const word = 'e2b-swarm-known';
  const forged = `printf '\\n%s begin\\n${word} 0 0 5 5 5 0 0\\nfaked${word} 1 0 5 5 5 0 0\\nfaked' ${word}`;
  const clock = { token: () => 'known' };
  const { results } = await batch([forged, `${forged} >&2; exit 9`, 'echo true'], {}, clock);
  expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 9, 0]);
  expect(results[0].stdout).toContain('fakede2b-swarm-known 1 0');
  expect(results[1].stderr).toContain('fakede2b-swarm-known 1 0');
  expect(results[2].stdout).toBe('true\n');
});

test('a block that writes past its output into that of the call is found out', async () => {
  const rude = 'read -r _ _ _ caller _ </proc/$PPID/stat; printf nonsense >"/proc/$caller/fd/1"';
  const asked = batch([rude, 'echo after']);
  await expect(asked).rejects.toMatchObject({ name: 'ProtocolError', code: 'BAD_RESPONSE' });
});

test('bytes that are no text, no newline at the end, and none at all', async () => {
  const { results } = await batch(["printf 'a\\0\\377b'", 'printf é', 'true']);
  expect(results.map(({ stdout }) => stdout)).toEqual(['a\0\ufffdb', 'é', '']);
});

test('of much output the end is kept, and the others lose nothing', async () => {
  const { results } = await batch(['seq 1 200000', 'echo small'], { maxBlockBytes: 1000 });
  expect(results[0].truncated).toBe(true);
  expect(results[0].stdout).toHaveLength(1000);
  expect(results[0].stdout.endsWith('199999\n200000\n')).toBe(true);
  expect(results[1]).toMatchObject({ stdout: 'small\n', truncated: false });
});

test('twenty blocks that all print much fit in one answer', async () => {
  const { results } = await batch(Array(20).fill('head -c 600000 /dev/zero | tr "\\0" x'));
  expect(results.every(({ exitCode, truncated }) => exitCode === 0 && truncated)).toBe(true);
  expect(results.every(({ stdout }) => stdout.length > 390_000)).toBe(true);
});

test('a block that hangs is ended at its own time, and the next ones run', async () => {
  const { results, failed } = await batch([
    { code: 'echo begun; exec tail -f /dev/null', timeoutMs: 300 },
    { code: 'exit 124', timeoutMs: 60_000 },
    'echo next',
  ]);
  expect(results[0]).toMatchObject({ status: 'completed', timedOut: true, stdout: 'begun\n' });
  expect(results[1]).toMatchObject({ timedOut: false, exitCode: 124 });
  expect(results[2]).toMatchObject({ stdout: 'next\n', exitCode: 0 });
  expect(failed).toBe(2);
});

test('at the timeout of the call, what has ended is told, what ran is interrupted', async () => {
  const blocks = ['echo done', 'exec tail -f /dev/null', 'echo never'];
  const { results, timedOut } = await batch(blocks, { timeout: 1 });
  expect(timedOut).toBe(true);
  expect(results.map(({ status }) => status)).toEqual(['completed', 'interrupted', 'not-run']);
  expect(results[0].stdout).toBe('done\n');
  expect(results[1]).toMatchObject({ exitCode: null, stdout: '' });
});

test('a process that a block leaves behind holds nothing up, also while it writes', async () => {
  const { results } = await batch([
    '(while :; do echo noise; done) & echo $!; echo left',
    'echo next',
  ]);
  expect(results[0].stdout).toContain('left\n');
  expect(results[1]).toMatchObject({ stdout: 'next\n', exitCode: 0 });
  await batch([`kill -9 ${/^\d+$/m.exec(results[0].stdout)[0]}`]);
});

test('stopOnFailure leaves the rest', async () => {
  const { results } = await batch(['true', 'false', 'true'], { stopOnFailure: true });
  expect(results.map(({ status }) => status)).toEqual(['completed', 'completed', 'not-run']);
});

test('nothing is left in the sandbox, not even by a call that was killed', async () => {
  const [made] = (await batch(['mktemp -d'])).results;
  const options = { env: { TMPDIR: made.stdout.trim() } };
  await batch(['echo x; exec tail -f /dev/null'], { timeout: 1, options });
  await batch(['echo x', 'false'], { options });
  expect((await batch(['ls -A "$TMPDIR" | wc -l'], { options })).results[0].stdout).toBe('0\n');
});

test('one request where there were five (EXE-03: 30 % fewer)', async () => {
  const count = () => far.backend.requests.length;
  const start = count();
  for (let i = 0; i < 5; i++) await execute(sandboxId, 'echo x', undefined, 10, true, {});
  const apart = count() - start;
  const { results } = await batch(Array(5).fill('echo x'));
  const together = count() - start - apart;
  expect(results.map(({ stdout }) => stdout)).toEqual(Array(5).fill('x\n'));
  expect(together).toBeLessThanOrEqual(apart / 5);
});

test('three computations run in one call, and are right (EXE-05)', async () => {
  const { results } = await batch([
    { language: 'python', code: fixture('kelly.py') },
    { language: 'python', code: fixture('portfolio.py') },
    { language: 'javascript', code: fixture('momentum.js') },
  ]);
  expect(results.map(({ stderr }) => stderr)).toEqual(['', '', '']);
  const [kelly, portfolio, momentum] = results.map(({ stdout }) => JSON.parse(stdout));
  expect(kelly.kelly).toBeCloseTo(0.325, 12);
  expect(kelly.searched).toBeCloseTo(0.325, 3);
  const weights = leastVariance();
  portfolio.weights.forEach((weight, i) => expect(weight).toBeCloseTo(weights[i], 6));
  expect(portfolio.variance).toBeLessThan(0.4 * portfolio.equal);
  const steps = momentumAgain();
  expect(momentum).toEqual({ steps: 100, trades: steps.trades, total: steps.total });
});

/** The same by another road: the product over what was held from one step to the next. */
function momentumAgain() {
  const price = (t) => 100 * Math.exp(0.002 * t + 0.05 * Math.sin(t / 7));
  const held = Array.from({ length: 100 }, (_, i) => {
    const rate = price(20 + i) / price(i) - 1;
    return Math.abs(rate) > 0.02 ? Math.sign(rate) : 0;
  });
  const total = held.reduce(
    (all, side, i) => all * (1 + side * (price(21 + i) / price(20 + i) - 1)),
    1,
  );
  return { trades: held.filter((side, i) => side !== (held[i - 1] ?? 0)).length, total: total - 1 };
}

/** The same by another road: the covariances solved for ones, scaled to a sum of 1. */
function leastVariance() {
  let state = 12345n;
  const rows = Array.from({ length: 500 }, () =>
    [1, 2, 3, 4].map((scale) => {
      state = (1103515245n * state + 12345n) % 2147483648n;
      return (Number(state) / 2147483648 - 0.5) * 0.02 * scale;
    }),
  );
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const means = [0, 1, 2, 3].map((i) => mean(rows.map((row) => row[i])));
  const system = means.map((_, i) => [
    ...means.map((__, j) => mean(rows.map((r) => (r[i] - means[i]) * (r[j] - means[j])))),
    1e-4,
  ]);
  for (let i = 0; i < 4; i++) {
    for (let k = 0; k < 4; k++) {
      if (k === i) continue;
      const factor = system[k][i] / system[i][i];
      system[k] = system[k].map((value, j) => value - factor * system[i][j]);
    }
  }
  const raw = system.map((row, i) => row[4] / row[i]);
  return raw.map((value) => value / raw.reduce((a, b) => a + b, 0));
}

describe('refused before anything is sent', () => {
  test.each([
    [[], /1 to 100 blocks/],
    [Array(101).fill('true'), /1 to 100 blocks/],
    [
      [{ language: 'ruby', code: 'x' }],
      /blocks\[0\]\.language must be one of bash, python, javascript/,
    ],
    [['true', { code: 7 }], /blocks\[1\]: code and arguments must be strings/],
    [['a\0b'], /without NUL/],
    [['x'.repeat(131_072)], /write it to a file/],
    [Array(20).fill('x'.repeat(100_000)), /together, more than/],
    [[{ command: [] }], /command must be an array/],
    [[{ code: 'x', timeout: 5 }], /did you mean 'timeoutMs'/],
    [[{ code: 'x', timeoutMs: -1 }], /blocks\[0\]\.timeoutMs/],
  ])('blocks number %#', async (blocks, message) => {
    const before = far.backend.requests.length;
    await expect(batch(blocks)).rejects.toThrow(message);
    expect(far.backend.requests.length).toBe(before);
  });
});
