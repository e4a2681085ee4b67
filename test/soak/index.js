'use strict';

// The command behind `npm run soak`: life cycles for real. The C addon, the local backend with faults
// on purpose, a store on disk, and a managing process that is killed (-9) every few hundred cycles and
// started again. At its end nothing may be left, nothing doubled, nothing unhandled, memory bounded.
//
//   npm run soak -- CYCLES [--kill-every N] [--seed N] [--isolation RUNG]

const { fork } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { startLocalBackend } = require('../../lib/local');
const { Random } = require('../simulation/random');
const { addFaults } = require('./faults');

const MAXIMUM = 8;
const CHILD = path.join(__dirname, 'children', 'manager.js');
/** The last part runs in one process: what grows there is a leak. */
const LAST_PART = 0.25;
const MAX_HEAP_GROWTH = 24 * 1024 * 1024;
const MAX_SILENCE_MS = 120_000;
const SAMPLE_MS = 250;

const say = (text) => process.stdout.write(`${text}\n`);

class Soak {
  problems = [];
  cycles = 0;
  kills = 0;
  failed = 0;
  unhandled = 0;
  codes = {};
  mostAlive = 0;
  #backend;
  #folder;
  #random;
  #killEvery;
  #target;
  #taken = new Set();
  #heard = 0;

  constructor(backend, folder, { target, killEvery, seed }) {
    this.#backend = backend;
    this.#folder = folder;
    this.#target = target;
    this.#killEvery = killEvery;
    this.#random = new Random(seed);
  }

  async run() {
    const sampler = setInterval(() => this.#sample(), SAMPLE_MS);
    try {
      while (this.cycles < this.#target * (1 - LAST_PART)) await this.#life(false);
      await this.#life(true);
    } finally {
      clearInterval(sampler);
    }
    const left = this.#backend.sandboxes().length;
    if (left > 0) this.problems.push(`${left} sandboxes are left`);
    if (this.unhandled > 0) this.problems.push(`${this.unhandled} unhandled rejections`);
  }

  #sample() {
    const alive = this.#backend.sandboxes();
    this.mostAlive = Math.max(this.mostAlive, alive.length);
    if (alive.length > MAXIMUM) this.#problem(`${alive.length} sandboxes live, of ${MAXIMUM}`);
    const tokens = alive.map(({ metadata }) => metadata['e2b-swarm.token']);
    if (new Set(tokens).size < tokens.length) this.#problem('two sandboxes with one token');
    if (this.#heard !== 0 && performance.now() - this.#heard > MAX_SILENCE_MS * 2) {
      this.#problem('the manager is silent');
    }
  }

  #problem(text) {
    if (!this.problems.includes(text)) this.problems.push(text);
  }

  /** One life of the managing process: killed in the middle, or the last one, which ends by itself. */
  #life(isLast) {
    return new Promise((resolve, reject) => {
      const args = [path.join(this.#folder, 'store'), String(MAXIMUM)];
      const env = { ...process.env, ...this.#backend.env };
      const child = fork(CHILD, args, { env, execArgv: ['--expose-gc'] });
      const diesAt = Math.round(this.#killEvery * this.#random.between(0.5, 1.5));
      let state = { cycles: 0, failed: 0, unhandled: 0, codes: {} };
      let heap = null;
      let finished = false;
      child.on('message', (message) => {
        this.#heard = performance.now();
        if (message.type === 'taken') this.#take(message.sandboxId);
        else if (message.type === 'given back') this.#taken.delete(message.sandboxId);
        else state = message;
        if (message.type === 'finished') this.#finished(message, () => (finished = true));
        if (message.type !== 'cycle') return;
        if (isLast && heap === null && state.cycles >= 200) heap = state.heap;
        if (!isLast && state.cycles >= diesAt) child.kill('SIGKILL');
        if (isLast && this.cycles + state.cycles >= this.#target) {
          if (child.connected && heap !== false) child.send('finish');
          if (heap) this.#checkHeap(heap, state.heap);
          heap = false;
        }
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        this.#add(state);
        this.#taken.clear();
        if (!isLast) this.kills++;
        const asWanted = isLast ? finished && code === 0 : signal === 'SIGKILL';
        if (!asWanted) this.#problem(`the manager ended by itself: ${code ?? signal}`);
        say(`${this.cycles} cycles, ${this.kills} kills, ${this.failed} calls failed`);
        if (asWanted) resolve();
        else reject(new Error('the manager ended by itself'));
      });
    });
  }

  #take(sandboxId) {
    if (this.#taken.has(sandboxId)) this.#problem(`${sandboxId} was given to two`);
    this.#taken.add(sandboxId);
  }

  #checkHeap(before, after) {
    const grown = after - before;
    say(`heap: ${Math.round(before / 1024)} KiB, then ${Math.round(after / 1024)} KiB`);
    if (grown > MAX_HEAP_GROWTH) this.#problem(`the heap has grown by ${grown} bytes`);
  }

  #finished({ success, message, rows }, done) {
    if (!success) this.#problem(`shutdown: ${message}`);
    // What was ended last stays as 'ended', without a place, until a later list proves it gone.
    const open = rows.filter(({ state }) => state !== 'ended');
    if (open.length > 0) this.#problem(`${open.length} rows are open: ${JSON.stringify(open[0])}`);
    done();
  }

  #add({ cycles, failed, unhandled, codes }) {
    this.cycles += cycles;
    this.failed += failed;
    this.unhandled += unhandled;
    for (const [code, n] of Object.entries(codes)) this.codes[code] = (this.codes[code] ?? 0) + n;
  }
}

async function main(args) {
  const options = {
    'kill-every': { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    isolation: { type: 'string', default: 'auto' },
  };
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const target = Number(positionals[0]);
  if (!Number.isInteger(target) || target < 1) {
    process.stderr.write('usage: npm run soak -- CYCLES [--kill-every N] [--seed N]\n');
    return 2;
  }
  const seed = Number(values.seed);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-soak-'));
  const backend = await startLocalBackend({ isolation: values.isolation });
  addFaults(backend.faults, seed);
  const soak = new Soak(backend, folder, { target, killEvery: Number(values['kill-every']), seed });
  const began = performance.now();
  try {
    await soak.run();
  } catch (error) {
    soak.problems.push(error.message);
  }
  const faults = backend.faults.rules.reduce((sum, rule) => sum + rule.hits, 0);
  const { left } = await backend.close();
  fs.rmSync(folder, { recursive: true });
  if (left.sandboxes + left.processes > 0) soak.problems.push(`left: ${JSON.stringify(left)}`);
  const seconds = Math.round((performance.now() - began) / 1000);
  const { cycles, kills, failed, mostAlive, codes, problems } = soak;
  say(
    `${cycles} life cycles, ${kills} kills, ${faults} faults, ${failed} calls failed in ${seconds} s`,
  );
  say(`at most ${mostAlive} alive; ${JSON.stringify(codes)}`);
  for (const problem of problems) say(`PROBLEM: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
