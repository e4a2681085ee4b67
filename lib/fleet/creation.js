'use strict';

// How a sandbox comes into the fleet: a place is held, the request sent, and sent again only when
// the error says that nothing can have happened. When it may have happened, nothing is sent: the
// token that travelled in the metadata is looked for once; what is found is adopted.

const { linkSignals } = require('../policy/signals');
const { cancelled } = require('./give-up');
const { Member } = require('./member');
const { withDetails } = require('./results');

/** Deadline of a look-up by token: it stands between a caller and the answer he already lost. */
const LOOKUP_TIMEOUT_MS = 10_000;
/** Tokens whose fate is open that are remembered until shutdown looks once more. */
const UNSETTLED_MAX = 1000;

class Creation {
  #core;
  #unsettled = new Set();

  constructor(core) {
    this.#core = core;
  }

  /**
   * @param {object} spec of createSpec
   * @param {{ fill, free }} place of the pool; used up or freed here
   * @param {object} [how]
   * @param {AbortSignal} [how.signal]
   * @param {(member: Member) => void} [how.prepare] before the fleet, and so anybody else, sees it
   * @returns {Promise<Member>} in the fleet
   */
  create(spec, place, { signal, prepare } = {}) {
    const creation = this.#create(spec, place, signal, prepare);
    this.#core.track(creation.catch(() => {}));
    return creation;
  }

  async #create(spec, place, signal, prepare) {
    const core = this.#core;
    const waiting = linkSignals(core.stopping, signal);
    try {
      const made = await core.creations.run(
        () => this.#request(spec, signal, waiting.signal),
        waiting.signal,
      );
      const member = new Member(made.sandbox, spec, core.clock, made.bornAt);
      prepare?.(member);
      core.admit(member, place);
      core.checkOpen();
      return member;
    } catch (error) {
      // Given up while it waited for its turn, or between two attempts: nothing was made.
      throw signal?.aborted && error === signal.reason ? cancelled(signal, 'not-sent') : error;
    } finally {
      waiting.unlink();
      place.free();
    }
  }

  async #request(spec, signal, waiting) {
    const core = this.#core;
    const token = core.clock.token();
    const calling = linkSignals(core.aborting, signal);
    let bornAt;
    try {
      const sandbox = await core.retry(
        'create_sandbox',
        null,
        () => {
          bornAt = core.clock.steady();
          return core.native.createE2bSandbox(
            spec.name,
            spec.template,
            spec.timeout,
            spec.memoryMb ?? undefined,
            spec.cpuCount ?? undefined,
            core.options({ ...this.#wish(spec, token), signal: calling.signal }),
          );
        },
        { signal: waiting },
      );
      return { sandbox, bornAt };
    } catch (error) {
      if (!mayExist(error)) throw error;
      return { sandbox: await this.#adopt(token, error, waiting), bornAt };
    } finally {
      calling.unlink();
    }
  }

  #wish(spec, token) {
    const owner = this.#core.config.get('owner');
    const wish = { [this.#core.native.kReserved]: { token, spec: spec.fingerprint } };
    if (owner !== undefined) wish[this.#core.native.kReserved].owner = owner;
    if (Object.keys(spec.env).length > 0) wish.env = { ...spec.env };
    if (Object.keys(spec.metadata).length > 0) wish.metadata = { ...spec.metadata };
    for (const key of ['autoPause', 'allowInternetAccess']) {
      if (spec[key] !== null) wish[key] = spec[key];
    }
    return wish;
  }

  /** The sandbox that an unanswered request made, or the error of that request. */
  async #adopt(token, error, waiting) {
    const unknown = withDetails(error, { outcome: 'unknown' });
    const [found] = await this.#find(token).catch(() => []);
    if (found === undefined) {
      this.#remember(token);
      throw unknown;
    }
    if (!waiting.aborted) return found;
    // Nobody wants it any more.
    await this.#kill(found.sandboxId).catch(() => this.#remember(token));
    throw error;
  }

  #find(token) {
    const { native } = this.#core;
    const options = this.#patient({ metadata: { 'e2b-swarm.token': token }, limit: 2 });
    const look = () => native.listE2bSandboxes('all', options);
    return this.#core.retry('find_sandbox', null, look, { signal: null });
  }

  #kill(sandboxId) {
    const options = this.#patient();
    const end = () => this.#core.native.terminateE2bSandbox(sandboxId, true, options);
    return this.#core.retry('terminate_sandbox', sandboxId, end, { signal: null });
  }

  // Not stopped by a shutdown (it is part of one), so it needs a short deadline of its own.
  #patient(extra) {
    const requestTimeoutMs = this.#core.deadlineMs(LOOKUP_TIMEOUT_MS);
    return this.#core.options({ ...extra, requestTimeoutMs, signal: undefined });
  }

  #remember(token) {
    this.#unsettled.add(token);
    if (this.#unsettled.size > UNSETTLED_MAX) {
      this.#unsettled.delete(this.#unsettled.values().next().value);
    }
  }

  /**
   * Looks once more for what unanswered requests may have made since, and ends it. For shutdown.
   *
   * @returns {Promise<string[]>} ids of those that could not be ended
   */
  async settle() {
    const left = [];
    for (const token of this.#unsettled) {
      const found = await this.#find(token).catch(() => []);
      for (const { sandboxId } of found) {
        await this.#kill(sandboxId).catch(() => left.push(sandboxId));
      }
    }
    this.#unsettled.clear();
    return left;
  }
}

function mayExist(error) {
  return error?.outcome === 'unknown' || error?.outcome === 'interrupted';
}

module.exports = { Creation };
