// A backend with a state directory, in a process that a test kills.
'use strict';

const { startLocalBackend } = require('../../../lib/local');

async function main([stateDir]) {
  const { url, env } = await startLocalBackend({
    isolation: process.env.E2B_TEST_ISOLATION ?? 'auto',
    stateDir,
  });
  process.send({ url, env });
}

void main(process.argv.slice(2));
