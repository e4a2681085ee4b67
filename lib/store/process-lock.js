'use strict';

// A file that says which process has a folder, so that no second one takes it; a lock whose process is
// dead is taken over. A pid alone would not do: it may have been given to another process since, and
// means nothing on another machine or in another container. The file is made by linking a finished one,
// so that it is never seen half written.

const fs = require('node:fs');
const os = require('node:os');

const { ConflictError } = require('../errors');

const REFRESH_MS = 10_000;
// Where the process cannot be looked at, a lock this old is a dead one's.
const STALE_MS = 6 * REFRESH_MS;
const ATTEMPTS = 20;

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

function proc(read) {
  try {
    return read();
  } catch {
    return null; // no /proc here, or no such process
  }
}

/** What the process is doing, and when it started in the kernel's own count; null: not to be seen. */
function look(pid) {
  const stat = proc(() => fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { isZombie: fields[0] === 'Z', start: fields[19] };
}

function myself() {
  return {
    pid: process.pid,
    start: look(process.pid)?.start ?? null,
    boot: proc(() => fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    space: proc(() => fs.readlinkSync('/proc/self/ns/pid')),
    host: os.hostname(),
  };
}

function runs({ pid, start }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  const seen = look(pid);
  return seen === null || (!seen.isZombie && (start === null || seen.start === start));
}

/** @returns {string|null} why the lock has to be respected; null: its process is dead */
function reasonToWait(text, ageMs) {
  let owner;
  try {
    owner = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Number.isInteger(owner?.pid) || owner.pid <= 0) return null;
  const me = myself();
  if (owner.boot === me.boot && owner.space === me.space) {
    return runs(owner) ? `process ${owner.pid}` : null;
  }
  if (owner.boot !== me.boot && owner.host === me.host) return null; // before the last start of this host
  if (ageMs > STALE_MS) return null;
  const place = owner.boot === me.boot ? 'in another container' : `on ${owner.host}`;
  return (
    `process ${owner.pid} ${place}, which was there ${Math.round(ageMs / 1000)} s ago ` +
    `(it counts as dead after ${STALE_MS / 1000} s)`
  );
}

// Another process may have taken the dead lock over since it was read: what was moved away is looked
// at again, and given back when it is not the dead one.
function removeDead(file, text, token) {
  const aside = `${file}.${token}.dead`;
  try {
    fs.renameSync(file, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  try {
    if (fs.readFileSync(aside, 'utf8') !== text) fs.linkSync(aside, file);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  } finally {
    fs.unlinkSync(aside);
  }
}

class ProcessLock {
  #file;
  #text;
  #clock;
  #timer;

  /**
   * Takes the lock, or throws. Synchronous, a few small files.
   *
   * @param {string} file
   * @param {object} clock
   * @param {() => void} onLost somebody else has taken it
   * @throws {ConflictError} naming the live process that has it
   */
  constructor(file, clock, onLost) {
    this.#file = file;
    this.#clock = clock;
    const token = clock.token();
    this.#text = JSON.stringify({ ...myself(), token });
    const draft = `${file}.${token}.draft`;
    try {
      this.#take(draft, token);
    } finally {
      fs.rmSync(draft, { force: true });
    }
    this.#timer = clock.setInterval(() => this.#refresh(onLost), REFRESH_MS);
    this.#timer.unref?.();
  }

  #take(draft, token) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      fs.writeFileSync(draft, this.#text, { mode: 0o600 });
      try {
        fs.linkSync(draft, this.#file);
        return;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const text = readText(this.#file);
      const stat = fs.statSync(this.#file, { throwIfNoEntry: false });
      if (text === null || stat === undefined) continue;
      // Both by the clock of the file system.
      const reason = reasonToWait(text, fs.statSync(draft).mtimeMs - stat.mtimeMs);
      if (reason !== null) {
        throw new ConflictError(`${this.#file}: the store is open in ${reason}`);
      }
      removeDead(this.#file, text, token);
    }
    throw new ConflictError(`${this.#file}: other processes take the store again and again`);
  }

  #refresh(onLost) {
    fs.readFile(this.#file, 'utf8', (error, text) => {
      if (error ? error.code === 'ENOENT' : text !== this.#text) {
        this.#clock.clearInterval(this.#timer);
        onLost();
        return;
      }
      const now = new Date();
      // The next one comes soon; and where nothing can be written, the journal says so.
      fs.utimes(this.#file, now, now, () => {});
    });
  }

  release() {
    this.#clock.clearInterval(this.#timer);
    if (readText(this.#file) === this.#text) fs.unlinkSync(this.#file);
  }
}

module.exports = { ProcessLock };
