'use strict';

// One set-up at a time in one working tree: a lock file that names its owner. A lock whose owner is
// dead is taken over. The file is made by linking a finished one, so that it is never seen half
// written. Must not be held longer than the work it protects.

const fs = require('node:fs');
const path = require('node:path');

const { SETUP_FOLDER, SetupError, say } = require('./run-step');

const POLL_MS = 100;

/** When the process started, in the kernel's own count: tells a reused pid from its predecessor. */
function startOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return null;
  }
}

function isAlive({ pid, start }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
  return start === null || startOf(pid) === start;
}

/** The lock as it stands: its text, and its owner when the text names one; null without a lock. */
function readLock(file) {
  let text;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { pid, start = null } = JSON.parse(text);
    return { text, owner: Number.isInteger(pid) && pid > 0 ? { pid, start } : null };
  } catch {
    return { text, owner: null };
  }
}

// Another process may have taken the stale lock over since we read it: what we moved away is looked
// at again, and given back when it is not the stale one.
function removeStale(file, text) {
  const aside = `${file}.stale.${process.pid}`;
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

function tryTake(file, mine) {
  const draft = `${file}.${process.pid}`;
  fs.writeFileSync(draft, mine);
  try {
    fs.linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    fs.unlinkSync(draft);
  }
}

/**
 * Waits, at most `timeoutMs`, until this process alone holds the lock `name`. Synchronous.
 *
 * @returns {() => void} gives the lock back
 */
function takeLock(name, { folder = SETUP_FOLDER, timeoutMs = 1_200_000 } = {}) {
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${name}.lock`);
  const mine = JSON.stringify({ pid: process.pid, start: startOf(process.pid) });
  const deadline = Date.now() + timeoutMs;
  let told = false;
  while (!tryTake(file, mine)) {
    const { text, owner } = readLock(file) ?? {};
    if (text === undefined) continue;
    if (owner === null || !isAlive(owner)) {
      removeStale(file, text);
      continue;
    }
    if (!told) say(`waiting for process ${owner.pid}, which is at work here`);
    told = true;
    if (Date.now() > deadline) {
      throw new SetupError(`process ${owner.pid} still holds ${file}; end it and try again`);
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
  return () => {
    if (readLock(file)?.text === mine) fs.unlinkSync(file);
  };
}

/** Runs the synchronous `work` under the lock `name`. */
function withLock(name, work, options) {
  const release = takeLock(name, options);
  try {
    return work();
  } finally {
    release();
  }
}

module.exports = { takeLock, withLock };
