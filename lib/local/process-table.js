// What /proc says about the processes of the backend's sandboxes. A process belongs to a sandbox
// when its environment carries the sandbox's marker, or when its parent belongs to it: so a
// daemonised child is found, although its parent is gone and its session is its own. Synchronous on
// purpose: it must work in an exit listener. It only reads; `reaper.js` kills.
'use strict';

const fs = require('node:fs');

/** The variable that every process of a sandbox carries: `<backend nonce>.<sandbox id>`. */
const MARKER_VARIABLE = 'E2B_LOCAL_MARKER';
const MARKER_PATTERN = new RegExp(`(?:^|\\0)${MARKER_VARIABLE}=([a-z0-9]+\\.[a-z0-9]+)(?:\\0|$)`);

const ownStart = readStat(process.pid)?.startTicks ?? 0;

/**
 * @typedef {object} ProcessEntry
 * @property {number} pid
 * @property {number} parentPid
 * @property {string} state  one letter, `Z` is a zombie
 * @property {number} cpuTicks  own and waited-for children's, user and system
 * @property {number} startTicks  since boot; with the pid it names the process for ever
 */

/** @returns {ProcessEntry|null} null: it is gone, or this system has no /proc */
function readStat(pid) {
  let text;
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The name, in parentheses, may itself contain blanks and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    pid: Number(pid),
    state: fields[0],
    parentPid: Number(fields[1]),
    cpuTicks: Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]),
    startTicks: Number(fields[19]),
  };
}

class ProcessTable {
  #prefix;
  #known = new Map(); // pid -> { startTicks, marker }: an exec may wipe the environment later

  /** @param {string} nonce  the backend's part of every marker */
  constructor(nonce) {
    this.#prefix = `${nonce}.`;
  }

  /** @returns {string} the value of MARKER_VARIABLE for a sandbox */
  markerOf(sandboxId) {
    return this.#prefix + sandboxId;
  }

  /** @returns {boolean} false: this system has no /proc, and processes can be found by group only */
  get available() {
    return ownStart > 0;
  }

  /** Remembers a process that was just started, before its environment can be read. */
  track(pid, sandboxId) {
    const stat = readStat(pid);
    if (stat) {
      this.#known.set(pid, { startTicks: stat.startTicks, marker: this.markerOf(sandboxId) });
    }
  }

  /**
   * @returns {Map<string, ProcessEntry[]>} living processes by sandbox id, zombies left out
   */
  scan() {
    const entries = new Map();
    for (const name of listPids()) {
      const stat = readStat(name);
      if (stat) entries.set(stat.pid, stat);
    }
    for (const pid of this.#known.keys()) {
      if (entries.get(pid)?.startTicks !== this.#known.get(pid).startTicks) this.#known.delete(pid);
    }
    const protectedPids = ancestorsOf(process.pid, entries);
    const result = new Map();
    for (const entry of entries.values()) {
      const marker = this.#markerOfProcess(entry, entries, protectedPids);
      if (marker === null || entry.state === 'Z') continue;
      const sandboxId = marker.slice(this.#prefix.length);
      const list = result.get(sandboxId);
      if (list) list.push(entry);
      else result.set(sandboxId, [entry]);
    }
    return result;
  }

  /** Walks up from a process until the marker of one of its ancestors is known. */
  #markerOfProcess(entry, entries, protectedPids) {
    const path = [];
    let marker = null;
    let current = entry;
    while (current && !protectedPids.has(current.pid) && path.length < 4096) {
      marker = this.#ownMarker(current);
      if (marker !== null) break;
      path.push(current);
      current = entries.get(current.parentPid);
    }
    if (marker === null) return null;
    for (const { pid, startTicks } of path) this.#known.set(pid, { startTicks, marker });
    return marker;
  }

  #ownMarker({ pid, startTicks }) {
    const known = this.#known.get(pid);
    if (known) return known.marker;
    if (startTicks < ownStart) return null;
    let environment;
    try {
      environment = fs.readFileSync(`/proc/${pid}/environ`, 'latin1');
    } catch {
      return null; // gone, or another user's: then only its parents speak for it
    }
    const marker = MARKER_PATTERN.exec(environment)?.[1];
    if (!marker?.startsWith(this.#prefix)) return null;
    this.#known.set(pid, { startTicks, marker });
    return marker;
  }
}

function listPids() {
  try {
    return fs.readdirSync('/proc').filter((name) => (name.charCodeAt(0) - 48) >>> 0 < 10);
  } catch {
    return [];
  }
}

function ancestorsOf(pid, entries) {
  const pids = new Set([pid]);
  let parent = entries.get(pid)?.parentPid;
  while (parent && !pids.has(parent)) {
    pids.add(parent);
    parent = entries.get(parent)?.parentPid;
  }
  return pids;
}

/** @returns {number} resident bytes of a process, 0 when it is gone */
function residentBytes(pid) {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'latin1'));
    return match ? Number(match[1]) * 1024 : 0;
  } catch {
    return 0;
  }
}

module.exports = { MARKER_VARIABLE, ProcessTable, residentBytes };
