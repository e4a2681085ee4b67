'use strict';

// Gives a measuring process a local backend, and the operations of one client on it. Ends the backend
// when the measurement is done; if this process is killed, its pipe tells it.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');

const { openSandboxes } = require('../clients/sandboxes');
const { finish } = require('./finish');

const START_TIMEOUT_MS = 20_000;
const BACKEND = path.join(__dirname, 'local-backend.js');

/** @param {(client: object, plan: object, backendPid: number) => Promise<object>} measure */
function withLocalBackend(measure) {
  finish(async (plan) => {
    const stdio = ['pipe', 'pipe', 'inherit'];
    const backend = spawn(process.execPath, [BACKEND, plan.rung], { stdio });
    const ended = once(backend, 'close');
    try {
      const [line] = await Promise.race([
        once(backend.stdout, 'data', { signal: AbortSignal.timeout(START_TIMEOUT_MS) }),
        ended.then(() => Promise.reject(new Error('the backend ended'))),
      ]);
      const { env, rung } = JSON.parse(line);
      Object.assign(process.env, env);
      return { ...(await measure(await openSandboxes(plan.client), plan, backend.pid)), rung };
    } finally {
      backend.stdin.end();
      await ended;
    }
  });
}

module.exports = { withLocalBackend };
