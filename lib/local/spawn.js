// Starts a process the way envd does: through `/bin/sh -c 'exec "$@"'`, in a session of its own, with
// the sandbox's environment and none of the backend's. The only place that spawns.
'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { RpcError } = require('./connect-rpc');
const { openInput, openOutput } = require('./pipes');

const BASE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const NODE_DIRECTORY = path.dirname(process.execPath);

/** The PATH of every sandbox: the usual one, with the running node first when it lies elsewhere. */
const SANDBOX_PATH = BASE_PATH.split(':').includes(NODE_DIRECTORY)
  ? BASE_PATH
  : `${NODE_DIRECTORY}:${BASE_PATH}`;

/**
 * The login files of a fresh home. `/etc/profile` of the host sets PATH anew in every login shell;
 * this puts the running node back.
 */
const PROFILE = `case ":$PATH:" in
  *:${shellQuote(NODE_DIRECTORY)}:*) ;;
  *) PATH=${shellQuote(NODE_DIRECTORY)}:$PATH ;;
esac
`;

/**
 * @param {object} options
 * @param {string} options.cmd
 * @param {string[]} options.args
 * @param {Record<string, string>} options.env  the whole environment
 * @param {string} options.cwd  on the host
 * @param {boolean} options.stdin  false: /dev/null
 * @param {import('./pipes').PipePool} options.pipes
 * @returns {Promise<{ child, stdin, outputs }>} running, or failed with invalid_argument
 */
async function startProcess({ cmd, args, env, cwd, stdin, pipes }) {
  const names = await pipes.take(stdin ? 3 : 2);
  const opened = names && openPipes(names);
  const stdio = opened
    ? [opened.stdin?.childFd ?? 'ignore', opened.stdout.childFd, opened.stderr.childFd]
    : [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'];
  let child;
  try {
    child = spawn('/bin/sh', ['-c', 'exec "$@"', '/bin/sh', cmd, ...args], {
      cwd,
      env,
      stdio,
      detached: true,
    });
    await started(child);
  } catch (error) {
    closeOwn(opened);
    throw new RpcError('invalid_argument', `error starting process: ${error.message}`);
  } finally {
    for (const pipe of Object.values(opened ?? {})) fs.closeSync(pipe.childFd);
  }
  if (!opened) {
    return { child, stdin: child.stdin, outputs: { stdout: child.stdout, stderr: child.stderr } };
  }
  return {
    child,
    stdin: opened.stdin ? wrap(opened.stdin.ownFd, { writable: true }) : null,
    outputs: {
      stdout: wrap(opened.stdout.ownFd, { readable: true }),
      stderr: wrap(opened.stderr.ownFd, { readable: true }),
    },
  };
}

/** Whether a spawn succeeded is known at once: Node sets the pid, or emits `error` soon after. */
function started(child) {
  if (child.pid !== undefined) {
    child.on('error', () => {}); // a signal that fails later; the exit event tells the rest
    return Promise.resolve();
  }
  return once(child, 'error').then(([error]) => {
    throw error;
  });
}

/** @param {string[]} names  of stdout, of stderr, and of stdin if it is wanted */
function openPipes([stdout, stderr, stdin]) {
  const opened = {};
  try {
    opened.stdout = openOutput(stdout);
    opened.stderr = openOutput(stderr);
    if (stdin) opened.stdin = openInput(stdin);
    return opened;
  } catch (error) {
    closeOwn(opened);
    for (const pipe of Object.values(opened)) fs.closeSync(pipe.childFd);
    throw new RpcError('resource_exhausted', `error opening pipes: ${error.message}`);
  }
}

function closeOwn(opened) {
  for (const pipe of Object.values(opened ?? {})) fs.closeSync(pipe.ownFd);
}

function wrap(fd, { readable = false, writable = false }) {
  return new net.Socket({ fd, readable, writable });
}

function shellQuote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

module.exports = { PROFILE, SANDBOX_PATH, startProcess };
