'use strict';

// The one entry behind `npm run`: sets up what a task needs, then runs it, arguments passed on and the
// exit status handed back. Only the task itself may write to stdout.
//
//   node tools/run.js TASK [arguments]

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const { SetupError, setUp } = require('./setup');
const { nodeDir } = require('./setup/node-tools');
const { ROOT, say } = require('./setup/run-step');
const { cFiles, clangFormat } = require('./stages');
const { EVERYTHING, LINT, LONGER, runStages } = require('./test');

/** Runs a command in the foreground as if it were us: its output, its status, our signals. */
function become(file, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: ROOT, env, stdio: 'inherit' });
    // A terminal sends SIGINT to the child as well; from elsewhere it comes to us alone.
    const forward = (signal) => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
    child.once('error', reject);
    child.once('close', (status, signal) => {
      if (signal === null) {
        resolve(status);
        return;
      }
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  });
}

function program(file, goal) {
  return async (args) => {
    if (!fs.existsSync(path.join(ROOT, file))) throw new SetupError(`there is no ${file} here`);
    setUp(goal);
    return become(process.execPath, [file, ...args]);
  };
}

function stages(names) {
  return (args) => runStages(names, args);
}

async function fuzz([target = '', seconds = '30', ...rest]) {
  if (rest.length > 0 || !/^\d+$/.test(seconds)) {
    throw new SetupError('usage: npm run fuzz -- TARGET [SECONDS]');
  }
  setUp('c');
  return become('make', ['-C', 'test/c', 'fuzz', `TARGET=${target}`, `SECONDS=${seconds}`]);
}

async function format() {
  setUp('lint');
  const tool = clangFormat();
  if (tool) await become(tool, ['-i', ...cFiles()]);
  else say('clang-format is not there in the version of the house: C files left as they are');
  const eslint = await become(process.execPath, [
    'node_modules/eslint/bin/eslint.js',
    '--fix',
    '.',
  ]);
  const prettier = ['node_modules/prettier/bin/prettier.cjs', '--write', '--log-level=warn', '.'];
  return (await become(process.execPath, prettier)) || eslint;
}

async function packSmoke() {
  setUp('build');
  const env = { ...process.env, npm_config_nodedir: nodeDir() };
  return become(process.execPath, ['tools/pack-smoke.js'], env);
}

function build(goal) {
  return async () => {
    setUp(goal);
    return 0;
  };
}

const TASKS = {
  demo: program('examples/demo/index.js', 'demo'),
  bench: program('test/bench/index.js', 'test'),
  build: build('build'),
  'build:debug': build('build:debug'),
  test: stages([...EVERYTHING, ...(process.env.E2B_TEST_LONGER === '1' ? LONGER : [])]),
  'test:c': stages(['c']),
  'test:asan': stages(['c-asan', 'fuzz-corpus', 'addon-asan', 'lifecycle-asan']),
  'test:leak': stages(['leak', 'addon-valgrind', 'lifecycle-valgrind', 'c-valgrind']),
  'test:tsan': stages(['c-tsan']),
  'test:compat': stages(['compat']),
  lint: stages(LINT),
  format,
  fuzz,
  soak: program('test/soak/index.js', 'test'),
  simulate: program('test/simulation/index.js', 'lint'),
  'pack:smoke': packSmoke,
};

async function main([task, ...args]) {
  if (!Object.hasOwn(TASKS, task ?? '')) {
    say(`unknown task; one of: ${Object.keys(TASKS).join(', ')}`);
    return 2;
  }
  try {
    return await TASKS[task](args);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    return 1;
  }
}

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
