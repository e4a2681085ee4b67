'use strict';

// A circuit breaker: where half of the calls fail, further ones are refused at once, and after a while
// a few are let through to see. It is told how calls ended, and judges what it is told: which errors
// count is said by classify.js. It has no timers: an open breaker is half-open when it is asked after
// its time. States change in #become alone.

const { ServerError } = require('../errors');
const { SlidingWindow } = require('./sliding-window');

const BREAKER_DEFAULTS = Object.freeze({
  windowMs: 30_000,
  minimumCalls: 20,
  failureRate: 0.5,
  slowCallMs: 60_000,
  slowCallRate: 1,
  openMs: 10_000,
  maxOpenMs: 300_000,
  probes: 3,
  probesAtOnce: 1,
  probeTimeoutMs: 120_000,
});
const FIELDS = ['calls', 'failures', 'slow'];

class Breaker {
  #clock;
  #numbers;
  #onChange;
  #window;
  #state = 'closed';
  /** One more at each change: what a call says that began before a change is no news. */
  #epoch = 0;
  /** How often it has opened without closing in between: each time open is twice as long. */
  #opens = 0;
  #openUntil = 0;
  #probing = new Set();
  #passed = 0;
  #failed = 0;

  /**
   * @param {object} parts
   * @param {object} parts.clock
   * @param {Partial<typeof BREAKER_DEFAULTS>} [parts.numbers]
   * @param {(state: 'open'|'half-open'|'closed', facts: object) => void} [parts.onChange] after the
   *   state has changed; must not throw
   */
  constructor({ clock, numbers, onChange = () => {} }) {
    this.#clock = clock;
    this.#numbers = { ...BREAKER_DEFAULTS, ...numbers };
    this.#onChange = onChange;
    this.#window = new SlidingWindow({ clock, windowMs: this.#numbers.windowMs, fields: FIELDS });
  }

  /** @returns {'closed'|'open'|'half-open'|'isolated'} */
  get state() {
    this.#look();
    return this.#state;
  }

  /** @returns {{ calls: number, failures: number, slow: number }} of the window */
  get counts() {
    return this.#window.sum();
  }

  /**
   * Why a call would be refused at this moment, without making one.
   *
   * @returns {ServerError|null} BREAKER_OPEN, retryAfterMs until a probe (null: nobody can say)
   */
  refusal() {
    this.#look();
    if (this.#state === 'closed') return null;
    const { probes, probesAtOnce } = this.#numbers;
    const room = Math.min(probesAtOnce, probes - this.#passed - this.#failed);
    if (this.#state === 'half-open' && this.#probing.size < room) return null;
    const open = this.#state === 'open';
    const why =
      this.#state === 'isolated' ? 'was isolated by hand' : 'has failed too often of late';
    return new ServerError(`not sent: the far end ${why}, and the circuit breaker is open`, {
      code: 'BREAKER_OPEN',
      outcome: 'not-sent',
      retryable: true,
      retryAfterMs: open ? Math.ceil(this.#openUntil - this.#clock.steady()) : null,
    });
  }

  /**
   * A call is about to be sent.
   *
   * @returns {Ticket} to say how it ended, also much later
   * @throws {ServerError} BREAKER_OPEN
   */
  enter() {
    const refused = this.refusal();
    if (refused !== null) throw refused;
    const ticket = new Ticket(this.#epoch, this.#clock.steady(), (how, ms) =>
      this.#settle(ticket, how, ms),
    );
    if (this.#state === 'half-open') this.#probing.add(ticket);
    return ticket;
  }

  /** Opens it until reset() is called. */
  isolate() {
    if (this.#state !== 'isolated') this.#become('isolated', { reason: 'isolated' });
  }

  /** Closes it and forgets everything. */
  reset() {
    if (this.#state === 'closed') this.#window.clear();
    else this.#become('closed', { reason: 'reset' });
  }

  toJSON() {
    const state = this.state;
    const leftMs = state === 'open' ? Math.ceil(this.#openUntil - this.#clock.steady()) : 0;
    const saved = { state, opens: this.#opens, leftMs, savedAtMs: this.#clock.now() };
    return { ...saved, window: this.#window.toJSON() };
  }

  /**
   * Takes over what toJSON gave, in this or another process; time has passed as by the wall clock.
   * Tells nobody. Half-open probes of the dead process are nobody's: they are made again.
   *
   * @returns {boolean} false: not a state of a breaker, nothing has changed
   */
  restore(saved) {
    const { state, opens, leftMs, savedAtMs, window } = saved ?? {};
    const known = ['closed', 'open', 'half-open', 'isolated'].includes(state);
    if (!known || ![leftMs, savedAtMs].every(Number.isFinite) || !Number.isInteger(opens)) {
      return false;
    }
    const elapsedMs = Math.max(0, this.#clock.now() - savedAtMs);
    this.#epoch++;
    this.#probing.clear();
    this.#passed = 0;
    this.#failed = 0;
    this.#state = state === 'half-open' ? 'open' : state;
    this.#opens = Math.max(0, opens);
    const restMs = Math.min(Math.max(0, leftMs - elapsedMs), this.#numbers.maxOpenMs);
    this.#openUntil = this.#clock.steady() + restMs;
    this.#window.restore(window, elapsedMs);
    return true;
  }

  // What time alone has changed.
  #look() {
    const now = this.#clock.steady();
    if (this.#state === 'open' && now >= this.#openUntil) this.#become('half-open', {});
    if (this.#state !== 'half-open') return;
    for (const { startedAt } of this.#probing) {
      if (now - startedAt < this.#numbers.probeTimeoutMs) continue;
      this.#open('lost-probe');
      return;
    }
  }

  #settle(ticket, how, ms) {
    if (ticket.epoch !== this.#epoch) return;
    const slow = ms >= this.#numbers.slowCallMs;
    if (this.#state === 'half-open') this.#probed(ticket, how, slow);
    else if (this.#state === 'closed' && how !== 'cancel') this.#count(how === 'failure', slow);
  }

  // By the same rate as in the window, and as soon as the outcome is sure: were each probe to decide,
  // a far end that fails now and then would be shut out for good.
  #probed(ticket, how, slow) {
    this.#probing.delete(ticket);
    if (how === 'cancel') return;
    if (how === 'failure' || slow) this.#failed++;
    else this.#passed++;
    const { probes, failureRate } = this.#numbers;
    if (this.#failed / probes >= failureRate) this.#open('probes');
    else if ((probes - this.#passed) / probes < failureRate)
      this.#become('closed', { reason: 'probes' });
  }

  #count(failed, slow) {
    const counts = this.#window.now();
    counts.calls++;
    if (failed) counts.failures++;
    if (slow) counts.slow++;
    const { minimumCalls, failureRate, slowCallRate } = this.#numbers;
    const sum = this.#window.sum();
    if (sum.calls < minimumCalls) return;
    if (sum.failures / sum.calls >= failureRate) this.#open('failures', sum);
    else if (sum.slow / sum.calls >= slowCallRate) this.#open('slow', sum);
  }

  #open(reason, counts) {
    const { openMs, maxOpenMs } = this.#numbers;
    const forMs = Math.min(maxOpenMs, openMs * 2 ** this.#opens);
    this.#opens++;
    this.#openUntil = this.#clock.steady() + forMs;
    this.#become('open', { reason, forMs, opens: this.#opens, ...counts });
  }

  #become(state, facts) {
    this.#epoch++;
    this.#state = state;
    this.#probing.clear();
    this.#passed = 0;
    this.#failed = 0;
    this.#window.clear();
    if (state === 'closed') this.#opens = 0;
    this.#onChange(state === 'isolated' ? 'open' : state, facts);
  }
}

/** One call under way. Only its first word counts; without one a probe is lost after its time. */
class Ticket {
  #settle;

  constructor(epoch, startedAt, settle) {
    this.epoch = epoch;
    this.startedAt = startedAt;
    this.#settle = settle;
  }

  /** @param {number} [ms] how long it took; 0 when nobody measured */
  success(ms = 0) {
    this.#end('success', ms);
  }

  /** @param {number} [ms] */
  failure(ms = 0) {
    this.#end('failure', ms);
  }

  /** It says nothing about the far end: given up by us. */
  cancel() {
    this.#end('cancel', 0);
  }

  #end(how, ms) {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(how, ms);
  }
}

module.exports = { Breaker, BREAKER_DEFAULTS };
