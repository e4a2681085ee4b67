// A backend with a state directory, in a process that a test kills.
'use strict';

const { startLocalBackend } = require('../../../lib/local');

async function main([stateDir]) {
  const { url, env } = await startLocalBackend({ isolation: 'none', stateDir });
  process.send({ url, env });
}

void main(process.argv.slice(2));
