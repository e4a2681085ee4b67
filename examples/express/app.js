'use strict';

// A small web service as a user would write it: it runs visitors' Python in a sandbox of its own each,
// and always ends the sandbox. Nothing in it knows where E2B is: the environment says so.

const express = require('express');
const { createE2bSandbox, executeE2bProcess, terminateE2bSandbox } = require('e2b-swarm');

const app = express();

app.post('/run', express.text({ limit: '64kb' }), async (request, response) => {
  const { sandboxId } = await createE2bSandbox('visitor', 'base', 60);
  try {
    const args = ['-c', request.body];
    const { exitCode, stdout, stderr } = await executeE2bProcess(sandboxId, 'python3', args, 10);
    response.json({ exitCode, stdout, stderr });
  } finally {
    await terminateE2bSandbox(sandboxId);
  }
});

app.use((error, request, response, next) => {
  if (response.headersSent) return next(error);
  const busy = error.code === 'CONCURRENCY_LIMIT' || error.code === 'RATE_LIMITED';
  response.status(busy ? 503 : 502).json({ code: error.code, retryable: error.retryable });
});

module.exports = app;
