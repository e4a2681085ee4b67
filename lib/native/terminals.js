'use strict';

// Programs on a terminal of their own in a sandbox: what they write comes as one stream, they hear what
// is typed, and they know their window's size.

const { checkNumber, checkOptions } = require('../options');
const { bytesOf, callbackOf, pairs } = require('./arguments');
const { CONNECTION_KEYS } = require('./connection');
const { ask, attempt, checkSandboxId, rpc } = require('./direct');
const { ProcessCall } = require('./process-call');
const { ProcessHandle, connectionOf } = require('./process-handle');

const PTY_KEYS = ['cols', 'rows', 'command', 'args', 'cwd', 'env', 'user', 'timeout', 'onData'];
const OUTPUT_KEYS = ['encoding', 'maxOutputBytes'];
const SIZE = { min: 1, max: 65_535, integer: true };
const PID = { min: 1, max: 4_294_967_295, integer: true };
const LONGEST_S = 86_400;
const SHELL = { command: '/bin/bash', args: ['-i', '-l'] };
const TERMINAL_ENV = { TERM: 'xterm-256color', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' };

class PtyHandle extends ProcessHandle {
  #connection;

  constructor(call, given, facts) {
    super(call, given, facts);
    this.#connection = connectionOf(given);
  }

  /** Types. @param {string|Uint8Array} data a line ends with '\n', end of file is '\x04' */
  sendInput(data) {
    return type(this.sendInput, this.sandboxId, this.pid, data, this.#connection);
  }

  /** @param {{ cols: number, rows: number }} size */
  resize(size) {
    return resizeE2bPty(this.sandboxId, this.pid, size, this.#connection);
  }
}

/**
 * Starts a program on a terminal, by default a login shell.
 *
 * @param {string} sandboxId
 * @param {object} [options] cols (default 80), rows (24), onData (what is written, as text or bytes; a
 *   promise holds the program back), command and args (default `/bin/bash -i -l`), cwd, env, user,
 *   timeout (seconds; default 86,400), encoding ('utf8', 'buffer'), maxOutputBytes (kept of what is
 *   written, its end; 16 MiB), and the connection
 * @returns {Promise<PtyHandle>} a ProcessHandle with `resize`, whose `sendInput` types; `done` is a
 *   ProcessResult with everything in `stdout`
 */
function createE2bPty(sandboxId, options) {
  return attempt(() => {
    const keys = [...PTY_KEYS, ...OUTPUT_KEYS, ...CONNECTION_KEYS];
    const given = checkOptions(options, keys, 'createE2bPty');
    const { cols = 80, rows = 24, command = SHELL.command, timeout = LONGEST_S } = given;
    const args = given.args ?? (given.command == null ? SHELL.args : []);
    checkNumber(cols, 'cols', SIZE);
    checkNumber(rows, 'rows', SIZE);
    const env = pairs({ ...TERMINAL_ENV, ...given.env }, 'env');
    const onStdout = callbackOf(given.onData, 'onData');
    const toResult = (end) => ({ sandboxId, command, args, ...end });
    const call = new ProcessCall({ ...given, onStdout }, createE2bPty, sandboxId, toResult);
    const { cwd, user } = given;
    Object.assign(call.record, { cwd, user, env, ptyCols: cols, ptyRows: rows });
    const promise = call
      .begin()
      .executeE2bProcess(...[sandboxId, command, args, timeout, true, call.record]);
    return call.enterInBackground(
      promise,
      (pid, done) => new PtyHandle(call, given, { sandboxId, pid, command, done }),
    );
  });
}

/**
 * Tells a program the new size of its terminal.
 *
 * @param {string} sandboxId
 * @param {number} pid
 * @param {{ cols: number, rows: number }} size
 * @param {object} [options] the connection
 * @returns {Promise<{ sandboxId: string, pid: number, cols: number, rows: number }>}
 */
function resizeE2bPty(sandboxId, pid, size, options) {
  return attempt(() => {
    const given = checkOptions(options, CONNECTION_KEYS, 'resizeE2bPty');
    checkSandboxId(sandboxId);
    checkNumber(pid, 'pid', PID);
    const { cols, rows } = size ?? {};
    checkNumber(cols, 'size.cols', SIZE);
    checkNumber(rows, 'size.rows', SIZE);
    const what = 'resizing the terminal';
    const request = { ...rpc('process.Process/Update'), what, idempotent: true };
    const body = { process: { pid }, pty: { size: { cols, rows } } };
    return ask(resizeE2bPty, sandboxId, given, request, body, () => ({
      ...{ sandboxId, pid, cols, rows },
    }));
  });
}

function type(caller, sandboxId, pid, data, given) {
  return attempt(() => {
    const pty = Buffer.from(bytesOf(data, 'data')).toString('base64');
    const request = { ...rpc('process.Process/SendInput'), what: 'typing into the terminal' };
    const body = { process: { pid }, input: { pty } };
    return ask(caller, sandboxId, given, request, body, () => ({ sandboxId, pid }));
  });
}

module.exports = { createE2bPty, resizeE2bPty };
