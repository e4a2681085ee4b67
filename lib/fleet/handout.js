'use strict';

// How getOrCreateSandbox finds its sandbox: an idle one made from the same spec, looked at before it
// is handed out, else a new one. It is taken before anything is awaited, so two callers never get
// the same one.

const { isSteady } = require('./health-monitor');

class Handout {
  #core;
  #creation;
  #monitor;

  constructor(core, creation, monitor) {
    this.#core = core;
    this.#creation = creation;
    this.#monitor = monitor;
  }

  /**
   * @param {object} spec of createSpec
   * @param {AbortSignal} [signal]
   * @returns {Promise<{ member: Member, reused: boolean }>} taken
   * @throws {CapacityError} when nothing fits and no place is left
   */
  async get(spec, signal) {
    const { pool } = this.#core;
    const tried = new Set();
    for (;;) {
      const member = pool.take(spec.fingerprint, tried);
      if (member === null) break;
      tried.add(member);
      const fit = await this.#isFit(member);
      if (fit === true) {
        member.touch();
        return { member, reused: true };
      }
      member.taken = false;
      // The control plane does not answer: it would not for the next one either.
      if (fit === null) break;
    }
    const prepare = (member) => {
      member.taken = true;
    };
    const member = await this.#creation.create(spec, pool.reserve(), { signal, prepare });
    return { member, reused: false };
  }

  /** @returns {Promise<boolean|null>} null when nobody could say */
  async #isFit(member) {
    const core = this.#core;
    const unlookedMs = core.clock.steady() - member.seenAt;
    const bypassMs = core.config.get('healthCheckBypassMs');
    if (unlookedMs < bypassMs && member.health === 'healthy') return true;
    const found = await this.#monitor.examine(member, { retry: true });
    core.checkOpen();
    if (!core.pool.has(member.id) || !isSteady(member)) return false;
    if (found.presence === 'gone') {
      // Idle and without agents: dropped, the caller gets another one instead of a replacement.
      core.fail('health_check', found.error, member.id);
      core.dismiss(member, 'gone');
      return false;
    }
    return found.presence === 'unseen' ? null : found.health === 'healthy';
  }
}

module.exports = { Handout };
