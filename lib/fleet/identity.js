'use strict';

// Who this process is, and whether another one still lives: the proof that a manager is dead. Reads
// /proc, keeps nothing, ends nobody. Where the machine cannot say (another host, another pid
// namespace, no /proc) the answer is null, and only a missing heartbeat may decide.

const { createHash } = require('node:crypto');
const { readFileSync, readlinkSync } = require('node:fs');

/** Field of /proc/PID/stat, counted behind the name: clock ticks from boot to the process's start. */
const START_TIME = 19;

/**
 * @returns {{ pid: number, place: string|null, startedAt: string|null }} place: boot and pid
 *   namespace as one hash; startedAt: what tells two processes with one pid apart
 */
function self() {
  return { pid: process.pid, place: placeOf(), startedAt: startOf(process.pid) };
}

/**
 * @param {{ pid: number, place: string|null, startedAt: string|null }} facts of self(), of anybody
 * @returns {boolean|null} null: nobody here can say
 */
function isAlive({ pid, place, startedAt } = {}) {
  if (!place || !startedAt || !Number.isInteger(pid) || place !== placeOf()) return null;
  return startOf(pid) === startedAt;
}

// The boot id alone would say that two containers of one machine share their pids.
function placeOf() {
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim());
  const pids = attempt(() => readlinkSync('/proc/self/ns/pid'));
  if (boot === null || pids === null) return null;
  return createHash('sha256').update(`${boot} ${pids}`).digest('hex').slice(0, 16);
}

function startOf(pid) {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (stat === null) return null;
  // The name before the last ')' may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[START_TIME] ?? null);
}

function attempt(read) {
  try {
    return read();
  } catch {
    return null;
  }
}

module.exports = { isAlive, self };
