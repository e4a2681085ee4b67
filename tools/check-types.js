'use strict';

// Checks the type definitions: tsd compiles test/types/*.test-d.ts against them. (That they match the
// runtime, name by name, is a jest test.) Exit status 0 when all is well.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');
const FOLDER = 'test/types';

const tests = fs
  .readdirSync(path.join(ROOT, FOLDER))
  .filter((name) => name.endsWith('.test-d.ts'))
  .flatMap((name) => ['--files', `${FOLDER}/${name}`]);
if (tests.length === 0) {
  console.error(`there is no *.test-d.ts in ${FOLDER}`);
  process.exit(1);
}
const tsd = path.join(ROOT, 'node_modules', 'tsd', 'dist', 'cli.js');
const { status } = spawnSync(process.execPath, [tsd, '--typings', 'index.d.ts', ...tests], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exit(status ?? 1);
