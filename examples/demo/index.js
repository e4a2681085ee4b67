'use strict';

// The main job from end to end, on this machine or (--cloud) on E2B itself: a fleet of sandboxes,
// agents on real prices in them, a sandbox that dies and is replaced with its agent, and a shutdown
// that leaves nothing. This file reads the command line, sets up and tears down, and judges; the
// story is in story.js.
//
//   npm run demo [-- --json | --cloud | --help]
//
// Exit codes: 0 all is as it has to be, 1 it is not, 2 wrong usage, 4 --cloud without a key,
// 130 interrupted (SIGINT; nothing is left then either).

const { randomBytes } = require('node:crypto');
const { parseArgs } = require('node:util');
const { SandboxManager } = require('e2b-swarm');
const { cloudFarEnd, localFarEnd } = require('./far-end');
const { Report } = require('./report');
const { EVENTS, tell } = require('./story');

const USAGE = `Usage: npm run demo [-- OPTIONS]

  --json    one JSON document on stdout, everything else on stderr
  --cloud   on E2B itself instead of the local backend; needs E2B_API_KEY
  --help    this text
`;

/** What the momentum agent has to find in the packaged prices, within 1e-9. */
const EXPECTED = {
  SPX: { total: -0.103181887196, sharpe: 0.056245720428 },
  AAPL: { total: 0.232380725692, sharpe: 0.295215997962 },
};
const TOLERANCE = 1e-9;

const EXIT = { done: 0, failed: 1, usage: 2, noCredentials: 4, interrupted: 130 };

async function main() {
  let options;
  try {
    ({ values: options } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        cloud: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    return EXIT.usage;
  }
  if (options.help) {
    process.stdout.write(USAGE);
    return EXIT.done;
  }
  if (options.cloud && !process.env.E2B_API_KEY) {
    process.stderr.write(
      'The demo with --cloud needs the environment variable E2B_API_KEY (https://e2b.dev shows\n' +
        'yours). Without --cloud it runs on a local E2B and needs no account.\n',
    );
    return EXIT.noCredentials;
  }
  return run(options);
}

async function run({ json, cloud }) {
  const began = process.hrtime.bigint();
  const report = new Report(json ? process.stderr : process.stdout);
  const stop = new AbortController();
  const onSignal = () => {
    // Asked a second time: at once. What is local still ends with this process.
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort(new Error('interrupted'));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);

  const owner = `demo-${randomBytes(6).toString('hex')}`;
  const farEnd = cloud ? await cloudFarEnd(owner) : await localFarEnd(owner);
  const manager = new SandboxManager({ ...farEnd.connection, owner, maxPoolSize: 5 });
  const events = counted(manager);
  // From here on an interruption ends the sandboxes first, whatever the story is waiting for.
  stop.signal.addEventListener('abort', () => void manager.shutdown());
  if (stop.signal.aborted) void manager.shutdown();

  let momentum = null;
  let problem = null;
  try {
    momentum = await tell({ manager, farEnd, report, signal: stop.signal });
  } catch (error) {
    problem = error;
  }
  await manager.shutdown();
  const left = await farEnd.close();
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  process.off('SIGINT', onSignal);
  process.off('SIGTERM', onSignal);

  if (momentum !== null) report.results(momentum, EXPECTED);
  report.events(events);
  report.left(left, seconds);
  if (stop.signal.aborted) {
    report.line('Interrupted.');
    return left.sandboxes + left.processes === 0 ? EXIT.interrupted : EXIT.failed;
  }
  if (problem !== null) {
    report.line(`The demo failed: ${problem.message}`);
    return EXIT.failed;
  }
  if (json) process.stdout.write(`${JSON.stringify({ events, momentum, left, seconds })}\n`);
  const complaints = judge(momentum, left);
  for (const complaint of complaints) report.line(complaint);
  return complaints.length === 0 ? EXIT.done : EXIT.failed;
}

/** How often each of the ten events came; always current. */
function counted(manager) {
  const counts = Object.fromEntries(EVENTS.map((name) => [name, 0]));
  for (const name of EVENTS) {
    manager.on(name, () => {
      counts[name]++;
    });
  }
  return counts;
}

/** @returns {string[]} what is not as it has to be */
function judge(momentum, left) {
  const complaints = [];
  for (const [symbol, expected] of Object.entries(EXPECTED)) {
    for (const [name, value] of Object.entries(expected)) {
      const found = momentum[symbol][name];
      if (!(Math.abs(found - value) <= TOLERANCE)) {
        complaints.push(`${symbol}: ${name} is ${found} and has to be ${value}`);
      }
    }
  }
  if (left.sandboxes > 0) complaints.push(`${left.sandboxes} sandboxes are left`);
  if (left.processes > 0) complaints.push(`${left.processes} processes are left`);
  return complaints;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = EXIT.failed;
  },
);
