'use strict';

// acquire, release, recycle, abort, deaths and time in any order, against a reference model of the pool
// that fits on a page: who has what, who waits, who is next. The manager is the real one.

const fc = require('fast-check');
const { SandboxManager } = require('../../../lib');
const { memoryStore } = require('../../../lib/store');
const { createClock } = require('../../../lib/clock');
const { handClock, handFarEnd, quiet } = require('./helpers/hand-world');

const MAXIMUM = 3;
const AGING_MS = 10_000;
const TIMEOUT_MS = 45_000;

/** Leases and waiters are known by the number of their order. */
const ANONYMOUS = Symbol('anonymous');

class Model {
  nowMs = 0;
  orders = 0;
  /** { order, owner } by those who hold. */
  held = [];
  /** { holder, dead } of the idle ones, the one that came back last at the end. */
  idle = [];
  waiting = [];
  /** Orders that failed, and why. */
  ended = new Map();

  get taken() {
    return this.held.length + this.idle.length;
  }

  next() {
    const rank = ({ priority, since }) => priority + Math.floor((this.nowMs - since) / AGING_MS);
    return [...this.waiting].sort((a, b) => rank(b) - rank(a) || a.order - b.order);
  }

  /** Everybody who can be served is served. */
  settle() {
    for (const waiter of this.next()) {
      if (this.serve(waiter)) {
        this.waiting = this.waiting.filter((other) => other !== waiter);
        this.held.push({ order: waiter.order, owner: waiter.owner });
        this.settle();
        return;
      }
    }
  }

  serve({ owner }) {
    const fits = ({ holder }) => holder === null || holder === (owner ?? ANONYMOUS);
    for (let at = this.idle.findLastIndex(fits); at >= 0; at = this.idle.findLastIndex(fits)) {
      const [{ dead }] = this.idle.splice(at, 1);
      if (!dead) return true;
    }
    if (this.taken < MAXIMUM) return true;
    // An idle one that nobody who waits may have makes room; the one not used for longest.
    const isFree = ({ holder }) =>
      !this.waiting.some((other) => holder === null || holder === (other.owner ?? ANONYMOUS));
    const spare = this.idle.findIndex(isFree);
    if (spare < 0) return false;
    this.idle.splice(spare, 1);
    return true;
  }
}

class Act {
  constructor(kind, value) {
    this.kind = kind;
    this.value = value;
  }

  check(model) {
    if (this.kind === 'release' || this.kind === 'kill') return model.held.length > 0;
    if (this.kind === 'abort') return model.waiting.length > 0;
    if (this.kind === 'killIdle') return model.idle.some(({ dead }) => !dead);
    return true;
  }

  async run(model, real) {
    await this[this.kind](model, real, this.value);
    model.settle();
    await quiet();
    await real.compare(model);
  }

  async acquire(model, real, { owner, priority }) {
    const order = model.orders++;
    model.waiting.push({ order, owner, priority, since: model.nowMs });
    real.acquire(order, { owner, priority });
  }

  async release(model, real, { pick, recycle }) {
    const at = pick % model.held.length;
    const [{ order, owner }] = model.held.splice(at, 1);
    // Who names no owner is one like every other; null is what nobody has used.
    if (recycle) model.idle.push({ holder: owner ?? ANONYMOUS, dead: false });
    await real.leases.get(order).release({ recycle });
    real.back(order, recycle);
  }

  async abort(model, real, { pick }) {
    const [{ order }] = model.waiting.splice(pick % model.waiting.length, 1);
    model.ended.set(order, 'CANCELLED');
    real.aborts.get(order).abort();
  }

  // One that somebody holds dies, and the next round of health finds it.
  async kill(model, real, { pick }) {
    const [{ order }] = model.held.splice(pick % model.held.length, 1);
    const lease = real.leases.get(order);
    real.far.alive.delete(lease.sandboxId);
    await expect(lease.execute('true')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await quiet();
    await expect(lease.execute('true')).rejects.toMatchObject({ code: 'SANDBOX_GONE' });
    real.back(order, false);
  }

  async killIdle(model, real, { pick }) {
    const living = model.idle.filter(({ dead }) => !dead);
    const one = living[pick % living.length];
    one.dead = true;
    real.killIdle(model.idle.indexOf(one));
  }

  async clock(model, real, ms) {
    model.nowMs += ms;
    for (const { order } of model.waiting.filter(
      ({ since }) => since + TIMEOUT_MS <= model.nowMs,
    )) {
      model.ended.set(order, 'TIMEOUT');
    }
    model.waiting = model.waiting.filter(({ since }) => since + TIMEOUT_MS > model.nowMs);
    await real.clock.pass(ms);
  }

  toString() {
    return `${this.kind}(${JSON.stringify(this.value)})`;
  }
}

class Real {
  clock = handClock();
  far = handFarEnd(this.clock);
  leases = new Map();
  ended = new Map();
  aborts = new Map();
  /** Ids of the idle ones in the order in which they came back. */
  idle = [];
  held = new Map();

  constructor() {
    const clock = createClock(this.clock.functions);
    this.store = memoryStore({ clock });
    this.manager = new SandboxManager({
      ...{ clock, store: this.store, maxPoolSize: MAXIMUM, healthCheckInterval: 0 },
      ...{ cleanupInterval: 0, pool: { agingMs: AGING_MS, reconcileMs: 0, verifyMs: 1e9 } },
      [Symbol.for('e2b-swarm.native')]: this.far.native,
    });
  }

  acquire(order, { owner, priority }) {
    const controller = new AbortController();
    this.aborts.set(order, controller);
    const how = { owner, priority, timeoutMs: TIMEOUT_MS, signal: controller.signal };
    this.manager.acquire({ timeout: 86_400 }, how).then(
      (lease) => {
        const other = this.held.get(lease.sandboxId);
        if (other !== undefined) throw new Error(`${lease.sandboxId} has two owners`);
        this.held.set(lease.sandboxId, order);
        this.idle = this.idle.filter((id) => id !== lease.sandboxId);
        this.leases.set(order, lease);
      },
      (error) => this.ended.set(order, error.code),
    );
  }

  back(order, recycled) {
    const { sandboxId } = this.leases.get(order);
    this.leases.delete(order);
    this.held.delete(sandboxId);
    if (recycled && !this.held.has(sandboxId)) this.idle.push(sandboxId);
  }

  killIdle(at) {
    this.far.alive.delete(this.idle.filter((id) => this.#inPool(id))[at]);
  }

  #inPool(id) {
    return this.manager.activeSandboxes.has(id);
  }

  async compare(model) {
    const orders = (list) => list.map(({ order }) => order).sort((a, b) => a - b);
    expect([...this.leases.keys()].sort((a, b) => a - b)).toEqual(orders(model.held));
    expect(this.ended).toEqual(model.ended);
    const { waiting, taken, idle } = this.manager.inspect();
    expect({ waiting, taken, idle }).toEqual({
      ...{ waiting: model.waiting.length, taken: model.taken, idle: model.idle.length },
    });
    expect(await this.store.count('e2b-swarm')).toBe(model.taken);
    expect(this.far.alive.size).toBeLessThanOrEqual(MAXIMUM);
    for (const lease of this.leases.values()) expect(lease.over).toBeNull();
  }

  /** Everything is given back; nobody waits for ever, nothing is left. */
  async end() {
    const draining = this.manager.drain();
    for (let n = 0; n < 200 && this.leases.size + this.manager.inspect().waiting > 0; n++) {
      for (const [order, lease] of [...this.leases]) {
        await lease.release();
        this.back(order, false);
      }
      await quiet();
    }
    await quiet();
    expect(await draining).toMatchObject({ success: true });
    expect(this.far.alive.size).toBe(0);
    expect([...this.held.keys()]).toEqual([]);
  }
}

const pick = fc.nat(9);
const owner = fc.constantFrom(null, 'alice', 'bob');
const act = (kind, value) => value.map((given) => new Act(kind, given));
const acquire = act('acquire', fc.record({ owner, priority: fc.constantFrom(0, 0, 1, 3) }));
const release = act('release', fc.record({ pick, recycle: fc.boolean() }));
const clock = act('clock', fc.constantFrom(1, 4_000, 10_000, 30_000));
const others = ['abort', 'kill', 'killIdle'].map((kind) => act(kind, fc.record({ pick })));

test.each([
  ['in any mixture', [acquire, acquire, release, release, clock, ...others], 150],
  ['in a crowd that waits', [acquire, acquire, acquire, clock, release], 100],
])(
  '%s: orders, releases, deaths and time are as the model says',
  async (_name, acts, numRuns) => {
    const commands = fc.commands(acts, { maxCommands: 60, size: 'max' });
    const property = fc.asyncProperty(commands, async (list) => {
      let real;
      const setup = () => {
        real = new Real();
        return { model: new Model(), real };
      };
      await fc.asyncModelRun(setup, list);
      await real.end();
    });
    await fc.assert(property, { numRuns, seed: 20_261_121 });
  },
  120_000,
);
