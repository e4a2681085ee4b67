// A program with a local backend that it never closes; told over the channel how to end.
// Arguments: the state directory, and `listen` for a SIGTERM listener of its own.
'use strict';

const { ISOLATION } = require('../../../helpers/backend');
const { startLocalBackend } = require('../../../../lib/local');

const ENDS = {
  exit: () => process.exit(7),
  throw: () => {
    setImmediate(() => {
      throw new Error('uncaught on purpose');
    });
  },
};

async function main([stateDir, mode]) {
  const backend = await startLocalBackend({ isolation: ISOLATION, stateDir });
  if (mode === 'listen') process.on('SIGTERM', (signal) => process.send(signal));
  process.on('message', (how) => ENDS[how]());
  process.send({ url: backend.url, env: backend.env });
}

void main(process.argv.slice(2));
