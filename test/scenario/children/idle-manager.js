'use strict';

// A process with an idle manager whose rounds are on: it has to end by itself.

const { SandboxManager } = require('../../../lib/fleet/manager');

const manager = new SandboxManager({ healthCheckInterval: 50, cleanupInterval: 50 });
console.log(manager._healthMonitoringInterval !== null && manager._cleanupInterval !== null);
