'use strict';

// The package's face: named exports only, each loaded when it is first asked for, so that requiring
// the package costs next to nothing. Must not load anything itself.

const errors = require('./errors');

const NATIVE = [
  'createE2bSandbox',
  'runE2bAgent',
  'executeE2bProcess',
  'getE2bSandboxStatus',
  'terminateE2bSandbox',
  'listE2bSandboxes',
  'setE2bSandboxTimeout',
  'connectE2bSandbox',
  'pauseE2bSandbox',
  'resumeE2bSandbox',
  'forkE2bSandbox',
  'setE2bSandboxNetwork',
  'snapshotE2bSandbox',
  'listE2bSnapshots',
  'deleteE2bSnapshot',
  'getE2bSandboxMetrics',
  'getE2bSandboxLogs',
  'getE2bSandboxUrl',
  'writeE2bFile',
  'writeE2bFiles',
  'readE2bFile',
  'listE2bFiles',
  'removeE2bFile',
  'statE2bFile',
  'makeE2bDir',
  'moveE2bFile',
  'signE2bFileUrl',
  'watchE2bFiles',
  'runE2bCode',
  'createE2bCodeContext',
  'listE2bCodeContexts',
  'restartE2bCodeContext',
  'removeE2bCodeContext',
  'listE2bProcesses',
  'connectE2bProcess',
  'sendE2bInput',
  'killE2bProcess',
  'createE2bPty',
  'resizeE2bPty',
];

/** @returns {string} the version of this package */
function getVersion() {
  return require('../package.json').version;
}

const { messageOf: _internal, ...classes } = errors;
const exported = { getVersion, ...classes };

function lazily(name, load) {
  Object.defineProperty(exported, name, {
    enumerable: true,
    configurable: true,
    get() {
      const value = load();
      Object.defineProperty(exported, name, { value, enumerable: true });
      return value;
    },
  });
}

for (const name of NATIVE) lazily(name, () => require('./native')[name]);
lazily('SandboxManager', () => require('./fleet/manager').SandboxManager);

module.exports = exported;
