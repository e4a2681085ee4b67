// What a StartRequest asks for, in the words of a sandbox's pid 1, and its refusals in envd's. As with
// envd, everything is as if it were started through `/bin/sh -c 'exec "$@"'`: what is missing exits
// 127 with that shell's words. Pid 1 leaves the shell out where no difference can be seen.
'use strict';

const { SANDBOX_PATH } = require('./base-layer');
const { RpcError } = require('./connect-rpc');

const SHELL = ['/bin/sh', '-c', 'exec "$@"', '/bin/sh'];
const MAX_SIZE = 0xffff; // of a terminal, in either direction

/**
 * @param {object} message  StartRequest
 * @param {string} user
 * @param {import('./sandbox').Sandbox} sandbox
 * @returns {Promise<{ spec: object, config: object }>} for `SandboxInit.spawn`, and as `List` shows it
 * @throws {RpcError|import('./path-error').PathError}
 */
async function parseStart(message, user, sandbox) {
  const { cmd, args = [], envs = {}, cwd } = message.process ?? {};
  if (typeof cmd !== 'string' || cmd === '') throw invalid('process.cmd is required');
  if (!Array.isArray(args) || args.some((arg) => typeof arg !== 'string')) {
    throw invalid('process.args must be strings');
  }
  checkVariables(envs);
  const home = await sandbox.users.homeOf(user);
  const spec = {
    args: [...SHELL, cmd, ...args],
    wrapped: true,
    env: passedOn({
      PWD: '',
      PATH: SANDBOX_PATH,
      HOME: sandbox.processPath(home),
      USER: user,
      LOGNAME: user,
      ...sandbox.ownVariables,
      ...sandbox.envVars,
      ...envs,
    }),
    cwd: await sandbox.users.resolve(cwd ?? '', user),
    user,
    stdin: message.stdin !== false,
    pty: message.pty ? parseSize(message.pty) : null,
  };
  return { spec, config: { cmd, args, envs, ...(cwd === undefined ? {} : { cwd }) } };
}

/** @returns {{ cols: number, rows: number }} of a PTY message */
function parseSize({ size = {} }) {
  const { cols = 0, rows = 0 } = size;
  for (const value of [cols, rows]) {
    if (!Number.isInteger(value) || value < 0 || value > MAX_SIZE) {
      throw invalid(`pty.size must be from 0 to ${MAX_SIZE}`);
    }
  }
  return { cols, rows };
}

/** @returns {Error} in envd's words */
function startError(error, { cwd }) {
  if (error.what?.startsWith('chdir')) {
    const why = { ENOENT: 'does not exist', ENOTDIR: 'is not a directory' }[error.code];
    return invalid(`cwd '${cwd}' ${why ?? `cannot be entered: ${error.message}`}`);
  }
  if (error.code === 'ESRCH') return new RpcError('unauthenticated', 'invalid username');
  if (error.code === 'ECHANNELCLOSED') return new RpcError('unavailable', error.message);
  if (error.code === 'EBUSY') {
    return new RpcError('unavailable', `error starting process: ${error.message}`);
  }
  if (['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'].includes(error.code)) {
    return new RpcError('resource_exhausted', `error starting process: ${error.message}`);
  }
  return invalid(`error starting process: ${error.message}`);
}

function checkVariables(envs) {
  for (const [name, value] of Object.entries(envs)) {
    if (typeof value !== 'string' || name === '' || name.includes('=') || /\0/.test(name + value)) {
      throw invalid(`process.envs: '${name}' is not a valid variable`);
    }
  }
}

/** A shell like Debian's does not hand on what it cannot name. */
function passedOn(variables) {
  return Object.fromEntries(
    Object.entries(variables).filter(([name]) => /^[A-Za-z_]\w*$/.test(name)),
  );
}

function invalid(text) {
  return new RpcError('invalid_argument', text);
}

module.exports = { parseSize, parseStart, startError };
