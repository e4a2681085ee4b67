'use strict';

// Running one command of the set-up: quietly, with a deadline, its output kept in .setup/NAME.log and
// shown only when it fails. Nothing of the set-up may write to stdout: that belongs to the program
// which is set up (`npm run demo -- --json`).

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const SETUP_FOLDER = path.join(ROOT, '.setup');
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const SHOWN_LINES = 40;

/** A reason to stop that the user can act on: shown as it is, without a stack. */
class SetupError extends Error {}

function say(text) {
  process.stderr.write(`set-up: ${text}\n`);
}

/**
 * Runs `file` with `args` and returns its stdout; throws SetupError with the end of the output when
 * it fails or passes its deadline.
 */
function runStep(name, file, args, { env = process.env, timeoutMs = 600_000, cwd = ROOT } = {}) {
  const result = spawnSync(file, args, {
    cwd,
    env,
    encoding: 'utf8',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_OUTPUT_BYTES,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}`;
  fs.mkdirSync(SETUP_FOLDER, { recursive: true });
  const log = path.join(SETUP_FOLDER, `${name}.log`);
  fs.writeFileSync(log, `${[file, ...args].join(' ')}\n${output}`);
  if (result.status === 0) return result.stdout;
  const reason =
    result.error?.message ?? `ended with ${result.signal ?? `status ${result.status}`}`;
  const end = output.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
  throw new SetupError(`${end}\n${name}: ${reason}; all of it is in ${path.relative(ROOT, log)}`);
}

module.exports = { ROOT, SETUP_FOLDER, SetupError, runStep, say };
