'use strict';

// Several AbortSignals as one. AbortSignal.any keeps a record in a long-lived source for every call
// ever made; this one is undone when the call is over.

const { setMaxListeners } = require('node:events');

/**
 * @param {...(AbortSignal|null|undefined)} signals
 * @returns {{ signal: AbortSignal|undefined, unlink(): void }} aborted with the first one's reason
 */
function linkSignals(...signals) {
  const sources = signals.filter((signal) => signal != null);
  if (sources.length < 2) return { signal: sources[0], unlink() {} };
  const controller = new AbortController();
  // A caller's one signal may end many calls, each of which listens.
  setMaxListeners(0, controller.signal, ...sources);
  const onAbort = ({ target }) => controller.abort(target.reason);
  for (const source of sources) {
    if (source.aborted) controller.abort(source.reason);
    else source.addEventListener('abort', onAbort, { once: true });
  }
  return {
    signal: controller.signal,
    unlink: () => sources.forEach((source) => source.removeEventListener('abort', onAbort)),
  };
}

module.exports = { linkSignals };
