'use strict';

// The command behind `npm run simulate`: many seeds over two processes, or one with its trace.
//
//   npm run simulate -- SEEDS [--first N] [--sabotage NAME] [--without FAULT,...] [--json]
//     [--bail: enough is one violation]
//   npm run simulate -- --seed N [--sabotage NAME] [--without FAULT,...] [--lines N] [--about WORD,...]

const { fork } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { SABOTAGES, sabotageBy } = require('./sabotage');

const WORKERS = 2;
const CHUNK = 25;
const SHOWN_LINES = 80;
/** More young memory: a run makes much that dies at its end. */
const NODE_FLAGS = ['--max-semi-space-size=32', '--no-warnings'];

const say = (text) => process.stdout.write(`${text}\n`);

function usage(message) {
  const names = Object.keys(SABOTAGES).join(', ');
  process.stderr.write(
    `${message}\nusage: npm run simulate -- SEEDS [--first N] [--sabotage NAME] [--without FAULT,...]\n` +
      `       npm run simulate -- --seed N [--lines N] [--about WORD,...]\nsabotages: ${names}\n`,
  );
  return 2;
}

/** The arguments that make a run again. */
function replayOf(seed, { sabotage, without }) {
  const more = [
    sabotage ? ` --sabotage ${sabotage}` : '',
    without.length > 0 ? ` --without ${without.join()}` : '',
  ];
  return `npm run simulate -- --seed ${seed}${more.join('')}`;
}

async function one(seed, how, lines, words) {
  const { runSeed } = require('./run-seed');
  const sabotage = sabotageBy(how.sabotage);
  const run = await runSeed(seed, { sabotage, without: how.without, stacks: true });
  for (const line of run.trace.last(lines, words)) say(line);
  const { hash, steps, virtualMs, violation } = run;
  say(`seed ${seed}: ${steps} steps, ${Math.round(virtualMs / 1000)} s, trace ${hash}`);
  if (violation === null) return 0;
  say(`${violation.name} at ${(violation.atMs / 1000).toFixed(3)} s: ${violation.text}`);
  say(`again: ${replayOf(seed, how)}`);
  return 1;
}

/** Hands out chunks of seeds until there are none left. */
async function many(first, count, how) {
  const sum = { seeds: 0, steps: 0, virtualMs: 0, counts: {}, failures: [] };
  let next = first;
  const drive = () =>
    new Promise((resolve, reject) => {
      const child = fork(path.join(__dirname, 'worker.js'), { execArgv: NODE_FLAGS });
      const give = () => {
        const isEnough = how.bail && sum.failures.length > 0;
        if (isEnough || next >= first + count) {
          child.disconnect();
          return;
        }
        const size = Math.min(CHUNK, first + count - next);
        child.send({ first: next, count: size, ...how });
        next += size;
      };
      child.on('message', (found) => {
        add(sum, found);
        give();
      });
      child.once('error', reject);
      child.once('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`a worker ended with ${code}`));
      });
      give();
    });
  await Promise.all(Array.from({ length: Math.min(WORKERS, Math.ceil(count / CHUNK)) }, drive));
  sum.failures.sort((a, b) => a.seed - b.seed);
  return sum;
}

function add(sum, { count, steps, virtualMs, counts, failures }) {
  sum.seeds += count;
  sum.steps += steps;
  sum.virtualMs += virtualMs;
  sum.failures.push(...failures);
  for (const [name, n] of Object.entries(counts)) sum.counts[name] = (sum.counts[name] ?? 0) + n;
}

function tell(sum, seconds, how) {
  const hours = (sum.virtualMs / 3_600_000).toFixed(1);
  const rate = Math.round(sum.seeds / seconds);
  say(
    `${sum.seeds} seeds, ${sum.steps} steps, ${hours} simulated hours in ${seconds.toFixed(1)} s`,
  );
  say(
    `${rate} seeds a second; ${Object.entries(sum.counts)
      .map((pair) => pair.join(' '))
      .join(', ')}`,
  );
  const kinds = Map.groupBy?.(sum.failures, ({ name }) => name) ?? groupBy(sum.failures);
  for (const [name, failures] of kinds) {
    const seeds = failures.slice(0, 8).map(({ seed }) => seed);
    say(`${name}: ${failures.length} seeds, the first ${seeds.join(' ')}`);
    say(`  ${replayOf(seeds[0], how)}`);
  }
}

function groupBy(failures) {
  const kinds = new Map();
  for (const failure of failures) {
    kinds.set(failure.name, [...(kinds.get(failure.name) ?? []), failure]);
  }
  return kinds;
}

async function main(args) {
  const options = {
    seed: { type: 'string' },
    first: { type: 'string', default: '1' },
    sabotage: { type: 'string' },
    without: { type: 'string' },
    lines: { type: 'string', default: String(SHOWN_LINES) },
    about: { type: 'string' },
    json: { type: 'boolean', default: false },
    bail: { type: 'boolean', default: false },
  };
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const { sabotage } = values;
  const how = { sabotage, without: values.without?.split(',') ?? [], bail: values.bail };
  if (sabotage !== undefined && !(sabotage in SABOTAGES)) return usage(`no sabotage '${sabotage}'`);
  if (values.seed !== undefined) {
    return one(Number(values.seed), how, Number(values.lines), values.about?.split(',') ?? []);
  }
  const count = Number(positionals[0]);
  if (!Number.isInteger(count) || count < 1) return usage('how many seeds?');
  const began = performance.now();
  const sum = await many(Number(values.first), count, how);
  const seconds = (performance.now() - began) / 1000;
  if (values.json) say(JSON.stringify({ ...sum, seconds }));
  else tell(sum, seconds, how);
  if (sum.failures.length === 0) return 0;
  if (!values.json) await one(sum.failures[0].seed, how, SHOWN_LINES, []);
  return 1;
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  },
);
