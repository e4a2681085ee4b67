'use strict';

// What a failure makes us suspect. Something broke in a sandbox: the control plane is asked, once,
// whether there still is one, and only its word condemns; then recovery begins, if it may.

const { isGone } = require('./results');

/** Codes after which the sandbox itself is in doubt. */
const SUSPICIOUS = new Set(['CONNECTION_LOST', 'BAD_GATEWAY', 'PORT_CLOSED']);

class Watch {
  #core;
  #monitor;
  #recovery;
  #looking = new Map();

  constructor(core, monitor, recovery) {
    this.#core = core;
    this.#monitor = monitor;
    this.#recovery = recovery;
  }

  /** Does work in a sandbox; a suspicious failure starts a look at it, which nobody awaits. */
  async over(member, work) {
    try {
      return await work();
    } catch (error) {
      if (isGone(error) || SUSPICIOUS.has(error?.code)) this.verify(member);
      throw error;
    }
  }

  /**
   * Looks at a sandbox after something broke in it. One look for all who ask at the same time.
   *
   * @returns {Promise<boolean>} whether it is gone (and, if it may be, is being replaced)
   */
  verify(member) {
    let look = this.#looking.get(member);
    if (look === undefined) {
      look = this.#verify(member).finally(() => this.#looking.delete(member));
      this.#looking.set(member, look);
      this.#core.track(look);
    }
    return look;
  }

  async #verify(member) {
    if (this.#core.closed || !this.#core.pool.has(member.id)) return true;
    const { presence } = await this.#monitor.examine(member, { retry: true });
    if (presence !== 'gone') return false;
    this.#heal([member.id]);
    return true;
  }

  /**
   * Replaces what is to be replaced, and tries again what could not be replaced before.
   *
   * @param {Member[]} condemned
   * @returns {Promise<object>[]} the recoveries that began
   */
  heal(condemned) {
    return this.#heal([...condemned.map(({ id }) => id), ...this.#core.pool.lost()]);
  }

  #heal(ids) {
    if (this.#core.closed || !this.#core.config.get('autoRecovery')) return [];
    return ids.map((id) => this.#recovery.recover(id));
  }
}

module.exports = { Watch };
