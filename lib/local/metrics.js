// Measures the sandboxes: envd's /metrics, the control plane's metrics and their short history. Numbers
// of the sandbox's own processes and files, as its pid 1 tells them.
'use strict';

const MIB = 1024 * 1024;
const SAMPLE_MS = 5_000;
const MAX_SAMPLES = 720; // an hour

class Metrics {
  #registry;
  #timer;

  /** @param {import('./registry').Registry} registry */
  constructor(registry) {
    this.#registry = registry;
    this.#timer = setInterval(() => this.#sampleAll(), SAMPLE_MS);
    this.#timer.unref();
  }

  /**
   * @param {import('./sandbox').Sandbox} sandbox  running
   * @returns {Promise<object>} the present moment; also kept in the history
   */
  async sample(sandbox) {
    const usage = await sandbox.init.usage();
    const { cpuCount, memoryMB, diskSizeMB } = sandbox.template;
    const nowMs = Date.now();
    const sample = {
      timestamp: new Date(nowMs).toISOString(),
      timestampUnix: Math.floor(nowMs / 1000),
      cpuCount,
      cpuUsedPct: sandbox.cpu.read(usage.cpuUs, cpuCount, nowMs),
      memUsed: usage.memoryBytes,
      memTotal: memoryMB * MIB,
      memCache: usage.cacheBytes,
      diskUsed: usage.diskBytes,
      diskTotal: diskSizeMB * MIB,
    };
    sandbox.samples.push(sample);
    if (sandbox.samples.length > MAX_SAMPLES) sandbox.samples.shift();
    return sample;
  }

  close() {
    clearInterval(this.#timer);
  }

  #sampleAll() {
    for (const sandbox of this.#registry.running()) {
      // One that ends just now has nothing to tell.
      if (sandbox.alive) void this.sample(sandbox).catch(() => {});
    }
  }
}

/** @returns {object} a sample in the words of envd's /metrics */
function toEnvdMetrics(sample) {
  return {
    ts: sample.timestampUnix,
    cpu_count: sample.cpuCount,
    cpu_used_pct: sample.cpuUsedPct,
    mem_total: sample.memTotal,
    mem_used: sample.memUsed,
    mem_cache: sample.memCache,
    mem_total_mib: Math.floor(sample.memTotal / MIB),
    mem_used_mib: Math.floor(sample.memUsed / MIB),
    disk_used: sample.diskUsed,
    disk_total: sample.diskTotal,
  };
}

module.exports = { Metrics, toEnvdMetrics };
