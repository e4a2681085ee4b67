// A running command of the official SDK, and how it ended, in the words of the scenarios.
'use strict';

const SIGNALS = { 'signal: killed': 'SIGKILL', 'signal: terminated': 'SIGTERM' };

/** @returns {Promise<object>} also of a command that failed: its exit is a result */
async function outcomeOf(promise) {
  const end = await promise.catch((error) => {
    if (error?.name === 'CommandExitError') return error;
    throw error;
  });
  const signal = SIGNALS[end.error] ?? null;
  return {
    exitCode: signal ? null : end.exitCode,
    signal,
    stdout: end.stdout,
    stderr: end.stderr,
  };
}

function officialHandle(handle) {
  return {
    pid: handle.pid,
    stdout: () => handle.stdout,
    wait: () => outcomeOf(handle.wait()),
    kill: () => handle.kill(),
    disconnect: () => handle.disconnect(),
  };
}

module.exports = { officialHandle, outcomeOf };
