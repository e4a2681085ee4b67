// Kills every process of a sandbox, however it tried to get away. First all are stopped, so that
// none can fork between two looks, then all are killed, until a look finds none; bounded in rounds.
// Kills that are asked for at the same time share their looks at /proc.
'use strict';

const { setTimeout: delay } = require('node:timers/promises');

const MAX_ROUNDS = 400;
const PAUSE_MS = 2; // between two looks while the kernel still tears processes down
const PATIENT_ROUNDS = 20; // after these the pause grows: something does not want to die

class Reaper {
  #table;
  #next = null; // { ids, promise }: collects while the current batch is at work
  #current = Promise.resolve();

  /** @param {import('./process-table').ProcessTable} table */
  constructor(table) {
    this.#table = table;
  }

  /**
   * @param {string} sandboxId
   * @returns {Promise<number>} processes that could not be killed: 0 unless the kernel holds one
   */
  async kill(sandboxId) {
    if (!this.#next) {
      const batch = { ids: new Set(), promise: null };
      batch.promise = this.#current.then(() => {
        this.#next = null;
        return this.#run(batch.ids);
      });
      this.#current = batch.promise;
      this.#next = batch;
    }
    this.#next.ids.add(sandboxId);
    const left = await this.#next.promise;
    return left.get(sandboxId)?.length ?? 0;
  }

  /**
   * Kills whatever belongs to any sandbox of this backend, also of those that are gone. For the very
   * end and for an exit listener: blocks the thread, for a few seconds at most.
   * @returns {number} processes left
   */
  killAllSync() {
    const sleeper = new Int32Array(new SharedArrayBuffer(4));
    const hunt = new Hunt(this.#table, null);
    let left = hunt.round();
    for (let round = 1; left.size > 0 && round < MAX_ROUNDS; round += 1) {
      if (hunt.killed) Atomics.wait(sleeper, 0, 0, PAUSE_MS);
      left = hunt.round();
    }
    return [...left.values()].flat().length;
  }

  async #run(ids) {
    const hunt = new Hunt(this.#table, ids);
    let left = hunt.round();
    for (let round = 1; left.size > 0 && round < MAX_ROUNDS; round += 1) {
      if (hunt.killed) await delay(round < PATIENT_ROUNDS ? PAUSE_MS : PAUSE_MS * 5);
      left = hunt.round();
    }
    return left;
  }
}

/** The looks at /proc that belong to one kill. */
class Hunt {
  #table;
  #ids;
  #stopped = new Set();

  /** @param {Set<string>|null} ids  null: of all sandboxes */
  constructor(table, ids) {
    this.#table = table;
    this.#ids = ids;
    this.killed = false;
  }

  /**
   * One look: stops what is new; kills all when nothing is new.
   * @returns {Map<string, object[]>} what was found, by sandbox id
   */
  round() {
    const left = new Map();
    const fresh = [];
    for (const [sandboxId, entries] of this.#table.scan()) {
      if (this.#ids && !this.#ids.has(sandboxId)) continue;
      left.set(sandboxId, entries);
      fresh.push(...entries.filter((entry) => !this.#stopped.has(keyOf(entry))));
    }
    for (const entry of fresh) {
      this.#stopped.add(keyOf(entry));
      signal(entry.pid, 'SIGSTOP');
    }
    this.killed = fresh.length === 0;
    if (this.killed) {
      for (const entries of left.values()) for (const { pid } of entries) signal(pid, 'SIGKILL');
    }
    return left;
  }
}

function keyOf({ pid, startTicks }) {
  return `${pid}:${startTicks}`;
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already, which is what was wanted; or it is not ours to signal, and is counted.
  }
}

module.exports = { Reaper };
