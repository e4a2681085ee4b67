'use strict';

// How jest runs under valgrind: a process for each test file, so that one which crashes takes no other
// with it, and the processes that a test starts to load the addon run under it as well. Everything is
// twenty times slower there, so what counts is what valgrind says, not who was late: what only finds
// that something hangs is patient (test/helpers/pace.js). Must not build anything.

const fs = require('node:fs');
const path = require('node:path');

const { ROOT } = require('./setup/run-step');

const SLOWNESS = 20;
const TEST_TIMEOUT_MS = 300_000;

// V8 writes its code as it goes, and keeps pointers where valgrind does not look for them: leaks are
// LeakSanitizer's to find.
const OPTIONS = [
  '--smc-check=all-non-file',
  '--fair-sched=try',
  '--leak-check=no',
  `--suppressions=${path.join(__dirname, 'valgrind.supp')}`,
];
const LEFT_OUT = ['test/native/leak.test.js']; // weighs a process, most of which would be valgrind
// The top of a stack; or a crash, of which a file in the middle says nothing by itself.
const FINDING =
  /^==\d+==(\s+at 0x| Process terminating with default action of signal (4|6|7|8|11) )/m;

/** @returns {string[]} the test files of a folder that run under valgrind */
function filesUnderValgrind(folder) {
  return fs
    .readdirSync(path.join(ROOT, folder))
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => `${folder}/${name}`)
    .filter((file) => !LEFT_OUT.includes(file))
    .sort();
}

/**
 * @param {string} valgrind the program's path
 * @param {string} folder empty; gets what valgrind says, a file for each process, and the node of the
 *   processes that tests start
 * @returns {{ command: string[], args: string[], env: object, findings: () => string[] }} for jest;
 *   `findings`: what valgrind has said of each process of which it found errors
 */
function underValgrind(valgrind, folder) {
  const command = [valgrind, ...OPTIONS, `--log-file=${folder}/%p.log`, process.execPath];
  const node = path.join(folder, 'node');
  const words = command.map((word) => `'${word}'`).join(' ');
  fs.writeFileSync(node, `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
  const logs = () => fs.readdirSync(folder).filter((name) => name.endsWith('.log'));
  return {
    command,
    args: ['-i', `--testTimeout=${TEST_TIMEOUT_MS}`],
    env: { E2B_TEST_NODE: node, E2B_TEST_SLOWNESS: String(SLOWNESS) },
    findings: () =>
      logs()
        .map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))
        .filter((text) => FINDING.test(text)),
  };
}

module.exports = { filesUnderValgrind, underValgrind };
