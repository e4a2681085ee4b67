'use strict';

// How a sandbox comes into the fleet. The intent is in the store before the request is sent, and its
// token travels in the metadata. The request is sent again only when its error says that nothing can
// have happened. When it may have happened, nothing is sent before the far end's list was read by
// token over a settle window: what is found is adopted, and whatever is found beside it ended. When
// nothing is found the intent stays, watched, in its place, and another one is begun.

const { sleep } = require('../clock');
const { decision } = require('../debug');
const { failoverBackends } = require('../policy/failover');
const { linkSignals } = require('../policy/signals');
const { HANDED_ON } = require('./create-spec');
const { cancelled } = require('./give-up');
const { Member } = require('./member');
const { withDetails } = require('./results');

/** Deadline of a look-up by token: it stands between a caller and the answer he already lost. */
const LOOKUP_TIMEOUT_MS = 10_000;
/** First wait between two looks; it doubles. */
const LOOK_AGAIN_MS = 250;
/** How long looking goes on, past the settle window, while the list itself cannot be read. */
const LIST_PATIENCE_MS = 20_000;
/** Sandboxes of one token that one look shows: one, and what a doubled request may have made. */
const SAME_TOKEN_MAX = 10;

class Creation {
  #core;

  constructor(core) {
    this.#core = core;
  }

  /**
   * @param {object} spec of createSpec
   * @param {{ entry, fill, free }} place of core.reserve(); used up or freed here
   * @param {object} [how]
   * @param {AbortSignal} [how.signal]
   * @param {(member: Member) => void} [how.prepare] before the fleet, and so anybody else, sees it
   * @param {(entry) => void} [how.keep] is given the entry, with its place, when nothing was made
   * @returns {Promise<Member>} in the fleet
   */
  create(spec, place, { signal, prepare, keep } = {}) {
    const creation = this.#create(spec, place, { signal, prepare, keep });
    this.#core.track(creation.catch(() => {}));
    return creation;
  }

  async #create(spec, place, { signal, prepare, keep }) {
    const core = this.#core;
    const waiting = linkSignals(core.stopping, signal);
    try {
      const { place: filled, ...made } = await core.creations.run(
        () => this.#attempts(spec, place, { signal, waiting: waiting.signal, keep }),
        waiting.signal,
      );
      const member = await this.#commit(spec, filled, made, prepare);
      core.checkOpen();
      return member;
    } catch (error) {
      // Given up while it waited for its turn, or between two attempts: nothing was made.
      if (!(signal?.aborted && error === signal.reason)) throw error;
      throw cancelled(signal, 'not-sent');
    } finally {
      waiting.unlink();
      await this.#abandon(place, keep);
    }
  }

  /** Durable, then visible, then told. */
  async #commit(spec, place, { sandbox, bornAt }, prepare) {
    const core = this.#core;
    const { entry } = place;
    const member = new Member(sandbox, spec, core.clock, bornAt);
    member.entry = entry;
    member.backend = core.backendOf(entry.row);
    entry.member = member;
    prepare?.(member);
    const createdAt = new Date(core.clock.now()).toISOString();
    const data = { ...entry.row.data, createdAt };
    try {
      const state = member.busy ? 'leased' : 'idle';
      const { id: sandboxId, holder } = member;
      await entry.change({ state, sandboxId, holder, data });
    } catch (error) {
      // Nobody knows it but this line: ended now if it can be, else by whoever reads the intent.
      entry.letGo();
      place.free();
      await core.end(member.id, member.backend, this.#patient()).catch(() => {});
      core.unproven();
      throw error;
    }
    core.admit(member, place, { createMs: core.clock.steady() - bornAt });
    if (core.ceiling.places < Infinity) core.ceiling.passed(await this.#taken());
    return member;
  }

  async #attempts(spec, first, { signal, waiting, keep }) {
    const core = this.#core;
    for (let attempt = 1, place = first; ; attempt++) {
      try {
        return { place, ...(await this.#request(spec, place.entry, signal, waiting)) };
      } catch (error) {
        if (!mayExist(error)) {
          if (place !== first) await this.#abandon(place, keep);
          throw error;
        }
        const found = place.entry.seen ?? (await this.#settle(place.entry, waiting));
        await this.#leaveWatched(place, found);
        const unknown = withDetails(error, { outcome: 'unknown' });
        const isLast = attempt >= core.config.get('retryAttempts');
        if (waiting.aborted || !found.absent || isLast) throw unknown;
        decision('create again', { attempt, code: error.code });
        place = await core.reserve(spec).catch(() => {
          throw unknown;
        });
      }
    }
  }

  async #request(spec, entry, signal, waiting) {
    const core = this.#core;
    const calling = linkSignals(core.aborting, signal);
    let bornAt;
    // Found after all: the far end did its work, and its breaker is told so.
    const look = async () => {
      entry.bornAt = bornAt;
      entry.seen = await this.#settle(entry, waiting);
      return entry.seen.sandbox && !waiting.aborted ? { found: entry.seen.sandbox } : null;
    };
    try {
      await core.purse.reserve(entry, spec, waiting);
      const sandbox = await this.#placed(entry, waiting, (backend) => {
        const wish = { ...this.#wish(spec, entry), signal: calling.signal };
        const options = core.options(wish, backend);
        const ask = () => {
          bornAt = core.clock.steady();
          const { name, template, timeout, memoryMb, cpuCount } = spec;
          const size = [memoryMb ?? undefined, cpuCount ?? undefined];
          return core.native.createE2bSandbox(name, template, timeout, ...size, options);
        };
        const how = { signal: waiting, look, key: spec.template, backend };
        return core.retry('create_sandbox', null, ask, how);
      });
      return { sandbox, bornAt };
    } catch (error) {
      if (error?.code === 'CONCURRENCY_LIMIT') core.ceiling.met((await this.#taken()) - 1);
      throw error;
    } finally {
      calling.unlink();
    }
  }

  // In the order of the list: where the first cannot, the next one is asked. The ledger says where,
  // before anything is sent there.
  #placed(entry, waiting, ask) {
    const core = this.#core;
    const asked = async (backend) => {
      if (core.backendOf(entry.row) !== backend) {
        await entry.change({ data: { ...entry.row.data, backend } });
      }
      return ask(backend);
    };
    const { backends } = core.config;
    if (backends.length === 1) return asked(backends[0]);
    return failoverBackends(backends, asked, {
      ...{ class: 'create', signal: waiting },
      refusal: (backend) => core.guard.refusal('create', backend),
      onFailover: ({ from, index, error }) => {
        const facts = { from, to: backends[index], code: error?.code };
        decision('failover', facts);
        core.emit('failover', { type: 'create_sandbox', ...facts });
      },
    });
  }

  #wish(spec, entry) {
    const { clock, ledger, native } = this.#core;
    const wish = {
      [native.kReserved]: {
        token: entry.token,
        owner: ledger.owner,
        spec: spec.fingerprint,
        instance: ledger.instance,
        // What is no number is refused by the call itself, in its own words.
        lease: new Date(clock.now() + (Number(spec.timeout) * 1000 || 0)).toISOString(),
      },
    };
    if (Object.keys(spec.env).length > 0) wish.env = { ...spec.env };
    if (Object.keys(spec.metadata).length > 0) wish.metadata = { ...spec.metadata };
    for (const key of HANDED_ON) if (spec[key] !== undefined) wish[key] = spec[key];
    return wish;
  }

  /**
   * What an unanswered request made: the list is read until it shows it, or has shown nothing once
   * the settle window was over. Somebody who gave up is not kept longer than for one look.
   *
   * @returns {Promise<{ sandbox?: object, absent?: boolean }>}
   */
  async #settle(entry, waiting) {
    const { clock, config } = this.#core;
    const lostAt = clock.steady();
    const { settleMs } = config.get('pool');
    for (let waitMs = LOOK_AGAIN_MS; ; waitMs *= 2) {
      const lookedAt = clock.steady();
      const found = await this.#find(entry).catch(() => null);
      if (found?.length > 0) {
        const [sandbox, ...others] = found.sort(byAge);
        for (const { sandboxId } of others) await this.#end(sandboxId, entry);
        return { sandbox };
      }
      if (waiting.aborted) return {};
      if (found !== null && lookedAt - lostAt >= settleMs) return { absent: true };
      const leftMs = settleMs - (clock.steady() - lostAt);
      if (leftMs < -LIST_PATIENCE_MS) return {};
      const pauseMs = leftMs > 0 ? Math.min(waitMs, leftMs) : waitMs;
      await sleep(clock, pauseMs, waiting).catch(() => {});
    }
  }

  // What still arrives under this token is ended by reconcile; one that could have arrived has its
  // place until then.
  async #leaveWatched({ entry, free }, { sandbox }) {
    const ended = sandbox !== undefined && (await this.#end(sandbox.sandboxId, entry));
    const left = ended
      ? { state: 'ended', place: 0, sandboxId: sandbox.sandboxId }
      : { state: 'watched' };
    await entry.change(left).catch(() => {}); // 'creating' in nobody's hand is watched as well
    // It lived for as long as it took to find it: its creation is all that it can have cost.
    if (ended)
      await this.#core.settle(entry.token, this.#core.purse.costOfRow({ data: {}, ...left }));
    entry.letGo();
    free();
    this.#core.unproven();
  }

  // Nothing was made: the place is free again, or kept for the next try.
  async #abandon({ entry, free }, keep) {
    free();
    const core = this.#core;
    if (entry.state !== 'creating' || core.ledger.entry(entry.token) !== entry) return;
    try {
      await core.settle(entry.token, 0);
      if (keep) {
        await entry.change({ state: 'ended' });
        keep(entry);
      } else {
        await entry.remove();
      }
    } catch (error) {
      entry.letGo();
      core.fail('create_sandbox', error);
    }
    core.changed();
  }

  async #find({ row, token }) {
    const { native } = this.#core;
    const backend = this.#core.backendOf(row);
    const wish = {
      ...this.#patient(),
      metadata: { 'e2b-swarm.token': token },
      limit: SAME_TOKEN_MAX,
      signal: undefined,
    };
    const options = this.#core.options(wish, backend);
    const look = () => native.listE2bSandboxes('all', options);
    const found = await this.#core.retry('find_sandbox', null, look, { signal: null, backend });
    // What is found is adopted or ended: only what is ours beyond doubt.
    return found.filter(({ metadata }) => metadata?.['e2b-swarm.token'] === token);
  }

  // One that cannot be ended now is in the list of the next reconcile.
  #end(sandboxId, { row }) {
    return this.#core.end(sandboxId, this.#core.backendOf(row), this.#patient()).then(
      () => true,
      () => false,
    );
  }

  // In the whole fleet: what the far end refuses is counted over all managers.
  #taken() {
    const { ledger, pool } = this.#core;
    return ledger.taken().catch(() => pool.taken);
  }

  // Not stopped by a shutdown (it is part of one), so it needs a short deadline of its own.
  #patient() {
    return { requestTimeoutMs: this.#core.deadlineMs(LOOKUP_TIMEOUT_MS) };
  }
}

function mayExist(error) {
  return error?.outcome === 'unknown' || error?.outcome === 'interrupted';
}

// The first one made is kept: the same choice, whoever makes it.
function byAge(a, b) {
  return (
    Date.parse(a.startedAt ?? 0) - Date.parse(b.startedAt ?? 0) ||
    (a.sandboxId < b.sandboxId ? -1 : 1)
  );
}

module.exports = { Creation };
