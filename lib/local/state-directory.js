// The directory of one backend: what lives as long as it does (`live-*/`), and what outlives it when a
// place was named (`kept/`: layers of templates and snapshots, sandboxes that were paused to disk).
// One backend at a time: a lock names its process so that no other process can be mistaken for it.
'use strict';

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const LOCK = 'lock';
const LIVE = 'live-';

class StateDirectory {
  #lock = null;
  #writes = Promise.resolve();

  /**
   * @param {string|null} stateDir  null: a temporary one, which `close` removes
   * @param {string} [parent]  of a temporary one
   * @throws {Error} `code` `STATE_DIRECTORY_IN_USE` while another backend lives in it
   */
  constructor(stateDir, parent = os.tmpdir()) {
    this.persistent = stateDir !== null;
    if (this.persistent) fs.mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const made = stateDir ?? fs.mkdtempSync(path.join(parent, 'e2b-local-'));
    /** Its real path, since that is what processes see. */
    this.root = fs.realpathSync(made);
    if (this.persistent) this.#lock = takeLock(this.root);
    /** What goes with the backend. Each has its own: of a dead one something may still be writing. */
    this.live = this.persistent
      ? path.join(this.root, `${LIVE}${randomBytes(6).toString('hex')}`)
      : this.root;
    /** Of the sandboxes that run. */
    this.run = path.join(this.live, 'run');
    const left = fs.readdirSync(this.root).filter((name) => name.startsWith(LIVE));
    /** When the leftovers of dead backends are gone. */
    this.cleared = Promise.all(left.map((name) => removeTree(path.join(this.root, name)))).catch(
      () => {}, // the next start tries again
    );
    this.layers = this.kept('layers');
    this.paused = this.kept('sandboxes');
    this.prepare();
  }

  /** Makes what is not there. */
  prepare() {
    for (const directory of [this.run, this.layers, this.paused]) {
      fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    }
  }

  /**
   * What is kept has the shape that its isolation gave it: on another one it would be something else.
   * @param {'root'|'user'|'none'} rung  of the backend that is starting
   * @throws {Error} `code` `STATE_DIRECTORY_OTHER_ISOLATION`
   */
  bind(rung) {
    const file = this.kept('isolation');
    const found = this.readJson(file)?.rung ?? rung;
    if (found !== rung && this.#isWorthKeeping()) {
      const text =
        `the state directory ${this.root} was made with isolation '${found}', and this backend ` +
        `has '${rung}': use another directory`;
      throw Object.assign(new Error(text), { code: 'STATE_DIRECTORY_OTHER_ISOLATION' });
    }
    fs.writeFileSync(file, JSON.stringify({ rung }), { mode: 0o600 });
  }

  /** @returns {string} where something that is kept lies; in a temporary place nothing is for long */
  kept(...parts) {
    return path.join(this.persistent ? this.root : this.run, 'kept', ...parts);
  }

  /** @returns {string} what the tokens are made from: the same again for the same directory */
  seed() {
    const file = this.kept('seed');
    try {
      return fs.readFileSync(file, 'utf8');
    } catch {
      const seed = randomBytes(32).toString('hex');
      fs.writeFileSync(file, seed, { mode: 0o600 });
      return seed;
    }
  }

  /**
   * Writes a document so that a reader finds the old or the new one whole. In order.
   * @returns {Promise<void>}
   */
  writeJson(file, value) {
    const text = JSON.stringify(value);
    this.#writes = this.#writes
      .catch(() => {}) // told to whoever asked for that write
      .then(async () => {
        const temporary = `${file}.new`;
        await fs.promises.writeFile(temporary, text, { mode: 0o600 });
        await fs.promises.rename(temporary, file);
      });
    return this.#writes;
  }

  /** @returns {object|null} null: there is none, or none that can be read */
  readJson(file) {
    try {
      return JSON.parse(fs.readFileSync(file, 'utf8'));
    } catch {
      return null;
    }
  }

  /** Removes what does not outlive the backend, and gives the place free. */
  async close() {
    await this.#writes.catch(() => {});
    await this.cleared;
    if (!this.persistent) return removeTree(this.root);
    await removeTree(this.live);
    return this.#leave();
  }

  #isWorthKeeping() {
    if (!fs.existsSync(this.paused)) return false;
    return fs.existsSync(this.kept('templates.json')) || fs.readdirSync(this.paused).length > 0;
  }

  #leave() {
    if (!this.#isWorthKeeping()) removeTreeSync(this.kept());
    if (this.#lock) fs.rmSync(this.#lock, { force: true });
    this.#lock = null;
  }
}

/**
 * The lock is a file that appears whole (a link) and only where there is none. That of a dead process
 * is moved aside first, and put back when it turns out that another one was faster.
 */
function takeLock(root) {
  const file = path.join(root, LOCK);
  const own = path.join(root, `${LOCK}.${randomBytes(6).toString('hex')}`);
  const aside = `${own}.dead`;
  fs.writeFileSync(own, JSON.stringify(identityOf(process.pid)), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      if (linked(own, file)) return file;
      const found = readLock(file);
      if (isAlive(found)) throw inUse(root, found.pid);
      if (!renamed(file, aside)) continue;
      const moved = readLock(aside);
      if (isAlive(moved)) {
        linked(aside, file);
        throw inUse(root, moved.pid);
      }
    }
    throw inUse(root, readLock(file)?.pid);
  } finally {
    fs.rmSync(own, { force: true });
    fs.rmSync(aside, { force: true });
  }
}

function linked(from, to) {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function renamed(from, to) {
  try {
    fs.renameSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

function readLock(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** A pid alone comes back after a while; with its start and the boot it names a process for ever. */
function identityOf(pid) {
  return { pid, startTicks: startTicksOf(pid), bootId: bootId() };
}

function isAlive(identity) {
  if (!Number.isInteger(identity?.pid) || identity.pid < 1) return false;
  if (identity.bootId !== bootId()) return false;
  if (identity.startTicks !== null) return startTicksOf(identity.pid) === identity.startTicks;
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** @returns {number|null} null: gone, or this system has no /proc */
function startTicksOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return null;
  }
}

function bootId() {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return null;
  }
}

function inUse(root, pid) {
  const text = `the state directory ${root} is in use by another local backend (pid ${pid})`;
  return Object.assign(new Error(text), { code: 'STATE_DIRECTORY_IN_USE', pid });
}

/** Removes a directory with all that is in it, also what nobody may enter, as overlayfs leaves it. */
async function removeTree(directory) {
  const options = { recursive: true, force: true, maxRetries: 3 };
  await fs.promises.rm(directory, options).catch((error) => {
    if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error;
    openSync(directory);
    return fs.promises.rm(directory, options);
  });
}

function removeTreeSync(directory) {
  const options = { recursive: true, force: true, maxRetries: 3 };
  try {
    fs.rmSync(directory, options);
  } catch (error) {
    if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error;
    openSync(directory);
    fs.rmSync(directory, options);
  }
}

function openSync(directory) {
  fs.chmodSync(directory, 0o700);
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) openSync(path.join(directory, entry.name));
  }
}

module.exports = { StateDirectory, removeTree };
