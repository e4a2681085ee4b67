// The guard of several backends in one process: each gets its turn.
'use strict';

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const GUARD = path.join(__dirname, '../../../lib/local/exit-guard');

const program = (end) => `
  const { guardExit } = require(${JSON.stringify(GUARD)});
  guardExit(() => { throw new Error('disk on fire'); });
  guardExit(({ final }) => console.log('second', final));
  ${end}`;

test.each([
  ['at exit', 'process.exit(3)', { status: 3, signal: null }],
  [
    'on a signal',
    "process.kill(process.pid, 'SIGTERM'); setInterval(() => {}, 1000)",
    { status: null, signal: 'SIGTERM' },
  ],
])('%s one that fails does not keep the next from cleaning up', (_, end, expected) => {
  const ended = spawnSync(process.execPath, ['-e', program(end)], { encoding: 'utf8' });
  expect(ended).toMatchObject({ ...expected, stdout: 'second true\n' });
  expect(ended.stderr).toContain('disk on fire');
});
