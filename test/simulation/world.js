'use strict';

// One run: the provider, the wire, the store and the processes, each process with the real
// SandboxManager in it. Starts and crashes them, lets faults happen, keeps who holds what and which
// calls wait, and says the verdict. A run is a function of its seed.

const { SandboxManager } = require('../../lib');
const { Random } = require('./random');
const { Scheduler } = require('./scheduler');
const { Trace } = require('./trace');
const { Provider } = require('./provider');
const { Wire } = require('./wire');
const { nativeOf } = require('./native');
const { SimProcess } = require('./process');
const { Invariants } = require('./invariants');
const { profileOf, NO_FAULTS } = require('./profile');
const { startUsers } = require('./workload');
const { ledgerOf } = require('./ledger-support');

const NATIVE = Symbol.for('e2b-swarm.native');
const IDENTITY = Symbol.for('e2b-swarm.identity');
const OWNER = 'simulation';
/** Longer than all windows together: settle 5 s, watch 120 s, latest effect, reconcile rounds. */
const QUIET_MS = 420_000;
const SHUTDOWN_MS = 300_000;

class World {
  nextPid = 1000;
  quiet = false;
  processes = [];
  violation = null;
  counts = {};
  #crashedNames = new Set();

  /**
   * @param {number} seed
   * @param {object} [how] { sabotage: of sabotage.js, without: names of faults that are left out }
   */
  constructor(seed, { sabotage = null, without = [] } = {}) {
    const random = new Random(seed);
    this.seed = seed;
    this.random = random.fork('world');
    this.root = random;
    this.profile = profileOf(random.fork('profile'));
    this.faults = leaveOut(this.profile.faults, without);
    this.sabotage = sabotage;
    this.scheduler = new Scheduler(random.fork('scheduler'));
    this.trace = new Trace(this.scheduler);
    this.provider = new Provider(this.scheduler, random.fork('provider'), this.trace);
    this.wire = new Wire(this.scheduler, random.fork('wire'), this.trace);
    this.wire.latencyMs = this.profile.latencyMs;
    this.#setFaults(this.faults);
    this.invariants = new Invariants(this);
    this.storage = ledgerOf(this);
  }

  #setFaults(faults) {
    this.faults = faults;
    this.wire.faults = faults;
    this.provider.faults = faults;
  }

  /** Says that something which must never be is; the first one counts. */
  violate(name, text) {
    if (this.violation !== null) return;
    this.violation = { name, text, atMs: this.scheduler.nowMs };
    this.trace.add('world', `VIOLATION ${name}: ${text}`);
  }

  count(name) {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }

  /** A process by its facts; null when another host cannot say. */
  isAlive({ pid }) {
    if (this.profile.hosts === 'many') return null;
    return this.processes.some((process) => process.pid === pid && process.alive);
  }

  live() {
    return this.processes.filter(({ alive }) => alive);
  }

  start(name) {
    const random = this.root.fork(`${name}/${this.nextPid}`);
    const process = new SimProcess(this, name, random);
    this.processes.push(process);
    this.trace.add(name, `starts as ${process.pid}`);
    const { scheduler, wire, provider } = this;
    const { pageSize } = this.profile;
    const far = { wire, provider, scheduler, pageSize, random: random.fork('native') };
    const native = nativeOf(process, far);
    const config = {
      ...this.profile.config,
      owner: OWNER,
      clock: process.clockFunctions,
      ...this.storage?.config(process),
      pool: { ...this.profile.config.pool, reset: this.#resetHook(random.fork('reset')) },
      [NATIVE]: this.sabotage?.native?.(native, process, this) ?? native,
      [IDENTITY]: process.identity(),
    };
    const manager = new SandboxManager(config);
    process.manager = manager;
    this.#listen(process, manager);
    this.sabotage?.manager?.(manager, process);
    startUsers(this, process);
    return process;
  }

  // Some fleets reuse sandboxes across owners: their hook works, fails, or never ends.
  #resetHook(random) {
    if (!this.profile.resets) return null;
    return async ({ execute }) => {
      if (random.chance(0.1)) throw new Error('simulated: the reset failed');
      if (random.chance(0.1)) await new Promise(() => {});
      await execute('reset');
    };
  }

  #listen(process, manager) {
    const emit = manager.emit.bind(manager);
    manager.emit = (name, payload) => {
      if (process.alive) {
        const facts = payload?.error?.code ?? payload?.sandboxId ?? payload?.id ?? '';
        this.trace.add(process.name, `event ${String(name)} ${payload?.type ?? ''} ${facts}`);
        this.invariants.heard(process, name, payload);
      }
      return emit(name, payload);
    };
  }

  crash(process, why) {
    if (!process.alive) return;
    process.alive = false;
    this.count('crashes');
    this.trace.add(process.name, `CRASHES ${why}`);
    this.#crashedNames.add(process.name);
    this.scheduler.after(this.random.between(10, 20_000), () => this.#restart(process.name));
  }

  #restart(name) {
    if (this.#crashedNames.delete(name)) this.start(name);
  }

  #scheduleFaults() {
    const { crashes, jumps, stalls, partitions, outages } = this.faults;
    const { actMs } = this.profile;
    const plan = (times, name, work) => {
      for (let i = 0; i < times; i++) {
        this.scheduler.after(this.random.between(0, actMs), () => {
          const live = this.live();
          if (live.length === 0) return;
          this.count(name);
          work(this.random.pick(live));
        });
      }
    };
    plan(crashes, 'crashes planned', (process) => this.crash(process, 'at a moment'));
    plan(jumps, 'clock jumps', (process) => {
      const byMs = this.random.pick([-1, 1]) * this.random.pick([5000, 600_000, 86_400_000]);
      this.trace.add(process.name, `clock jumps by ${byMs}`);
      process.clock.jump(byMs);
    });
    plan(stalls, 'stalls', (process) => {
      const forMs = this.random.pick([5000, 45_000, 90_000]) * this.random.between(0.9, 1.1);
      process.stall(forMs);
      this.trace.add(process.name, `stands still for ${forMs.toFixed(0)} ms`);
    });
    plan(partitions, 'partitions', (process) => {
      process.partitionedUntilMs = this.scheduler.nowMs + this.random.between(2000, 40_000);
      this.trace.add(process.name, `is cut off until ${process.partitionedUntilMs.toFixed(0)}`);
    });
    plan(outages, 'outages', () => {
      this.wire.outageUntilMs = this.scheduler.nowMs + this.random.between(5000, 60_000);
      this.trace.add('provider', `does not answer until ${this.wire.outageUntilMs.toFixed(0)}`);
    });
  }

  /** @returns {Promise<object|null>} the violation */
  async run() {
    const onStep = () => {
      this.invariants.afterStep();
      if (this.violation !== null) throw new Stop();
    };
    try {
      for (let i = 1; i <= this.profile.managers; i++) this.start(`m${i}`);
      this.#scheduleFaults();
      this.#addForeign();
      await this.scheduler.runUntil(this.profile.actMs, onStep);
      this.#beQuiet();
      await this.scheduler.runUntil(this.scheduler.nowMs + QUIET_MS, onStep);
      this.invariants.afterQuiet();
      onStep();
      this.#shutDown();
      await this.scheduler.runUntil(this.scheduler.nowMs + SHUTDOWN_MS, onStep);
      this.invariants.atEnd();
    } catch (error) {
      if (!(error instanceof Stop)) this.violate('the run itself failed', error.stack);
    }
    return this.violation;
  }

  // On the same account: nobody's, another owner's, and our owner's of another store.
  #addForeign() {
    this.provider.addForeign({});
    const token = `f0e1d2c3-${this.random.uuid()}`;
    const lease = '2026-01-01T00:00:00.000Z';
    for (const owner of ['somebody-else', OWNER]) {
      const facts = { token, owner, lease, spec: 'x', instance: 'gone' };
      const entries = Object.entries(facts).map(([key, value]) => [`e2b-swarm.${key}`, value]);
      this.provider.addForeign(Object.fromEntries(entries));
    }
  }

  #beQuiet() {
    this.quiet = true;
    this.trace.add('world', 'faults are off, users rest');
    this.#setFaults(NO_FAULTS);
    this.wire.outageUntilMs = 0;
    for (const process of this.live()) {
      process.partitionedUntilMs = 0;
      process.stalledUntilMs = Math.min(process.stalledUntilMs, this.scheduler.nowMs);
    }
    for (const name of [...this.#crashedNames]) this.#restart(name);
    if (this.profile.config.pool.reconcileMs > 0) return;
    // Who has switched the rounds off has to ask.
    for (const share of [0.3, 0.6]) {
      this.scheduler.after(share * QUIET_MS, () => {
        for (const { manager } of this.live()) manager.reconcile?.();
      });
    }
  }

  #shutDown() {
    this.trace.add('world', 'shutdown');
    for (const process of this.live()) {
      process.stopped = false;
      process.manager.shutdown().then((result) => {
        process.stopped = true;
        this.trace.add(process.name, `is shut down: ${result.message}`);
      });
    }
  }
}

/** The faults of a profile without some of them: names of faults, of faults.fates, or 'all'. */
function leaveOut(faults, names) {
  if (names.includes('all')) return NO_FAULTS;
  const left = { ...faults, fates: { ...faults.fates } };
  for (const name of names) {
    if (name in left.fates) left.fates[name] = NO_FAULTS.fates[name] ?? 0;
    else if (name in NO_FAULTS) left[name] = NO_FAULTS[name];
    else throw new Error(`no fault '${name}'`);
  }
  return left;
}

class Stop extends Error {}

module.exports = { World, OWNER };
