'use strict';

// The stages of a test run: what each runs, and how its outcome becomes counts. A stage that cannot
// run is a failure, or a skip that is counted and said; it is never silent. Stages share the working
// tree with other runs, so those that build with make take a lock.

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { addCounts, lastCounts } = require('./counts');
const addon = require('./setup/addon');
const { takeLock } = require('./setup/lock');
const { which } = require('./setup/node-tools');
const { ROOT } = require('./setup/run-step');
const { filesUnderValgrind, underValgrind } = require('./valgrind');

const STAGE_TIMEOUT_MS = 600_000; // valgrind, the C tests
const LONGER_TIMEOUT_MS = 2_400_000;
const VALGRIND_FILE_TIMEOUT_MS = 1_800_000;
const PASSED = { passed: 1, failed: 0, skipped: 0 };
const FAILED = { passed: 0, failed: 1, skipped: 0 };
const SKIPPED = { passed: 0, failed: 0, skipped: 1 };

// Formats differ between versions, so only this one may judge.
const CLANG_FORMAT_MAJOR = 14;
const C_FOLDERS = ['csrc', 'test/bench', 'test/c', 'test/fuzz'];

const JEST = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
];

const LEAK_TEST = 'test/native/leak.test.js';
// What a sanitizer would see nothing new in. leak: it keeps what was freed, so resident memory says
// nothing. The others vary what the far end, the names or the proxies say, which is the core's to
// understand and is tried under ASan by the stage c-asan, or what JavaScript makes of the same calls;
// on their way through csrc/napi they take the road of execute, files and hostile.
const NOT_UNDER_ASAN = [
  'leak',
  'agents',
  'faults',
  'lookups',
  'roads',
  'sandboxes',
  'secrets',
  'stacks',
];
const NO_NEWS_FOR_ASAN = `--testPathIgnorePatterns=test/native/(${NOT_UNDER_ASAN.join('|')})\\.test`;

/**
 * Runs a command in the project's folder, its output passed on. With `capture` its stdout is also
 * returned.
 *
 * @returns {Promise<{ ok: boolean, stdout: string }>}
 */
function run(
  file,
  args,
  { env = process.env, capture = false, timeoutMs = STAGE_TIMEOUT_MS } = {},
) {
  return new Promise((resolve) => {
    const stdio = ['ignore', capture ? 'pipe' : 'inherit', 'inherit'];
    const child = spawn(file, args, { cwd: ROOT, env, stdio });
    const chunks = [];
    child.stdout?.on('data', (chunk) => {
      chunks.push(chunk);
      process.stdout.write(chunk);
    });
    const timer = setTimeout(() => {
      console.error(`${file}: not done after ${timeoutMs / 1000} s, ended`);
      child.kill('SIGKILL');
    }, timeoutMs);
    child.once('error', (error) => console.error(`${file}: ${error.message}`));
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ ok: status === 0, stdout: Buffer.concat(chunks).toString() });
    });
  });
}

async function node(args, options) {
  return run(process.execPath, args, options);
}

async function check(args, options) {
  const { ok } = await node(args, options);
  return ok ? PASSED : FAILED;
}

// A run that fails without a failed test (it crashed, it leaked, it did not end) counts as one.
function settle(counts, ok) {
  if (counts === null || counts.passed + counts.failed + counts.skipped === 0) return FAILED;
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

async function makeInC(args) {
  const release = takeLock('c-tests');
  try {
    const { ok, stdout } = await run('make', ['--no-print-directory', '-C', 'test/c', ...args], {
      capture: true,
    });
    return settle(lastCounts(stdout), ok);
  } finally {
    release();
  }
}

/**
 * One test file. Each process of which valgrind found errors is a failure; a test that was late is
 * none, and counts as skipped: it has not shown all that it could. One that crashed is a failure.
 */
async function valgrindFile(valgrind, file, args) {
  const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-valgrind-'));
  try {
    const { command, args: first, env, findings } = underValgrind(valgrind, scratch);
    const { passed, failed, skipped } = await jest([...first, file, ...args], {
      command,
      env,
      timeoutMs: VALGRIND_FILE_TIMEOUT_MS,
    });
    const found = findings();
    for (const text of found) console.log(text);
    if (passed + skipped === 0 && failed > 0) return { passed, failed, skipped };
    return { passed, failed: found.length, skipped: skipped + failed };
  } finally {
    fs.rmSync(scratch, { recursive: true });
  }
}

/** The test files of a folder, one after the other, whatever becomes of each. */
async function valgrindJest(folder, args) {
  const valgrind = which('valgrind');
  if (valgrind === null) {
    console.log('skipped, valgrind is not installed');
    return SKIPPED;
  }
  const counts = [];
  for (const file of filesUnderValgrind(folder)) {
    const started = Date.now();
    counts.push(await valgrindFile(valgrind, file, args));
    console.log(`${file}: ${((Date.now() - started) / 1000).toFixed(0)} s under valgrind`);
  }
  return addCounts(...counts);
}

async function jest(args, { env = {}, command = [process.execPath], timeoutMs } = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-counts-'));
  const file = path.join(folder, 'counts');
  try {
    const [program, ...first] = command;
    const { ok } = await run(program, [...first, ...JEST, ...args], {
      env: { ...process.env, ...env, E2B_SWARM_COUNTS: file },
      timeoutMs,
    });
    const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : 'null';
    return settle(JSON.parse(text), ok);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

function sanitizerEnv({ leaks = true } = {}) {
  const { stdout } = spawnSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  return {
    E2B_SWARM_ADDON: addon.addonFile('Asan'),
    LD_PRELOAD: stdout.trim(),
    ASAN_OPTIONS: `detect_leaks=${leaks ? 1 : 0}:detect_stack_use_after_return=1`,
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
    LSAN_OPTIONS: `suppressions=${path.join(__dirname, 'lsan.supp')}:print_suppressions=0`,
  };
}

/** clang-format of the version that the house uses, or null. */
function clangFormat() {
  for (const name of [`clang-format-${CLANG_FORMAT_MAJOR}`, 'clang-format']) {
    const file = which(name);
    const version = file && spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout;
    if (version && +/version (\d+)/.exec(version)?.[1] === CLANG_FORMAT_MAJOR) return file;
  }
  return null;
}

function cFiles() {
  return C_FOLDERS.filter((folder) => fs.existsSync(path.join(ROOT, folder))).flatMap((folder) =>
    fs
      .readdirSync(path.join(ROOT, folder), { recursive: true })
      .filter((name) => /\.[ch]$/.test(name))
      .map((name) => path.join(folder, name)),
  );
}

async function clangFormatCheck() {
  const tool = clangFormat();
  if (tool === null) {
    console.log(`clang-format: skipped, version ${CLANG_FORMAT_MAJOR} is not installed`);
    return SKIPPED;
  }
  const { ok } = await run(tool, ['--dry-run', '-Werror', ...cFiles()]);
  return ok ? PASSED : FAILED;
}

/**
 * name -> { goal, run }: the set-up that the stage needs (tools/setup.js), and what it does. `run`
 * takes extra arguments for its tool and resolves to counts.
 */
const STAGES = {
  checksrc: { goal: 'lint', run: () => check(['tools/checksrc.js']) },
  eslint: { goal: 'lint', run: () => check(['node_modules/eslint/bin/eslint.js', '.']) },
  'clang-format': { goal: 'lint', run: clangFormatCheck },
  prettier: {
    goal: 'lint',
    run: () =>
      check(['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.']),
  },
  c: { goal: 'c', run: () => makeInC(['test']) },
  'c-asan': { goal: 'c', run: () => makeInC(['test', 'SAN=asan']) },
  'c-tsan': { goal: 'c', run: () => makeInC(['test', 'SAN=tsan']) },
  'c-valgrind': { goal: 'c', run: () => makeInC(['test', 'VALGRIND=1']) },
  'fuzz-corpus': { goal: 'c', run: () => makeInC(['fuzz-replay']) },
  // In one process: a leak that a jest worker reports at its end would not reach the exit status.
  'addon-asan': {
    goal: 'asan',
    run: (args) => jest(['-i', 'test/native', NO_NEWS_FOR_ASAN, ...args], { env: sanitizerEnv() }),
  },
  // Processes and workers that are ended in the middle: Node leaves V8's own heap behind then, among
  // which no leak of ours could be told. What is used after it was freed is found all the same.
  'lifecycle-asan': {
    goal: 'asan',
    run: (args) => jest(['test/lifecycle', ...args], { env: sanitizerEnv({ leaks: false }) }),
  },
  'addon-valgrind': { goal: 'test', run: (args) => valgrindJest('test/native', args) },
  'lifecycle-valgrind': { goal: 'test', run: (args) => valgrindJest('test/lifecycle', args) },
  jest: { goal: 'test', run: (args) => jest(args) },
  compat: { goal: 'test', run: (args) => jest(['test/compat', ...args]) },
  // As in every run of the tests, with five times as many calls.
  leak: {
    goal: 'test',
    run: (args) => jest([LEAK_TEST, ...args], { env: { E2B_SWARM_LEAK_CALLS: '100000' } }),
  },
  // The longer part of CI: a million moments at which something goes wrong.
  simulate: {
    goal: 'lint',
    run: () => check(['test/simulation/index.js', '10000'], { timeoutMs: LONGER_TIMEOUT_MS }),
  },
  // Ten thousand take an hour beside everything else: `npm run soak -- 10000` is for a release.
  soak: {
    goal: 'test',
    run: () => check(['test/soak/index.js', '1000'], { timeoutMs: LONGER_TIMEOUT_MS }),
  },
  types: { goal: 'lint', run: () => check(['tools/check-types.js']) },
};

module.exports = { STAGES, cFiles, clangFormat, run, settle };
