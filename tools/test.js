'use strict';

// Runs stages one after another, all of them whatever happens, and ends with one line on stdout that
// counts every test: `N passed, N failed, N skipped`. The exit status says whether any failed.

const { addCounts, closingLine } = require('./counts');
const { SetupError, setUp } = require('./setup');
const { say } = require('./setup/run-step');
const { STAGES } = require('./stages');

const LINT = ['checksrc', 'eslint', 'clang-format', 'prettier'];
const EVERYTHING = [
  ...LINT,
  'c',
  'c-asan',
  'fuzz-corpus',
  'addon-asan',
  'lifecycle-asan',
  'jest',
  'types',
];

/** What CI runs besides: the same promises for longer. */
const LONGER = ['simulate', 'soak'];

async function runStage(name, args) {
  try {
    setUp(STAGES[name].goal);
    return await STAGES[name].run(args);
  } catch (error) {
    if (error instanceof SetupError) say(error.message);
    else console.error(error);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/**
 * @param {string[]} names of stages
 * @param {string[]} args passed on to the tool of each
 * @returns {Promise<number>} the exit status
 */
async function runStages(names, args = []) {
  const done = [];
  for (const name of names) {
    console.log(`\n== ${name}`);
    const started = Date.now();
    const counts = await runStage(name, args);
    done.push({ name, counts, seconds: (Date.now() - started) / 1000 });
  }
  console.log('');
  for (const { name, counts, seconds } of done) {
    console.log(`${name.padEnd(15)} ${seconds.toFixed(1).padStart(6)} s  ${closingLine(counts)}`);
  }
  const sum = addCounts(...done.map(({ counts }) => counts));
  process.once('exit', () => process.stdout.write(`${closingLine(sum)}\n`));
  return sum.failed > 0 ? 1 : 0;
}

module.exports = { EVERYTHING, LINT, LONGER, runStages };
