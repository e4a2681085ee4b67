'use strict';

// Keeps idle sandboxes ready: as many as `pool.warm` says (or its schedule, by the time of day), made
// from `pool.warmSpec`, a few at a time. A creation that fails is not tried again at once: the pool
// that cannot be filled must not become a storm. Shrinking is the cleanup's business.

const { resolveSchedule, targetAt } = require('../money/schedule');
const { backoffMs } = require('../policy/backoff');

const BASE_MS = 1_000;
const CAP_MS = 300_000;

class Warmer {
  #core;
  #creation;
  #specOf;
  #coming = 0;
  #failures = 0;
  #notBefore = -Infinity;

  /**
   * @param {import('./core').FleetCore} core
   * @param {import('./creation').Creation} creation
   * @param {(config: object|null) => object} specOf
   */
  constructor(core, creation, { specOf }) {
    this.#core = core;
    this.#creation = creation;
    this.#specOf = specOf;
  }

  /** How many should be ready now. */
  get target() {
    const { warm, schedule } = this.#core.config.get('pool');
    if (schedule === null) return warm;
    return targetAt(resolveSchedule(schedule), this.#core.clock.now());
  }

  /** Starts what is missing; resolves when that has ended. */
  async fill() {
    const core = this.#core;
    if (core.closed || core.clock.steady() < this.#notBefore) return;
    const target = this.target;
    if (target === 0) return;
    const spec = this.#specOf(core.config.get('pool').warmSpec);
    const isReady = (member) => member.idle && member.spec.fingerprint === spec.fingerprint;
    const ready = core.pool.members().filter(isReady).length;
    const room = Math.max(0, core.maximum - core.pool.taken);
    const { burst } = core.config.get('pool');
    const missing = Math.min(target - ready - this.#coming, burst - this.#coming, room);
    if (missing <= 0) return;
    await Promise.all(Array.from({ length: missing }, () => this.#one()));
  }

  async #one() {
    const core = this.#core;
    this.#coming++;
    try {
      const spec = this.#specOf(core.config.get('pool').warmSpec);
      await this.#creation.create(spec, await core.reserve(spec));
      this.#failures = 0;
    } catch (error) {
      if (core.closed) return;
      const random = core.clock.random;
      const delayMs = backoffMs({
        attempt: this.#failures,
        baseMs: BASE_MS,
        capMs: CAP_MS,
        random,
      });
      this.#failures++;
      this.#notBefore = core.clock.steady() + delayMs;
      if (error?.code !== 'CAPACITY') core.fail('warm_pool', error);
    } finally {
      this.#coming--;
    }
  }
}

module.exports = { Warmer };
