// Turns the processor time that a sandbox has used since its start into a percentage of the processors
// that it has. Pure.
'use strict';

class CpuMeter {
  #cpuUs = 0;
  #lastMs = Date.now();
  #percent = 0;

  /**
   * @param {number} cpuUs  since its start; less than before: it was started anew
   * @param {number} cpuCount
   * @param {number} [nowMs]
   * @returns {number} 0..100 of `cpuCount` processors since the last call; within a millisecond of
   *   it the same again
   */
  read(cpuUs, cpuCount, nowMs = Date.now()) {
    const elapsedMs = nowMs - this.#lastMs;
    if (elapsedMs < 1) return this.#percent;
    const usedUs = cpuUs >= this.#cpuUs ? cpuUs - this.#cpuUs : cpuUs;
    this.#cpuUs = cpuUs;
    this.#lastMs = nowMs;
    const percent = (usedUs / 1000 / (elapsedMs * cpuCount)) * 100;
    this.#percent = Math.round(Math.min(100, percent) * 100) / 100;
    return this.#percent;
  }
}

module.exports = { CpuMeter };
