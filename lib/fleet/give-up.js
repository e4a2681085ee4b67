'use strict';

// What happens when a caller gives up on something that is being started, or runs, in a sandbox: he
// is answered at once, and what was started is ended behind him. The request itself is not cut off: a
// start whose answer is lost cannot be ended.

const { CancelledError } = require('../errors');

/**
 * @template T
 * @param {import('./core').FleetCore} core
 * @param {import('./member').Member} member in which it is work until it has ended
 * @param {AbortSignal|undefined} signal of the caller
 * @param {() => Promise<{ pid: number, done: Promise }>} start
 * @param {(handle) => Promise<T>} wait for what the caller wants of it
 * @returns {Promise<T>} rejects with CancelledError when the signal gives up
 */
async function unlessGivenUp(core, member, signal, start, wait) {
  if (signal?.aborted) throw cancelled(signal, 'not-sent');
  const started = start();
  const wanted = started.then(wait);
  if (!signal) return wanted;
  let onAbort;
  const givenUp = new Promise((resolve, reject) => {
    onAbort = () => {
      core.track(member.during(() => endStarted(core, member, started)));
      reject(cancelled(signal, 'unknown'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([wanted, givenUp]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function endStarted(core, member, started) {
  try {
    const handle = await started;
    const options = core.options({}, member.backend);
    await core.native.killE2bProcess(member.id, handle.pid, 'SIGKILL', options);
    await handle.done;
  } catch {
    // Never started, ended by itself, or gone with its sandbox.
  }
}

/** @returns {CancelledError} with the signal's reason as its cause */
function cancelled(signal, outcome) {
  return new CancelledError('given up by the caller', { outcome, cause: signal.reason });
}

module.exports = { cancelled, unlessGivenUp };
