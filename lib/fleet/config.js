'use strict';

// The manager's configuration: defaults, checks, and the live object behind `manager.config`, where
// an assignment is checked and takes effect. Decides nothing and sends nothing. Where the far end is
// and how to get in (apiKey, proxy, headers, ...) is kept apart and never shown by inspect or JSON.

const { inspect } = require('node:util');
const { createClock } = require('../clock');
const { InvalidArgumentError } = require('../errors');
const { memoryStore } = require('../store/memory');
const { resolveBudget } = require('../money/budget');
const { resolvePrice } = require('../money/prices');
const { policyConfig } = require('../policy/config');
const { checkBackends } = require('./backends');
const identity = require('./identity');
const { checkPool } = require('./pool-config');
const { checkNumber, checkOptions, checkString, invalid, nearest, show } = require('../options');

/** Longest interval that Node's timers take; past it they fire at once. */
const MAX_INTERVAL_MS = 2 ** 31 - 1;

/** When a sandbox is degraded or unhealthy; see classify in health.js. */
const HEALTH_DEFAULTS = Object.freeze({
  degradedErrorRate: 0.05,
  unhealthyErrorRate: 0.1,
  replaceErrorRate: 0.5,
  minExecutions: 10,
  degradedLatencyMs: 2000,
  degradedIdleMs: 3_600_000,
  degradedTimeoutShare: 0.9,
});

const count = (min, max) => (value, name) => checkNumber(value, name, { min, max, integer: true });
const flag = (value, name) => {
  if (typeof value !== 'boolean')
    throw invalid(`${name} must be true or false, not ${show(value)}`);
  return value;
};
const anything = (value) => value;
const text = (value, name) => (value == null ? undefined : checkString(value, name));

const checkPrice = (value) => resolvePrice(value) && value;
const checkBudget = (value) => (resolveBudget(value), value);
const checkPolicy = (name, value) => (policyConfig({ [name]: value }), value);

const KEYS = {
  maxPoolSize: { initial: 10, check: count(1, 100) },
  healthCheckInterval: { initial: 30_000, check: count(0, MAX_INTERVAL_MS) },
  autoRecovery: { initial: true, check: flag },
  retryAttempts: { initial: 3, check: count(1, 100) },
  retryDelay: { initial: 1000, check: count(0, MAX_INTERVAL_MS) },
  cleanupInterval: { initial: 300_000, check: count(0, MAX_INTERVAL_MS) },
  inactivityThreshold: { initial: 3_600_000, check: count(0, Number.MAX_SAFE_INTEGER) },
  maxConcurrentCreations: { initial: 5, check: count(1, 100) },
  healthCheckBypassMs: { initial: 0, check: count(0, Number.MAX_SAFE_INTEGER) },
  shutdownGraceMs: { initial: 5000, check: count(0, MAX_INTERVAL_MS) },
  keepAlive: { initial: false, check: flag },
  health: { initial: HEALTH_DEFAULTS, check: checkHealth },
  price: { initial: undefined, check: checkPrice, fixed: true },
  budget: { initial: undefined, check: checkBudget, fixed: true },
  executionCache: { initial: undefined, check: anything, fixed: true },
  creationGuard: { initial: undefined, check: anything, fixed: true },
  retry: { initial: undefined, check: (value) => checkPolicy('retry', value), fixed: true },
  breaker: { initial: undefined, check: (value) => checkPolicy('breaker', value), fixed: true },
  pool: { initial: checkPool({}, 'pool'), check: checkPool },
  data: { initial: undefined, check: checkData, hidden: true },
};

/** Not options of users: what stands in for the native functions and for this process, in the
 * simulation. Symbols, so that no spelling mistake can meet them. */
const NATIVE = Symbol.for('e2b-swarm.native');
const IDENTITY = Symbol.for('e2b-swarm.identity');

/** Where the far end is and how to get in: handed to every native call, never shown. */
const CONNECTION_KEYS = {
  apiKey: checkKey,
  apiUrl: text,
  sandboxUrl: text,
  domain: text,
  ca: anything,
  proxy: anything,
  headers: anything,
  requestTimeoutMs: (value, name) =>
    value == null ? undefined : checkNumber(value, name, { min: 1, max: MAX_INTERVAL_MS }),
};
for (const [name, check] of Object.entries(CONNECTION_KEYS)) {
  KEYS[name] = { initial: undefined, check, hidden: true };
}

function checkHealth(value, name) {
  const given = checkOptions(value, Object.keys(HEALTH_DEFAULTS), name);
  for (const [key, number] of Object.entries(given)) {
    checkNumber(number, `${name}.${key}`, { min: 0 });
  }
  return Object.freeze({ ...HEALTH_DEFAULTS, ...given });
}

function checkData(value, name) {
  if (value == null) return undefined;
  if (typeof value === 'function' || typeof value === 'object') return value;
  throw invalid(`${name} must be a function from symbol to prices, or an object of them`);
}

// '' is a key that is missing (it does not fall back to the environment), so it passes here.
function checkKey(value, name) {
  if (value == null) return undefined;
  if (typeof value !== 'string') throw invalid(`${name} must be a string, not a ${typeof value}`);
  return value;
}

/** What cannot change while the manager lives. */
const FIXED = ['backends', 'clock', 'owner', 'store'];
const DEFAULT_OWNER = 'e2b-swarm';

function checkStore(store) {
  if (typeof store?.insert === 'function' && typeof store.claim === 'function') return store;
  throw invalid(
    `store must be one of those of e2b-swarm/store, such as fileStore('./fleet'), not ${show(store)}`,
  );
}

class ManagerConfig {
  #values = {};
  #backends;
  #onChange = null;

  /**
   * @param {object} given the constructor's argument
   * @throws {InvalidArgumentError} UNKNOWN_OPTION, INVALID_ARGUMENT
   */
  constructor(given) {
    const known = [...Object.keys(KEYS), ...FIXED];
    const { backends, clock, owner, store, ...rest } = checkOptions(given, known, 'SandboxManager');
    this.clock = createClock(clock);
    this.#backends = checkBackends(backends, CONNECTION_KEYS);
    /** In the order in which they are tried. */
    this.backends = Object.freeze([...this.#backends.keys()]);
    /** Name of the fleet; it travels with every sandbox. */
    this.owner = owner == null ? DEFAULT_OWNER : checkString(owner, 'owner');
    this.store = store == null ? memoryStore({ clock: this.clock }) : checkStore(store);
    /** Whether the store is somebody else's, who closes it. */
    this.sharesStore = store != null;
    // For the simulation alone, which owns the far end and the lives of processes too.
    this.native = given?.[NATIVE] ?? null;
    this.identity = given?.[IDENTITY] ?? identity;
    for (const [name, { initial, check }] of Object.entries(KEYS)) {
      this.#values[name] = rest[name] === undefined ? initial : check(rest[name], name);
    }
  }

  get(name) {
    return this.#values[name];
  }

  /** The connection options that were given, for a native call to a backend. */
  connection(backend) {
    const given = {};
    for (const name of Object.keys(CONNECTION_KEYS)) {
      if (this.#values[name] !== undefined) given[name] = this.#values[name];
    }
    // One that is no longer in the list: as the first, which is where it was before there was a list.
    return Object.assign(given, this.#backends.get(backend));
  }

  /** What may be shown, as a plain object. */
  snapshot() {
    const shown = Object.entries(this.#values).filter(
      ([name, value]) => !KEYS[name].hidden && value !== undefined,
    );
    return { ...Object.fromEntries(shown), pool: shownPool(this.#values.pool) };
  }

  /**
   * The object that users see. An assignment is checked, then kept, then told to `onChange(name)`.
   */
  facade(onChange) {
    this.#onChange = onChange;
    const target = {};
    for (const [name, { hidden }] of Object.entries(KEYS)) {
      Object.defineProperty(target, name, {
        enumerable: !hidden,
        configurable: false,
        get: () => this.#values[name],
        set: (value) => {
          this.#assign(name, value);
        },
      });
    }
    Object.defineProperty(target, 'toJSON', { value: () => this.snapshot() });
    Object.defineProperty(target, inspect.custom, { value: () => this.snapshot() });
    return new Proxy(target, { set: setKnown, defineProperty: refuse, deleteProperty: refuse });
  }

  #assign(name, value) {
    const { initial, check, fixed } = KEYS[name];
    if (fixed) throw invalid(`${name} is for the constructor: it cannot be changed afterwards`);
    this.#values[name] = value === undefined ? initial : check(value, name);
    this.#onChange(name);
  }
}

// The environment of the warm ones by its names, as in every record; a network has passwords.
function shownPool({ warmSpec, ...pool }) {
  if (warmSpec === null) return { ...pool, warmSpec };
  const { env, network: _network, ...rest } = warmSpec;
  return { ...pool, warmSpec: { ...rest, envKeys: Object.keys(env ?? {}) } };
}

function setKnown(target, name, value) {
  if (FIXED.includes(name)) {
    throw invalid(`${name} is for the constructor: it cannot be changed afterwards`);
  }
  if (typeof name !== 'string' || !(name in KEYS)) {
    const near = nearest(String(name), Object.keys(KEYS));
    const message = `unknown option '${String(name)}' of manager.config; did you mean '${near}'?`;
    throw new InvalidArgumentError(message, { code: 'UNKNOWN_OPTION' });
  }
  target[name] = value;
  return true;
}

function refuse(target, name) {
  throw invalid(`manager.config.${String(name)} can be assigned, not redefined or deleted`);
}

module.exports = { ManagerConfig, HEALTH_DEFAULTS };
