'use strict';

// An EventEmitter whose listeners cannot hurt whoever emits. A leaf. Every listener is called, also
// after one that threw; what a listener threw (or rejected with) becomes a process warning, so it is
// never lost and never in the way; `error` without a listener is not thrown.

const { EventEmitter, errorMonitor } = require('node:events');
const { messageOf } = require('./errors');

class SafeEmitter extends EventEmitter {
  /** As EventEmitter's, but never throws. @returns {boolean} whether anybody listened */
  emit(name, ...args) {
    if (name === 'error' && this.listenerCount(errorMonitor) > 0) this.emit(errorMonitor, ...args);
    const listeners = this.rawListeners(name);
    for (const listener of listeners) {
      try {
        const result = Reflect.apply(listener, this, args);
        if (typeof result?.then === 'function') result.then(null, (e) => warn(name, e));
      } catch (error) {
        warn(name, error);
      }
    }
    return listeners.length > 0;
  }
}

function warn(name, error) {
  process.emitWarning(`a listener of '${String(name)}' threw: ${messageOf(error)}`, {
    type: 'ListenerWarning',
    detail: typeof error?.stack === 'string' ? error.stack : undefined,
  });
}

module.exports = { SafeEmitter };
