// Measures the sandboxes' own processes: envd's /metrics, the control plane's metrics and their short
// history. Real numbers only: what the kernel does not tell about a group of processes (page cache)
// is 0.
'use strict';

const fs = require('node:fs');
const { residentBytes } = require('./process-table');

const SAMPLE_MS = 5_000;
const MAX_SAMPLES = 720; // an hour

class Metrics {
  #table;
  #registry;
  #timer;

  /**
   * @param {import('./process-table').ProcessTable} table
   * @param {import('./registry').Registry} registry
   */
  constructor(table, registry) {
    this.#table = table;
    this.#registry = registry;
    this.#timer = setInterval(() => void this.#sampleAll(), SAMPLE_MS);
    this.#timer.unref();
  }

  /**
   * @param {import('./sandbox').Sandbox} sandbox
   * @returns {Promise<object>} the present moment; also kept in the history
   */
  async sample(sandbox) {
    const disk = await fs.promises.statfs(sandbox.paths.directory).catch(() => null);
    return this.#take(sandbox, this.#table.scan(), disk);
  }

  close() {
    clearInterval(this.#timer);
  }

  async #sampleAll() {
    const sandboxes = this.#registry.running();
    if (sandboxes.length === 0) return;
    const disk = await fs.promises.statfs(sandboxes[0].paths.directory).catch(() => null);
    const processes = this.#table.scan();
    for (const sandbox of sandboxes) this.#take(sandbox, processes, disk);
  }

  #take(sandbox, processes, disk) {
    const entries = processes.get(sandbox.id) ?? [];
    const { cpuCount, memoryMB } = sandbox.template;
    const nowMs = Date.now();
    const sample = {
      timestamp: new Date(nowMs).toISOString(),
      timestampUnix: Math.floor(nowMs / 1000),
      cpuCount,
      cpuUsedPct: sandbox.cpu.read(entries, cpuCount, nowMs),
      memUsed: entries.reduce((sum, { pid }) => sum + residentBytes(pid), 0),
      memTotal: memoryMB * 1024 * 1024,
      memCache: 0,
      diskUsed: disk ? (disk.blocks - disk.bfree) * disk.bsize : 0,
      diskTotal: disk ? disk.blocks * disk.bsize : 0,
    };
    sandbox.samples.push(sample);
    if (sandbox.samples.length > MAX_SAMPLES) sandbox.samples.shift();
    return sample;
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
    mem_total_mib: Math.floor(sample.memTotal / 1048576),
    mem_used_mib: Math.floor(sample.memUsed / 1048576),
    disk_used: sample.diskUsed,
    disk_total: sample.diskTotal,
  };
}

module.exports = { Metrics, toEnvdMetrics };
