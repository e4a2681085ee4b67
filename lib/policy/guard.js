'use strict';

// All policies in the order in which a call meets them: ejection, breaker and throttle may hold it
// back; it is sent; its failure is classified, told to all of them, and paid for before it is sent
// again. Knows classes of operations and names of backends, nothing of sandboxes. A look after an
// unknown outcome is the caller's, who alone knows what to look for.

const { decision } = require('../debug');
const { Breaker } = require('./breaker');
const { classify, CLASSES } = require('./classify');
const { policyConfig } = require('./config');
const { Ejection } = require('./ejection');
const { retry } = require('./retry');
const { RetryBudget, UNBUDGETED } = require('./retry-budget');
const { Throttle } = require('./throttle');
const { checkString, invalid, nearest } = require('../options');

const STATE_VERSION = 1;
/** A far end that has answered within it is there. */
const FRESH_MS = 30_000;

/**
 * @typedef {object} GuardedCall
 * @property {string} type of the operation, for events: 'create_sandbox'
 * @property {keyof typeof CLASSES} class
 * @property {string} [backend] 'default'
 * @property {string|null} [key] what may be ejected: the template of a create; null
 * @property {string|null} [sandboxId] for events; null
 * @property {number} attempts calls in all, at least 1
 * @property {number} baseMs first span of the back-off
 * @property {AbortSignal} [signal] ends a wait between attempts; its reason is thrown
 * @property {number} [deadlineMs] by clock.steady(); nothing is sent at it or later
 * @property {boolean} [budgeted] default: as the class says
 * @property {(error: unknown) => Promise<{ found: any } | { absent: true } | null>} [look] after an
 *   outcome that leaves open whether it has happened: what was found is the result, and a success of
 *   the far end; proof of absence lets the call be sent again; null, or a rejection, leaves it open
 * @property {(error: unknown) => boolean} [retryIf] in place of the table's word
 * @property {(error: unknown) => 'failure'|'success'|'none'|undefined} [judge] what the error says of
 *   the far end's health, in place of the table's word; undefined: as the table says
 */

class Guard {
  #clock;
  #config;
  #tell;
  #ejection;
  #lines = new Map();
  #budgets = new Map();
  /** backend -> when it last answered a call of any class */
  #answeredAt = new Map();

  /**
   * @param {object} parts
   * @param {object} parts.clock
   * @param {ReturnType<typeof policyConfig>} [parts.config]
   * @param {(name: string, facts: object) => void} [parts.onEvent] retry:scheduled, retry:refused,
   *   breaker:open, breaker:half-open, breaker:closed, throttle:rejected, ejection:ejected,
   *   ejection:returned; must not throw
   */
  constructor({ clock, config = policyConfig(), onEvent = () => {} }) {
    this.#clock = clock;
    this.#config = config;
    this.#tell = (name, facts) => {
      decision(name, facts);
      onEvent(name, facts);
    };
    this.#ejection =
      config.ejection &&
      new Ejection({
        ...{ clock, numbers: config.ejection },
        onChange: (name, facts) => this.#tell(`ejection:${name}`, facts),
      });
  }

  /**
   * @template T
   * @param {GuardedCall} call
   * @param {(attempt: number, left: { leftMs: number }) => Promise<T>} send one request; attempt from 0
   * @returns {Promise<T>} rejects with the last error of the far end; with a ServerError
   *   (BREAKER_OPEN, THROTTLED, EJECTED; not sent, retryAfterMs) when nothing was ever sent
   */
  async call(call, send) {
    const run = new Run(this, checked(call), this.#clock, send);
    const { attempts, baseMs, signal, deadlineMs, type, sandboxId = null } = call;
    const { capMs, maxRetryAfterMs } = this.#config.retry;
    const facts = ({ attempt, error }) => ({ type, sandboxId, attempt, code: error?.code });
    return retry((attempt, left) => run.send(attempt, left), {
      ...{ attempts, baseMs, capMs, maxRetryAfterMs, signal, deadlineMs, clock: this.#clock },
      judge: (error) => run.judge(error),
      spending: this.#spending(call),
      onRetry: (event) =>
        this.#tell('retry:scheduled', { ...facts(event), delayMs: event.delayMs }),
      onStop: (event) => {
        if (event.reason === 'attempts') return;
        this.#tell('retry:refused', { ...facts(event), reason: event.reason });
      },
    });
  }

  /**
   * How many failures of a call that never left this machine are no attempt of it: none when nobody
   * has been answered of late, for a far end that is not there is not reached by trying harder.
   */
  unsentRetries(backend = 'default') {
    const sinceMs = this.#clock.steady() - (this.#answeredAt.get(backend) ?? -Infinity);
    return sinceMs < FRESH_MS ? this.#config.retry.unsentRetries : 0;
  }

  /**
   * Why a call would be held back now, without making one: for choosing among backends.
   *
   * @returns {import('../errors').ServerError|null}
   */
  refusal(name, backend = 'default') {
    return this.breaker(name, backend)?.refusal() ?? null;
  }

  /** @returns {Breaker|null} to isolate or reset it by hand; null when there is none for the class */
  breaker(name, backend = 'default') {
    return this.#line(checkClass(name), backend).breaker;
  }

  /** @returns {Ejection|null} to report what no call shows: a sandbox of a key that died at once */
  get ejection() {
    return this.#ejection;
  }

  /**
   * Lets one request through, or does not.
   *
   * @param {GuardedCall} call
   * @returns {(counts: 'failure'|'success'|'none', throttled: boolean, ms: number) => void} to be
   *   told, once, how it ended
   * @throws {import('../errors').ServerError} BREAKER_OPEN, THROTTLED, EJECTED
   */
  enter({ type, class: name, backend = 'default', key = null, budgeted }) {
    const { breaker, throttle } = this.#line(name, backend);
    const refusal = (key !== null && this.#ejection?.refusal(key)) || breaker?.refusal();
    if (refusal) throw refusal;
    let request = null;
    try {
      // A probe is bounded by its breaker; were it held back, the breaker would never close.
      const probe = breaker?.state === 'half-open';
      if (budgeted ?? CLASSES[name].budgeted) request = throttle?.enter(probe);
    } catch (error) {
      this.#tell('throttle:rejected', { type, class: name, backend });
      throw error;
    }
    const ticket = breaker?.enter();
    return (counts, throttled, elapsedMs) => {
      if (counts === 'none') {
        ticket?.cancel();
        request?.cancel();
        return;
      }
      const good = counts === 'success';
      if (good) this.#answeredAt.set(backend, this.#clock.steady());
      if (good && !throttled) request?.accepted();
      else request?.rejected();
      if (good) ticket?.success(elapsedMs);
      else ticket?.failure(elapsedMs);
      if (key !== null) this.#ejection?.[good ? 'success' : 'failure'](key);
    };
  }

  /** @returns {object} JSON: what should survive the process. Never holds a key or a token */
  state() {
    const lines = [...this.#lines.values()].filter(({ breaker }) => breaker !== null);
    const budgets = [...this.#budgets].map(([backend, budget]) => ({
      backend,
      ...budget.toJSON(),
    }));
    return {
      version: STATE_VERSION,
      breakers: lines.map(({ name, backend, breaker }) => ({
        ...{ class: name, backend, ...breaker.toJSON() },
      })),
      budgets,
      ejection: this.#ejection?.toJSON() ?? null,
    };
  }

  /** Takes over what state() gave, also in another process; what is no state of it is left out. */
  restore(state) {
    if (state?.version !== STATE_VERSION) return;
    for (const saved of Array.isArray(state.breakers) ? state.breakers : []) {
      if (!isClass(saved?.class) || typeof saved.backend !== 'string') continue;
      this.#line(saved.class, saved.backend).breaker?.restore(saved);
    }
    for (const saved of Array.isArray(state.budgets) ? state.budgets : []) {
      if (typeof saved?.backend === 'string') this.#budget(saved.backend).restore(saved);
    }
    this.#ejection?.restore(state.ejection);
  }

  #spending({ class: name, backend = 'default', budgeted }) {
    return (budgeted ?? CLASSES[name].budgeted) ? this.#budget(backend).call() : UNBUDGETED;
  }

  #budget(backend) {
    let budget = this.#budgets.get(backend);
    if (budget === undefined) {
      this.#budgets.set(backend, (budget = new RetryBudget(this.#config.retry)));
    }
    return budget;
  }

  #line(name, backend) {
    const id = `${name} ${backend}`;
    if (!this.#lines.has(id)) this.#lines.set(id, this.#newLine(name, backend));
    return this.#lines.get(id);
  }

  #newLine(name, backend) {
    const clock = this.#clock;
    const numbers = this.#config;
    const throttle = numbers.throttle && new Throttle({ clock, numbers: numbers.throttle });
    const onChange = (state, facts) => {
      // It works again: what was turned down before is no reason to hold back any more.
      if (state === 'closed') throttle?.reset();
      this.#tell(`breaker:${state}`, { class: name, backend, ...facts });
    };
    const mayBreak = numbers.breaker && CLASSES[name].broken;
    const breaker = mayBreak ? new Breaker({ clock, numbers: numbers.breaker, onChange }) : null;
    return { name, backend, breaker, throttle };
  }
}

/** One call from its first request to its last. */
class Run {
  #guard;
  #call;
  #clock;
  #send;
  #unsent = 0;
  /** The last word of the far end, and what it means. */
  #failure = null;
  #verdict = null;

  constructor(guard, call, clock, send) {
    this.#guard = guard;
    this.#call = call;
    this.#clock = clock;
    this.#send = send;
  }

  async send(attempt, left) {
    const tell = this.#enter();
    const startedAt = this.#clock.steady();
    const elapsed = () => this.#clock.steady() - startedAt;
    let result;
    try {
      result = await this.#send(attempt, left);
    } catch (error) {
      return this.#failed(error, elapsed(), tell);
    }
    tell('success', false, elapsed());
    return result;
  }

  /** @returns {import('./retry').Judgement} */
  judge(error) {
    const verdict = this.#verdict;
    if (verdict === null) return { again: false };
    const again = this.#call.retryIf?.(error) ?? verdict.next === 'retry';
    const free =
      again && verdict.unsent && this.#unsent < this.#guard.unsentRetries(this.#call.backend);
    if (free) this.#unsent++;
    return { again, free, throttled: verdict.throttled, hint: !verdict.isOrder };
  }

  // Held back after a failure: that failure is the news.
  #enter() {
    this.#verdict = null;
    try {
      return this.#guard.enter(this.#call);
    } catch (refusal) {
      throw this.#failure === null ? refusal : this.#failure.error;
    }
  }

  async #failed(error, elapsedMs, tell) {
    const { class: name, look, judge } = this.#call;
    this.#failure = { error };
    const verdict = classify(error, { class: name, elapsedMs });
    const counts = judge?.(error) ?? verdict.counts;
    let seen = null;
    try {
      if (verdict.next === 'look' && look) seen = await look(error);
    } catch (cause) {
      decision('look:failed', { type: this.#call.type, code: cause?.code });
    }
    if (seen !== null && seen !== undefined && 'found' in seen) {
      tell('success', false, elapsedMs);
      return seen.found;
    }
    tell(counts, verdict.throttled, elapsedMs);
    this.#verdict = seen?.absent === true ? { ...verdict, next: 'retry' } : verdict;
    throw error;
  }
}

function checked(call) {
  checkString(call.type, 'type');
  checkClass(call.class);
  return call;
}

function checkClass(name) {
  if (isClass(name)) return name;
  const known = Object.keys(CLASSES);
  const near = nearest(String(name), known);
  throw invalid(`class must be one of ${known.join(', ')}; did you mean ${near}?`);
}

function isClass(name) {
  return typeof name === 'string' && Object.hasOwn(CLASSES, name);
}

module.exports = { Guard, policyConfig };
