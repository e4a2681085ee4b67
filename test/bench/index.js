'use strict';

// npm run bench: what a call costs with this package and with the official `e2b` package, measured in
// the same run against the same small server, and what loading costs. Targets are printed beside the
// results and never decide the exit status: numbers belong to a machine, tests do not.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { CASES, LOADS, LOAD_PROCESSES } = require('./cases');
const { describeMachine } = require('./machine');
const { measureCase, measureLoads } = require('./measure');
const { comparison, report } = require('./report');
const { Stub } = require('./stub');

const KEPT = path.join(__dirname, '..', '..', 'tmp', 'bench.json');
const USAGE = `usage: npm run bench -- [options]
  --json            only JSON on stdout
  --save FILE       keeps the results there ("" for ${path.relative(process.cwd(), KEPT)})
  --compare FILE    shows how they differ from kept ones ("" as above)
  --rounds N  --calls N  --streams N  --loads N    smaller numbers, for trying out`;

const OPTIONS = {
  json: { type: 'boolean', default: false },
  save: { type: 'string' },
  compare: { type: 'string' },
  rounds: { type: 'string' },
  calls: { type: 'string' },
  streams: { type: 'string' },
  loads: { type: 'string' },
};

class UsageError extends Error {}

function readArguments(args) {
  try {
    const { values } = parseArgs({ args: withValues(args), options: OPTIONS });
    for (const name of ['rounds', 'calls', 'streams', 'loads']) {
      if (values[name] === undefined) continue;
      if (!/^[1-9]\d{0,6}$/.test(values[name]))
        throw new Error(`--${name} must be a number above 0`);
      values[name] = Number(values[name]);
    }
    return values;
  } catch (error) {
    throw new UsageError(error.message);
  }
}

/** `--save` and `--compare` without a file mean the usual one. */
function withValues(args) {
  return args.flatMap((arg, index) => {
    const next = args[index + 1];
    const bare = /^--(save|compare)$/.test(arg) && (next === undefined || next.startsWith('--'));
    return bare ? [arg, ''] : [arg];
  });
}

function plans({ rounds, calls, streams }) {
  return CASES.map((plan) => ({
    ...plan,
    rounds: rounds ?? plan.rounds,
    calls: (plan.operation === 'stream' ? streams : calls) ?? plan.calls,
  }));
}

async function measureAll(values) {
  const machine = describeMachine();
  const stub = await Stub.start();
  try {
    const cases = [];
    for (const plan of plans(values)) {
      console.error(`${plan.name}: ${plan.calls}, in ${plan.rounds} round(s) for each client`);
      const measured = await measureCase(stub, plan);
      const serverIsFaster = Object.values(measured.clients).every(
        ({ serverCpuUs, cpuUs }) => serverCpuUs < cpuUs,
      );
      cases.push({ ...measured, serverIsFaster });
    }
    console.error('loading');
    const loads = await measureLoads(LOADS, values.loads ?? LOAD_PROCESSES);
    return { machine, cases, loads };
  } finally {
    await stub.close();
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

main(process.argv.slice(2)).catch((error) => {
  console.error(error instanceof UsageError ? `${error.message}\n${USAGE}` : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
