'use strict';

// For models of the fleet: a clock whose time passes when the test says so, timers included, and a far
// end in a Map that answers at once. Both stand where the manager has hooks for the simulation.

const { NetworkError, NotFoundError } = require('../../../../lib/errors');

const DAY = Date.UTC(2026, 10, 21);

/** Until everything that does not wait for time has been done. */
async function quiet() {
  for (let n = 0; n < 3; n++) await new Promise(setImmediate);
}

function handClock() {
  let nowMs = 0;
  let made = 0;
  const timers = new Map();
  const start = (callback, ms, everyMs) => {
    const timer = { unref: () => timer, ref: () => timer };
    timers.set(timer, { callback, at: nowMs + Math.max(ms, 1), everyMs, order: made++ });
    return timer;
  };
  const next = (untilMs) =>
    [...timers]
      .filter(([, { at }]) => at <= untilMs)
      .sort(([, a], [, b]) => a.at - b.at || a.order - b.order)[0];
  return {
    functions: {
      now: () => DAY + Math.floor(nowMs),
      steady: () => nowMs,
      random: () => 0.5,
      setTimeout: (callback, ms = 0) => start(callback, ms, null),
      setInterval: (callback, ms) => start(callback, ms, Math.max(ms, 1)),
      clearTimeout: (timer) => void timers.delete(timer),
      clearInterval: (timer) => void timers.delete(timer),
    },
    /** Time goes by: each timer that is due is followed by everything it set off. */
    async pass(ms) {
      const untilMs = nowMs + ms;
      for (let due = next(untilMs); due; due = next(untilMs)) {
        const [timer, entry] = due;
        nowMs = Math.max(nowMs, entry.at);
        if (entry.everyMs === null) timers.delete(timer);
        else entry.at = nowMs + entry.everyMs;
        entry.callback();
        await quiet();
      }
      nowMs = untilMs;
    },
    get nowMs() {
      return nowMs;
    },
  };
}

/** A far end: what is alive, everything that was ever asked, and `broken`: it cannot be reached. */
function handFarEnd(clock) {
  const alive = new Map();
  const calls = [];
  let ids = 0;
  const find = (sandboxId) => {
    if (alive.has(sandboxId)) return alive.get(sandboxId);
    throw new NotFoundError('not found', { code: 'NOT_FOUND', outcome: 'rejected', sandboxId });
  };
  const kReserved = Symbol('reserved');
  const far = { broken: false };
  const asked =
    (op, work) =>
    async (...args) => {
      calls.push([op, args[0]]);
      if (far.broken) {
        throw new NetworkError('far', { code: 'CONNECTION_REFUSED', outcome: 'not-sent' });
      }
      for (const [id, { endsAt }] of alive) if (endsAt <= clock.nowMs) alive.delete(id);
      return work(...args);
    };
  const native = {
    kReserved,
    createE2bSandbox: asked('create', (name, template, timeout, _memory, _cpu, options) => {
      const sandboxId = `s${++ids}`;
      const metadata = {};
      for (const [key, value] of Object.entries(options[kReserved])) {
        metadata[`e2b-swarm.${key}`] = value;
      }
      const sandbox = { sandboxId, name, template, metadata, status: 'running' };
      sandbox.endsAt = clock.nowMs + timeout * 1000;
      alive.set(sandboxId, sandbox);
      const { endsAt: _endsAt, ...shown } = sandbox;
      return shown;
    }),
    listE2bSandboxes: asked('list', () => [...alive.values()]),
    getE2bSandboxStatus: asked('get', (id) => {
      const { endsAt: _endsAt, ...shown } = find(id);
      return shown;
    }),
    terminateE2bSandbox: asked('kill', (sandboxId) => ({
      sandboxId,
      status: 'terminated',
      alreadyGone: !alive.delete(sandboxId),
    })),
    setE2bSandboxTimeout: asked('timeout', (id, seconds) => {
      find(id).endsAt = clock.nowMs + seconds * 1000;
      return { sandboxId: id };
    }),
    executeE2bProcess: asked('execute', (id) => {
      find(id);
      return { sandboxId: id, exitCode: 0, stdout: '', stderr: '' };
    }),
  };
  return Object.assign(far, { native, alive, calls });
}

module.exports = { handClock, handFarEnd, quiet };
