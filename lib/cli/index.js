#!/usr/bin/env node
// The command line: `npx e2b-swarm COMMAND`. Declares the commands and their options, and turns what
// comes of them into an exit status. What a command does is in its own file, loaded when it runs.
'use strict';

const { Command, CommanderError } = require('commander');
const { version } = require('../../package.json');

/** One meaning a number, for every command; a signal ends with 128 and its number. */
const EXIT = { done: 0, failed: 1, usage: 2, notFound: 3, noCredentials: 4, timeout: 5 };

/** Of an error's code; of any other one it is `failed`. */
const STATUS_OF = {
  ...{ INVALID_ARGUMENT: EXIT.usage, INVALID_OPTION: EXIT.usage, UNKNOWN_OPTION: EXIT.usage },
  ...{ MISSING_API_KEY: EXIT.noCredentials, UNAUTHENTICATED: EXIT.noCredentials },
  ...{ NOT_FOUND: EXIT.notFound, TIMEOUT: EXIT.timeout },
};

function buildProgram(finish) {
  const program = new Command('e2b-swarm')
    .description('Fleets of E2B sandboxes: a client, a manager, and a local E2B.')
    .version(version)
    .enablePositionalOptions()
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  const run = (file) => async (args, options) =>
    finish(
      await require(file).run(args, options, { stdout: process.stdout, stderr: process.stderr }),
    );
  program
    .command('local')
    .description(
      'Run a local E2B: prints what any E2B client needs in its environment, or runs a command with it.',
    )
    .argument(
      '[command...]',
      'run this with the environment, then end: e2b-swarm local -- npm test',
    )
    .option('--port <number>', 'port on the loopback interface (default: a free one)', toPort)
    .option('--isolation <rung>', 'auto, namespaces, root, user or none', 'auto')
    .option('--domain <name>', 'serve {port}-{id}.<name> as the cloud does (needs name resolution)')
    .option('--tls', 'serve TLS and HTTP/2 on the same port, with a certificate made at start')
    .option('--state <directory>', 'keep snapshots and paused sandboxes here between runs')
    .option('--faults <file>', 'faults on demand, as a JSON list of rules')
    .option('--envd <file>', 'run this envd in each sandbox (which then has no internet)')
    .option('--json', 'print one JSON document instead of export lines')
    .option('--quiet', 'say nothing on stderr but errors')
    .passThroughOptions()
    .action(run('./local'));
  program
    .command('doctor')
    .description(
      'Say what this machine gives: whether the client loads, which isolation starts and why.',
    )
    .option('--json', 'print one JSON document')
    .action((options) => run('./doctor')([], options));
  program
    .command('reap')
    .description(
      'End what dead managers left running: reads their ledger, touches nothing that lives or is not theirs.',
    )
    .option('--state <store>', "the managers' store: a folder, an SQLite file or a PostgreSQL URL")
    .option('--owner <name>', 'only the fleet of this name (default: all of the store)')
    .option('--idle', 'idle sandboxes too, which the next manager would take over')
    .option('--dry-run', 'say what would be ended, and end nothing')
    .option('--json', 'print one JSON document')
    .action((options) => run('./reap')([], options));
  return program;
}

function toPort(text) {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new CommanderError(
    1,
    'usage',
    `error: --port must be a number from 0 to 65535, not '${text}'`,
  );
}

/** @returns {number} the exit status for what went wrong, which has been said */
function report(error) {
  if (error instanceof CommanderError) {
    // commander says its own errors itself; ours come with a code of their own.
    if (error.code === 'usage') process.stderr.write(`${error.message}\n`);
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  process.stderr.write(`e2b-swarm: ${error.message}\n`);
  return STATUS_OF[error.code] ?? EXIT.failed;
}

async function main(argv) {
  let status = EXIT.done;
  try {
    await buildProgram((result) => {
      status = result ?? EXIT.done;
    }).parseAsync(argv);
  } catch (error) {
    status = report(error);
  }
  process.exitCode = status;
}

if (require.main === module) void main(process.argv);

module.exports = { EXIT, main };
