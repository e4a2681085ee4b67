'use strict';

// npm run bench: what this package costs beside the official `e2b` package, undici and libcurl alone,
// measured in the same run against the same small far end. Targets are printed beside the results and
// never decide the exit status: numbers belong to a machine, tests do not.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { EXPERIMENTS } = require('./experiments');
const { FarEnd } = require('./far-end');
const { describeMachine } = require('./machine');
const { measureExperiment, missingIsolation } = require('./measure');
const { comparison, report } = require('./report');
const { TlsFront } = require('./tls-front');

const KEPT = path.join(__dirname, 'results.json');
const USAGE = `usage: npm run bench -- [options]
  --all             every row (minutes); without it the calls and streams over HTTP/1.1, and loading
  --only PATTERN    the experiments whose id, or a row of theirs, matches the regular expression
  --json            only JSON on stdout
  --save [FILE]     keeps the results there (${path.relative(process.cwd(), KEPT)}, with --all)
  --compare [FILE]  shows how they differ from kept ones
  --rounds N  --calls N  --streams N  --sandboxes N    smaller numbers, for trying out`;

const OPTIONS = {
  all: { type: 'boolean', default: false },
  only: { type: 'string' },
  json: { type: 'boolean', default: false },
  save: { type: 'string' },
  compare: { type: 'string' },
  rounds: { type: 'string' },
  calls: { type: 'string' },
  streams: { type: 'string' },
  sandboxes: { type: 'string' },
};

class UsageError extends Error {}

function readArguments(args) {
  try {
    const { values } = parseArgs({ args: withValues(args), options: OPTIONS });
    for (const name of ['rounds', 'calls', 'streams', 'sandboxes']) {
      if (values[name] === undefined) continue;
      if (!/^[1-9]\d{0,6}$/.test(values[name]))
        throw new Error(`--${name} must be a number above 0`);
      values[name] = Number(values[name]);
    }
    if (values.save === '' && !values.all) throw new Error('--save without a file needs --all');
    return { ...values, only: values.only && new RegExp(values.only, 'i') };
  } catch (error) {
    throw new UsageError(error.message);
  }
}

/** `--save` and `--compare` without a file mean the usual one. */
function withValues(args) {
  return args.flatMap((arg, index) => {
    const next = args[index + 1];
    const bare = /^--(save|compare)$/.test(arg) && (next === undefined || next.startsWith('--'));
    return bare ? [`${arg}=`] : [arg];
  });
}

function chosen({ all, only }) {
  if (only === undefined) return EXPERIMENTS.filter(({ core }) => all || core);
  const found = EXPERIMENTS.filter(({ id, rows }) =>
    [id, ...rows.flatMap((row) => [row.id, row.name])].some((text) => only.test(text)),
  );
  if (found.length === 0) throw new UsageError(`--only: nothing matches ${only}`);
  return found;
}

const atMost = (number, limit) => (limit === undefined ? number : Math.min(number, limit));

/** With the smaller numbers that were asked for. */
function scaled(experiment, { rounds, calls, streams, sandboxes }) {
  const plan = { ...experiment.plan };
  const limit = experiment.operation === 'stream' ? streams : calls;
  for (const name of ['calls', 'warmUp', 'samples']) {
    if (plan[name] !== undefined) plan[name] = atMost(plan[name], limit);
  }
  if (plan.streams !== undefined) plan.streams = atMost(plan.streams, streams);
  if (plan.sandboxes !== undefined) plan.sandboxes = atMost(plan.sandboxes, sandboxes);
  return { ...experiment, rounds: rounds ?? experiment.rounds, plan };
}

/** Why this machine cannot measure it; null: it can. */
function missingFor(experiment) {
  return experiment.road === 'h2' ? TlsFront.missing : missingIsolation(experiment);
}

async function measureAll(values) {
  const machine = describeMachine(); // before its load is ours
  const asked = chosen(values).map((experiment) => scaled(experiment, values));
  const [can, skipped] = [[], []];
  for (const experiment of asked) {
    const why = await missingFor(experiment);
    if (why === null) can.push(experiment);
    else skipped.push(...experiment.rows.map(({ id, name }) => ({ id, name, why })));
  }
  for (const { name, why } of skipped) console.error(`skipped: ${name} (${why})`);
  const roads = new Set(can.map(({ road }) => road).filter(Boolean));
  const far = roads.size === 0 ? null : await FarEnd.start(roads.has('h2'));
  try {
    const rows = [];
    for (const experiment of can) {
      const startedMs = performance.now();
      try {
        rows.push(...(await measureExperiment(far, experiment)));
      } catch (error) {
        // What else has been measured in all these minutes is worth to be seen.
        console.error(error);
        process.exitCode = 1;
        for (const { id, name } of experiment.rows) {
          skipped.push({ id, name, why: error.message.split('\n')[0] });
        }
      }
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      console.error(`${experiment.id}: ${experiment.rounds} rounds, ${seconds} s`);
    }
    return { machine, rows, skipped };
  } finally {
    await far?.close();
  }
}

async function main(args) {
  const values = readArguments(args);
  const before =
    values.compare === undefined
      ? null
      : JSON.parse(fs.readFileSync(values.compare || KEPT, 'utf8'));
  const results = await measureAll(values);
  if (values.save !== undefined) {
    const file = values.save || KEPT;
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  }
  console.log(values.json ? JSON.stringify(results, null, 2) : report(results));
  if (before !== null) {
    const text = `\n${comparison(results, before)}`;
    if (values.json) console.error(text);
    else console.log(text);
  }
}

// A signal ends by way of 'exit', where nginx and the temporary folders go.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(128 + os.constants.signals[signal]));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error instanceof UsageError ? `${error.message}\n${USAGE}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
