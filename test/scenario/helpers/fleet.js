'use strict';

// For scenarios of the manager: one real backend per file, managers that talk to it through the real
// addon, and at the end of every test the proof that a shutdown left nothing at the far end.

const { request } = require('node:http');
const { createClock } = require('../../../lib/clock');
const { SandboxManager } = require('../../../lib/fleet/manager');
const { waitFor, withBackend } = require('../../helpers/backend');

/** The ten events of the contract. */
const EVENTS = [
  'sandbox:created',
  'agent:deployed',
  'strategy:executed',
  'health:checked',
  'scale:up',
  'cleanup:complete',
  'recovery:success',
  'recovery:failed',
  'error',
  'shutdown',
];
const ALL_EVENTS = [
  ...EVENTS,
  'sandbox:terminated',
  'agent:signal',
  'agent:completed',
  'retry:scheduled',
];

/**
 * Registers the hooks of a file of scenarios. Managers have no background rounds and hardly wait
 * between attempts, unless their config says so.
 */
function withFleet(options) {
  const far = withBackend(options);
  const open = new Set();

  afterEach(async () => {
    far.backend.faults.clear();
    const managers = [...open];
    open.clear();
    await Promise.all(managers.map((manager) => manager.shutdown()));
    expect(far.backend.sandboxes()).toEqual([]);
  });

  return {
    get backend() {
      return far.backend;
    },
    get client() {
      return far.client;
    },
    /** A manager of this backend; it is shut down after the test. */
    manager(config) {
      const manager = new SandboxManager({
        ...far.client,
        healthCheckInterval: 0,
        cleanupInterval: 0,
        retryDelay: 1,
        ...config,
        pool: { settleMs: 20, reconcileMs: 0, ...config?.pool },
      });
      open.add(manager);
      return manager;
    },
    /** One with `n` sandboxes. */
    async managerOf(n, config, spec) {
      const manager = this.manager(config);
      const ids = [];
      for (let i = 0; i < n; i++) {
        const created = await manager.createTradingSandbox({ name: `s${i}`, ...spec });
        expect(created).toMatchObject({ success: true });
        ids.push(created.sandboxId);
      }
      return { manager, ids };
    },
    /** What the far end was asked, by operation, since `from`. */
    asked(...ops) {
      return far.backend.requests.filter(({ op }) => ops.includes(op));
    },
    /** Ends a sandbox behind the manager's back. */
    kill(id) {
      return new Promise((resolve, reject) => {
        const { apiKey, apiUrl } = far.client;
        const url = `${apiUrl}/sandboxes/${id}`;
        const sent = request(url, { method: 'DELETE', headers: { 'x-api-key': apiKey } });
        sent.on('response', (response) => {
          response.resume().on('end', () => resolve(response.statusCode));
        });
        sent.on('error', reject).end();
      });
    },
    /** The environment of a sandbox's processes, as a command in it sees it. */
    async run(manager, id, line) {
      const ran = await manager.executeStrategy(id, line);
      expect(ran).toMatchObject({ success: true });
      return ran.output;
    },
  };
}

/** Writes down the events of a manager, in order: those it has always had, and `more`. */
function recorded(manager, more = []) {
  const events = [];
  for (const name of [...ALL_EVENTS, ...more]) {
    manager.on(name, (...payload) => events.push({ name, payload: payload[0], args: payload }));
  }
  return {
    events,
    names: () => events.map(({ name }) => name),
    of: (name) => events.filter((event) => event.name === name).map(({ payload }) => payload),
    clear: () => void events.splice(0),
  };
}

/**
 * A clock that can be moved, with intervals that tick when told to.
 *
 * @param {{ frozen?: boolean }} [how] frozen: it moves only when it is moved
 */
function movableClock({ frozen = false } = {}) {
  let wallShift = 0;
  let steadyShift = 0;
  const intervals = new Set();
  const clock = createClock({
    now: () => Date.now() + wallShift,
    steady: () => (frozen ? 0 : performance.now()) + steadyShift,
    setInterval: (callback, ms) => {
      const timer = { callback, ms, unref() {} };
      intervals.add(timer);
      return timer;
    },
    clearInterval: (timer) => intervals.delete(timer),
  });
  return {
    clock,
    intervals,
    /** Time goes by. */
    pass(ms) {
      wallShift += ms;
      steadyShift += ms;
    },
    /** Somebody sets the wall clock. */
    setWall(ms) {
      wallShift += ms;
    },
    /** All intervals of that length tick once. */
    tick(ms) {
      for (const timer of [...intervals]) if (timer.ms === ms) timer.callback();
    },
  };
}

module.exports = { EVENTS, movableClock, recorded, waitFor, withFleet };
