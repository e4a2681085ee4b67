'use strict';

// How getOrCreateSandbox finds its sandbox: an idle one made from the same spec, looked at before it
// is handed out, else a new one. It is taken before anything is awaited, so two callers never get
// the same one.

const { cancelled } = require('./give-up');
const { isSteady } = require('./health-monitor');
const { ANONYMOUS } = require('./member');

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
    const core = this.#core;
    const found = await this.claimFit(spec, null, () => signal?.aborted);
    if (found !== null) return { member: found, reused: true };
    if (signal?.aborted) throw cancelled(signal, 'not-sent');
    const prepare = (member) => {
      member.holder = ANONYMOUS;
      member.taken = true;
    };
    const member = await this.#creation.create(spec, await core.reserve(spec), { signal, prepare });
    return { member, reused: false };
  }

  /**
   * Takes idle sandboxes until one is fit to be used; ends those that are spent or dead.
   *
   * @param {object} spec of createSpec
   * @param {string|null} holder
   * @param {() => boolean} stop asked before each try
   * @returns {Promise<Member|null>} taken
   */
  async claimFit(spec, holder, stop) {
    const core = this.#core;
    const tried = new Set();
    const askedAt = core.clock.steady();
    while (!stop()) {
      const member = await core.claim({ spec, holder, except: tried });
      if (member === null) return null;
      tried.add(member);
      if (this.isSpent(member)) {
        await core.discard(member, 'retired').catch((e) => core.fail('retire', e, member.id));
        continue;
      }
      const fit = await this.#isFit(member);
      if (fit === true) {
        member.touch();
        core.purse.meter.pooled(member.id, core.clock.steady() - askedAt);
        return member;
      }
      member.taken = false;
      // The control plane does not answer: it would not for the next one either.
      if (fit === null) return null;
    }
    return null;
  }

  /** Used, aged or near its end as far as the pool allows: to be ended, not to be handed out. */
  isSpent(member) {
    const pool = this.#core.config.get('pool');
    const { minRemaining } = pool;
    if (isWorn(member, pool)) return true;
    return member.diesAt - this.#core.clock.steady() < minRemaining * member.lifeMs;
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
      await core.dismiss(member, 'gone');
      return false;
    }
    return found.presence === 'unseen' ? null : found.health === 'healthy';
  }
}

/** Past the uses or the age that the pool was told; never so by default. */
function isWorn(member, { maxUses, maxAgeMs }) {
  if (maxUses > 0 && member.uses >= maxUses) return true;
  return maxAgeMs > 0 && member.uptimeMs >= maxAgeMs * member.youth;
}

module.exports = { isWorn, Handout };
