// Turns the processor ticks of a changing set of processes into a percentage. Work of a process that
// exits between two looks is counted only as far as its parent waited for it: without cgroups the
// kernel tells no more.
'use strict';

const { execFileSync } = require('node:child_process');

let ticksPerSecond = 0;

class CpuMeter {
  #ticks = new Map();
  #lastMs = Date.now();

  /**
   * @param {{ pid: number, startTicks: number, cpuTicks: number }[]} entries
   * @param {number} cpuCount
   * @param {number} nowMs
   * @returns {number} 0..100 of `cpuCount` processors since the last call
   */
  read(entries, cpuCount, nowMs = Date.now()) {
    const ticks = new Map();
    let used = 0;
    for (const { pid, startTicks, cpuTicks } of entries) {
      const key = `${pid}:${startTicks}`;
      ticks.set(key, cpuTicks);
      used += Math.max(0, cpuTicks - (this.#ticks.get(key) ?? 0));
    }
    const elapsedMs = Math.max(1, nowMs - this.#lastMs);
    this.#ticks = ticks;
    this.#lastMs = nowMs;
    const percent = ((used / clockTicks()) * 1000 * 100) / (elapsedMs * cpuCount);
    return Math.round(Math.min(100, percent) * 100) / 100;
  }
}

/** The unit of /proc's times: 100 on every Linux that matters, but asked for once. */
function clockTicks() {
  if (ticksPerSecond === 0) {
    try {
      ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) || 100;
    } catch {
      ticksPerSecond = 100;
    }
  }
  return ticksPerSecond;
}

module.exports = { CpuMeter };
