// `e2b-swarm local`: a local E2B in the foreground, until a signal ends it, or for as long as a command
// runs that gets its environment. On stdout only what another program reads.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { constants } = require('node:os');
const { startLocalBackend } = require('../local');

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'];

/**
 * @param {string[]} command  to run with the environment; empty: wait for a signal
 * @param {object} options  as `lib/cli/index.js` declares them
 * @param {{ stdout: import('node:stream').Writable, stderr: import('node:stream').Writable }} io
 * @returns {Promise<number>} the exit status: the command's, or 128 and the signal's number
 */
async function run(command, options, { stdout, stderr }) {
  const say = (line) => options.quiet || stderr.write(`e2b-swarm local: ${line}\n`);
  const backend = await startLocalBackend({ ...backendOptions(options), log: say });
  try {
    if (command.length > 0) return await runWith(backend.env, command);
    const told = aSignal(); // before anybody can know that there is something to end
    stdout.write(options.json ? `${toJson(backend)}\n` : exportLines(backend.env));
    say('Ctrl-C ends it, with everything that runs in it');
    return 128 + constants.signals[await told];
  } finally {
    const { left } = await backend.close();
    if (left.processes > 0) stderr.write(`e2b-swarm local: ${left.processes} processes are left\n`);
  }
}

/** What was not asked for is left out, so that the backend's own defaults hold. */
function backendOptions({ port, isolation, domain, tls, state, faults, envd }) {
  const chosen = { port, isolation, domain, tls, stateDir: state, envd };
  if (faults !== undefined) chosen.faults = readRules(faults);
  return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined));
}

function readRules(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw Object.assign(new Error(`--faults ${file}: ${error.message}`), {
      code: 'INVALID_OPTION',
    });
  }
}

function toJson({ url, env, isolation }) {
  return JSON.stringify({ url, env, isolation });
}

/** For `eval` in a shell. */
function exportLines(env) {
  const quote = (value) => `'${String(value).replaceAll("'", `'\\''`)}'`;
  return Object.entries(env)
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join('');
}

/** @returns {Promise<string>} the name of the first that comes; the next one has its usual effect */
function aSignal() {
  return new Promise((resolve) => {
    const heard = (signal) => {
      for (const name of SIGNALS) process.off(name, heard);
      resolve(signal);
    };
    for (const name of SIGNALS) process.on(name, heard);
  });
}

/** A terminal sends its signals to the command as well; from elsewhere they come to us alone. */
function runWith(env, [file, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit', env: { ...process.env, ...env } });
    const forward = (signal) => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    for (const name of SIGNALS) process.on(name, forward);
    child.once('error', (error) => reject(new Error(`cannot run ${file}: ${error.message}`)));
    child.once('close', (status, signal) => {
      for (const name of SIGNALS) process.off(name, forward);
      resolve(status ?? 128 + constants.signals[signal]);
    });
  });
}

module.exports = { run };
