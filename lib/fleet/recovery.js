'use strict';

// Replaces a sandbox: ends the old one by force, makes another from the same spec in its place, and
// starts the agents again that were still running. One at a time for each sandbox. What could not be
// replaced keeps its place and is tried again at the next health rounds, a bounded number of times.

const { sleep } = require('../clock');
const { decision } = require('../debug');
const { ConflictError } = require('../errors');
const { ANONYMOUS } = require('./member');
const { withDetails } = require('./results');

/** Rounds in which a replacement is tried before the place is given up. */
const MAX_ROUNDS = 5;

class Recovery {
  #core;
  #creation;
  #agents;
  #running = new Map();
  /** What is kept of the sandboxes that are being replaced at this moment, by the old id. */
  #underway = new Map();

  constructor(core, creation, agents) {
    this.#core = core;
    this.#creation = creation;
    this.#agents = agents;
  }

  /**
   * @param {string} id of a sandbox of the fleet, or of one that was lost
   * @returns {Promise<object>} { success: true, oldId, newId, agents } or a failure; never rejects
   */
  recover(id) {
    let running = this.#running.get(id);
    if (running === undefined) {
      running = this.#recover(id).finally(() => this.#running.delete(id));
      this.#running.set(id, running);
      this.#core.track(running);
    }
    return running;
  }

  async #recover(id) {
    const core = this.#core;
    try {
      core.checkOpen();
      if (!core.pool.lost().includes(id)) core.pool.get(id);
      const member = core.pool.has(id) ? core.pool.get(id) : null;
      if (member?.spec.foreign || member?.lease) return await this.#drop(member);
    } catch (error) {
      return core.fail('recovery', error, id);
    }
    core.stats.add('recoveryAttempts');
    decision('recovery', { sandboxId: id });
    try {
      const facts = core.pool.reclaim(id) ?? (await this.#retire(core.pool.get(id)));
      this.#underway.set(id, facts);
      if (facts.waitMs > 0) await sleep(core.clock, facts.waitMs, core.stopping);
      facts.waitMs = 0;
      const member = await this.#replace(id, facts);
      await this.#redeploy(member, facts);
      core.emit('recovery:success', { oldId: id, newId: member.id });
      return { success: true, oldId: id, newId: member.id, agents: facts.agents.length };
    } catch (error) {
      const result = core.fail('recovery', error, id);
      core.emit('recovery:failed', { sandboxId: id, error });
      return result;
    } finally {
      this.#underway.delete(id);
    }
  }

  /**
   * Whoever had taken a sandbox gives it back while it is replaced, or waits for its replacement.
   *
   * @returns {boolean} whether that is so
   */
  release(id) {
    const facts = this.#underway.get(id) ?? this.#core.pool.lostFacts(id);
    if (facts === undefined) return false;
    facts.taken = false;
    return true;
  }

  /** Ends the old one; from its first line on nobody else can use it. */
  async #retire(member) {
    const kept = await this.#core.terminate(member, 'recovery', { keepPlace: true });
    if (kept !== null) {
      const { spec, taken, lastUsed, lastUsedAt } = member;
      // Only now: an agent may have come to run, or to its end, while the old one was ended.
      const agents = [...member.agents.values()].map(({ request }) => request);
      // What dies as soon as it is made is not made again without end.
      const waitMs = this.#core.purse.guard.died(spec.fingerprint, member.uptimeMs);
      return { spec, agents, taken, lastUsed, lastUsedAt, rounds: 0, kept, waitMs };
    }
    const message = `sandbox '${member.id}' was ended by somebody else while it was replaced`;
    throw new ConflictError(message, { sandboxId: member.id });
  }

  // One of a dead manager cannot be made again: its environment is not known. And a lease is for one
  // sandbox and for what its holder has made of it: he is told that it is lost.
  async #drop(member) {
    await this.#core.terminate(member, 'gone');
    return { success: true, oldId: member.id, newId: null, agents: 0 };
  }

  async #replace(oldId, facts) {
    const core = this.#core;
    const { pool } = core;
    // Between a failed creation and the next round nobody else may have the place.
    const keep = (entry) => {
      facts.kept = entry;
    };
    const prepare = (member) => {
      member.holder = ANONYMOUS;
      member.taken = true; // until its agents run
      member.inheritUse(facts);
      pool.replaced(oldId, member.id);
    };
    try {
      const place = await core.reserve(facts.spec, { replaces: facts.kept });
      facts.kept = null;
      return await this.#creation.create(facts.spec, place, { prepare, keep });
    } catch (error) {
      facts.rounds++;
      if (facts.rounds < MAX_ROUNDS && !core.closed) pool.lose(oldId, facts);
      else await this.#giveUp(facts);
      throw error;
    }
  }

  async #giveUp({ kept }) {
    if (kept === null) return;
    await kept.change({ place: 0 }).catch(() => {}); // reconcile takes it from a dead manager
    kept.letGo();
    this.#core.changed();
  }

  async #redeploy(member, facts) {
    const deployed = await Promise.allSettled(
      facts.agents.map((request) => this.#agents.deploy(member, request)),
    );
    member.taken = facts.taken;
    await member.entry.quiet();
    const failed = deployed.filter(({ status }) => status === 'rejected');
    for (const { reason } of failed) this.#core.fail('deploy_agent', reason, member.id);
    if (failed.length > 0) throw withDetails(failed[0].reason, { newId: member.id });
  }
}

module.exports = { Recovery };
