'use strict';

// The files of a store in one folder, and the form they have: `snapshot-N`, everything there was before
// `journal-N`, and that journal with those after it. Reads, makes and removes them; when that happens is
// the journal's to say. Whatever it makes is on disk, name and all, when its promise resolves.

const nodeFs = require('node:fs');
const path = require('node:path');

const { storeFailed } = require('./contract');
const { readFrames, frameOf } = require('./frames');

const FORMAT = 1;
const TEXTS_PER_WRITE = 256;
const OWN_FILE = /^(snapshot|journal)-(\d+)$/;

class StoreFolder {
  #folder;
  #fs;

  /** @param {object} [fs] functions in place of those of fs.promises; for tests */
  constructor(folder, fs = {}) {
    this.#folder = folder;
    this.#fs = { ...nodeFs.promises, ...fs };
  }

  async #list() {
    const names = await this.#fs.readdir(this.#folder);
    const numbers = (kind) =>
      names
        .map((name) => OWN_FILE.exec(name))
        .filter((found) => found?.[1] === kind)
        .map((found) => Number(found[2]))
        .sort((a, b) => a - b);
    return { names, snapshots: numbers('snapshot'), journals: numbers('journal') };
  }

  // ---- reading --------------------------------------------------------------------------------

  /**
   * All there is, in order.
   *
   * @returns {Promise<null | { id: string, texts: string[], first: number, last: null |
   *   { number: number, bytes: number, goodBytes: number } }>} null: no store yet. first: the number of
   *   the snapshot; last: the journal to go on with; null: none was begun after the snapshot
   */
  async read() {
    const { names, snapshots, journals } = await this.#list();
    for (const name of names.filter((each) => each.endsWith('.tmp'))) {
      await this.#fs.unlink(path.join(this.#folder, name));
    }
    if (snapshots.length === 0) {
      if (journals.length > 0) throw this.#damaged(`journal-${journals[0]}`, 0);
      return null;
    }
    const first = snapshots.at(-1);
    const { id, texts } = await this.#readSnapshot(`snapshot-${first}`);
    const numbers = journals.filter((each) => each >= first);
    const read = await this.#readJournals(numbers, first, id);
    for (const each of read) texts.push(...each.texts.slice(1));
    const last = read.at(-1)?.texts.length > 0 ? read.at(-1) : null;
    await this.removeBefore(first);
    return { id, texts, first, last };
  }

  async #readSnapshot(name) {
    const { texts, goodBytes } = readFrames(await this.#fs.readFile(this.#path(name)));
    const header = texts.length > 0 ? JSON.parse(texts[0]) : {};
    if (header.format !== FORMAT || header.count !== texts.length - 1) {
      throw this.#damaged(name, goodBytes);
    }
    return { id: header.id, texts: texts.slice(1) };
  }

  // Only the last one that was used may end in half a frame: another is begun when it is on disk. One
  // that was begun and not used may stand after it.
  async #readJournals(numbers, first, id) {
    const read = [];
    for (const number of numbers) {
      const bytes = await this.#fs.readFile(this.#path(`journal-${number}`));
      read.push({ number, bytes: bytes.length, ...readFrames(bytes) });
    }
    const wasUsed = ({ texts, isDamaged }) => texts.length > 1 || isDamaged;
    while (read.length > 1 && !wasUsed(read.at(-1))) {
      await this.#fs.unlink(this.#path(`journal-${read.pop().number}`));
    }
    let previous = null;
    for (const each of read) {
      const isLast = each === read.at(-1);
      const isWhole = each.goodBytes === each.bytes || (isLast && !each.isDamaged);
      const header = each.texts.length > 0 ? JSON.parse(each.texts[0]) : null;
      const isNext = previous === null ? each.number === first : header?.previous === previous;
      const isOurs = header === null ? isLast : header.format === FORMAT && header.id === id;
      if (!isWhole || !isNext || !isOurs) {
        throw this.#damaged(`journal-${each.number}`, each.goodBytes);
      }
      previous = each.number;
    }
    return read;
  }

  /** Opens a journal to go on writing, without what was cut short at its end. */
  async openJournal({ number, bytes, goodBytes }) {
    const handle = await this.#fs.open(this.#path(`journal-${number}`), 'r+');
    try {
      if (bytes > goodBytes) await handle.truncate(goodBytes);
      // It may be in the page cache only: what was read counts from here on.
      await handle.sync();
    } catch (error) {
      await handle.close();
      throw error;
    }
    return { number, handle, bytes: goodBytes };
  }

  // ---- writing --------------------------------------------------------------------------------

  /** @param {{ number: number, id: string, previous: number|null }} facts */
  async createJournal({ number, id, previous }) {
    const name = this.#path(`journal-${number}`);
    const frame = frameOf(JSON.stringify({ format: FORMAT, id, previous }), 0);
    const handle = await this.#fs.open(name, 'w', 0o600);
    try {
      await handle.writeFile(frame);
      await handle.sync();
      await this.#sync();
    } catch (error) {
      await handle.close();
      await this.#fs.rm(name, { force: true });
      throw error;
    }
    return { number, handle, bytes: frame.length };
  }

  /** @param {(() => string)[]} texts asked one after another, a few in one turn of the loop */
  async writeSnapshot({ number, id }, texts) {
    const name = this.#path(`snapshot-${number}`);
    const draft = `${name}.tmp`;
    try {
      const handle = await this.#fs.open(draft, 'w', 0o600);
      try {
        const header = { format: FORMAT, id, count: texts.length };
        await handle.writeFile(frameOf(JSON.stringify(header), 0));
        for (let at = 0; at < texts.length; at += TEXTS_PER_WRITE) {
          const frames = texts.slice(at, at + TEXTS_PER_WRITE).map((text) => frameOf(text(), 0));
          await handle.writeFile(Buffer.concat(frames));
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
      await this.#fs.rename(draft, name);
      await this.#sync();
    } catch (error) {
      await this.#fs.rm(draft, { force: true });
      throw error;
    }
  }

  async #sync() {
    const handle = await this.#fs.open(this.#folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Removes what a snapshot has made superfluous. */
  async removeBefore(number) {
    const { snapshots, journals } = await this.#list();
    const names = [
      ...snapshots.filter((each) => each < number).map((each) => `snapshot-${each}`),
      ...journals.filter((each) => each < number).map((each) => `journal-${each}`),
    ];
    for (const name of names) await this.#fs.rm(this.#path(name), { force: true });
  }

  async removeJournal(number) {
    await this.#fs.rm(this.#path(`journal-${number}`), { force: true });
  }

  #path(name) {
    return path.join(this.#folder, name);
  }

  #damaged(name, offset) {
    return storeFailed(
      `${this.#path(name)} is damaged at byte ${offset}, where something was on disk once; put a ` +
        'backup in its place',
    );
  }
}

module.exports = { StoreFolder };
