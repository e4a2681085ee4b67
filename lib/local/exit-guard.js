// Makes sure that the process does not leave sandboxes behind when it ends without closing its
// backends: at exit, and on the signals that would end it. One set of listeners per process, however
// often this module is loaded.
'use strict';

const vm = require('node:vm');

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'];
const GUARD = Symbol.for('e2b-swarm.local.exit-guard');

/**
 * The process object itself. Under Jest `process` is a copy whose `exit` event never fires, which
 * would leave the processes of a test that forgets to close its backend.
 */
const realProcess = vm.runInThisContext('process');

/**
 * @param {(options: { final: boolean }) => void} cleanUp  synchronous; not final: the process goes on,
 *   because somebody else handles the signal
 * @returns {() => void} takes it away again
 */
function guardExit(cleanUp) {
  realProcess[GUARD] ??= createGuard();
  return realProcess[GUARD](cleanUp);
}

function createGuard() {
  const cleanUps = new Set();
  const runAll = (final) => {
    for (const cleanUp of cleanUps) {
      try {
        cleanUp({ final });
      } catch (error) {
        // The next backend has processes to kill too.
        realProcess.stderr.write(`local E2B backend: clean-up failed: ${error.message}\n`);
      }
    }
  };
  const onExit = () => runAll(true);
  const onSignal = (signal) => {
    // Who else listens decides what the signal does; alone, we let it do what it does by default.
    const alone = realProcess.listenerCount(signal) === 1;
    runAll(alone);
    if (!alone) return;
    uninstall();
    realProcess.kill(realProcess.pid, signal);
  };
  const install = () => {
    realProcess.on('exit', onExit);
    for (const signal of SIGNALS) realProcess.on(signal, onSignal);
  };
  const uninstall = () => {
    // The next backend's realm brings its own: under Jest this one may be torn down by then.
    delete realProcess[GUARD];
    realProcess.off('exit', onExit);
    for (const signal of SIGNALS) realProcess.off(signal, onSignal);
  };
  return (cleanUp) => {
    if (cleanUps.size === 0) install();
    cleanUps.add(cleanUp);
    return () => {
      if (cleanUps.delete(cleanUp) && cleanUps.size === 0) uninstall();
    };
  };
}

module.exports = { guardExit };
