'use strict';

// The journal of a store: texts that are appended, synced, and now and then replaced by a snapshot of
// all there is. Knows nothing of what the texts mean. Its promises:
//
//   append   has written when it returns, so that the end of the process loses nothing; or it throws,
//            and has written nothing
//   sync     resolves when all that was appended before is on disk; calls at one time share one sync
//
// What cannot be written now is tried again at the next write. After a failed sync the kernel may have
// dropped what it held, so nothing of that journal counts: everything is written anew.

const nodeFs = require('node:fs');

const { decision } = require('../debug');
const { storeFailed } = require('./contract');
const { frameOf } = require('./frames');
const { StoreFolder } = require('./store-folder');

const JOURNAL_BYTES = 4 * 1024 * 1024;
const MAX_SYNCED_BYTES = 2 ** 32 - 1;

class Journal {
  #name;
  #folder;
  #fs;
  #content;
  #journalBytes;
  #id = null;
  /** The file appended to: { number, handle, bytes }. */
  #file = null;
  #lastNumber = 0;
  #syncedBytes = 0;
  #rotateAt = Infinity;
  #waiting = [];
  #syncing = null;
  #pause = null;
  #broken = null;
  #lost = null;
  #rotation = null;

  /**
   * @param {string} folder
   * @param {() => (() => string)[]} content texts that say everything there is
   * @param {{ fs?: object, journalBytes?: number }} [hooks] for tests
   */
  constructor(folder, content, { fs = {}, journalBytes = JOURNAL_BYTES } = {}) {
    this.#name = folder;
    this.#folder = new StoreFolder(folder, fs.promises);
    this.#fs = { ...nodeFs, ...fs };
    this.#content = content;
    this.#journalBytes = journalBytes;
  }

  get id() {
    return this.#id;
  }

  /**
   * Reads what is there, or begins.
   *
   * @param {string} newId of a store that is not there yet
   * @param {(text: string) => void} replay called for each text, in order
   */
  async open(newId, replay) {
    const found = await this.#folder.read();
    this.#id = found?.id ?? newId;
    if (found === null) {
      await this.#begin([]);
      return;
    }
    found.texts.forEach(replay);
    if (found.last === null) {
      const facts = { number: found.first, id: this.#id, previous: null };
      this.#use(await this.#folder.createJournal(facts));
    } else {
      this.#use(await this.#folder.openJournal(found.last));
    }
  }

  #use(file) {
    this.#file = file;
    this.#lastNumber = Math.max(this.#lastNumber, file.number);
    this.#syncedBytes = file.bytes;
    this.#rotateAt = this.#journalBytes;
  }

  // ---- appending ------------------------------------------------------------------------------

  /** Whether `append` may be called now; else `ready` has to be waited for. */
  get isReady() {
    return this.#pause === null && this.#broken === null && this.#lost === null;
  }

  /** Waits for a change of files, mends what failed before; throws when that fails again. */
  async ready() {
    while (!this.isReady) {
      if (this.#lost !== null) throw this.#lost;
      await (this.#pause ?? this.#pauseFor(() => this.#mend()));
      if (this.#pause === null && this.#broken !== null) throw this.#failed(this.#broken);
    }
  }

  /** The folder is another process' now: nothing may be written any more. */
  lose(error) {
    this.#lost = error;
  }

  append(text) {
    const file = this.#file;
    const frame = frameOf(text, Math.min(this.#syncedBytes, MAX_SYNCED_BYTES));
    try {
      for (let done = 0; done < frame.length;) {
        const at = file.bytes + done;
        done += this.#fs.writeSync(file.handle.fd, frame, done, frame.length - done, at);
      }
    } catch (error) {
      this.#cutBack(file);
      throw this.#failed(error);
    }
    file.bytes += frame.length;
    if (file.bytes > this.#rotateAt) this.#rotation ??= this.#rotate();
  }

  // What is left of half a frame would be overwritten by the next one: this is tidier, no more.
  #cutBack({ handle, bytes }) {
    try {
      this.#fs.ftruncateSync(handle.fd, bytes);
    } catch (error) {
      decision('store:not-cut', { code: error.code });
    }
  }

  // ---- syncing --------------------------------------------------------------------------------

  sync() {
    const { bytes } = this.#file;
    if (this.#syncedBytes >= bytes) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, resolve, reject });
      this.#syncing ??= this.#syncAll();
    });
  }

  async #syncAll() {
    while (this.#waiting.length > 0) {
      const { handle, bytes } = this.#file;
      try {
        await this.#datasync(handle);
      } catch (error) {
        await this.#afterFailedSync(error);
        continue;
      }
      this.#syncedBytes = bytes;
      const done = this.#waiting.filter((each) => each.bytes <= bytes);
      this.#waiting = this.#waiting.filter((each) => each.bytes > bytes);
      for (const { resolve } of done) resolve();
    }
    this.#syncing = null;
  }

  #datasync({ fd }) {
    return new Promise((resolve, reject) => {
      this.#fs.fdatasync(fd, (error) => (error ? reject(error) : resolve()));
    });
  }

  // The changes of those who wait are in the content, and so on disk when it could be written anew.
  async #afterFailedSync(error) {
    decision('store:sync-failed', { code: error.code });
    this.#broken = error;
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#pause === null) {
      await this.#pauseFor(() => this.#mend());
    } else {
      // Who made this pause waits for the sync, and nobody appends.
      await this.#mend().catch((again) => decision('store:not-mended', { code: again.code }));
    }
    for (const { resolve, reject } of waiting) {
      if (this.#broken === null) resolve();
      else reject(this.#failed(error, 'unknown'));
    }
  }

  // ---- other files ----------------------------------------------------------------------------

  /** Runs `work` while nobody may append. Never rejects: what failed is to be mended. */
  #pauseFor(work) {
    this.#pause = work()
      .catch((error) => {
        this.#broken ??= error;
      })
      .finally(() => {
        this.#pause = null;
      });
    return this.#pause;
  }

  async #exclusively(work) {
    while (!this.isReady) await this.ready();
    await this.#pauseFor(work);
  }

  async #mend() {
    await this.#begin(this.#content());
    this.#broken = null;
  }

  /** Writes everything anew: a snapshot, and an empty journal after it. */
  async #begin(texts) {
    const old = this.#file;
    const number = this.#nextNumber();
    await this.#folder.writeSnapshot({ number, id: this.#id }, texts);
    this.#use(await this.#folder.createJournal({ number, id: this.#id, previous: null }));
    await old?.handle.close().catch(() => {}); // of a file that does not count any more
    await this.#folder.removeBefore(number);
  }

  // Never the same again: what an attempt has left must not be taken for the file of another.
  #nextNumber() {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  /**
   * Puts other content in the place of what is there.
   *
   * @param {() => (() => string)[]} take makes it true in memory, while nobody may append; may throw
   * @param {() => void} giveBack undoes that
   */
  async replace(id, take, giveBack) {
    const before = this.#id;
    let failure = null;
    await this.#exclusively(async () => {
      let texts = null;
      try {
        await this.sync();
        texts = take();
        this.#id = id;
        await this.#begin(texts);
      } catch (error) {
        failure = texts === null ? error : this.#failed(error, 'unknown');
        if (texts === null) return;
        this.#id = before;
        giveBack();
        throw error; // what is on disk now has to be written anew
      }
    });
    if (failure !== null) throw failure;
  }

  // The next journal is made before the pause, which then is as long as one sync.
  async #rotate() {
    const previous = this.#file.number;
    const number = this.#nextNumber();
    try {
      const next = await this.#folder.createJournal({ number, id: this.#id, previous });
      if (await this.#moveTo(next, previous)) {
        // The content of a later moment will do: the journal is played on top of it.
        await this.#folder.writeSnapshot({ number, id: this.#id }, this.#content());
        await this.#folder.removeBefore(number);
      }
    } catch (error) {
      decision('store:not-rotated', { code: error.code });
      this.#rotateAt = this.#file.bytes + this.#journalBytes;
    } finally {
      this.#rotation = null;
    }
  }

  /** @returns {Promise<boolean>} false: the store has another file by now */
  async #moveTo(next, previous) {
    let old = next;
    try {
      await this.#exclusively(async () => {
        await this.sync();
        if (this.#broken !== null || this.#file.number !== previous) return;
        old = this.#file;
        this.#use(next);
      });
    } finally {
      await old.handle.close();
    }
    if (old === next) await this.#folder.removeJournal(next.number);
    return old !== next;
  }

  // ---- the end --------------------------------------------------------------------------------

  async close() {
    await this.#rotation;
    try {
      await this.ready();
      await this.sync();
    } finally {
      await this.#syncing;
      await this.#file.handle.close();
    }
  }

  #failed(error, outcome = 'not-sent') {
    const hint = outcome === 'unknown' ? '; look before doing it again' : '';
    return storeFailed(`the store in ${this.#name} cannot be written: ${error.message}${hint}`, {
      ...{ cause: error, outcome },
      retryable: outcome === 'not-sent',
    });
  }
}

module.exports = { Journal };
