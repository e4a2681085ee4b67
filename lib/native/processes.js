'use strict';

// Commands in a sandbox: run to their end, in the background, or attached to later.

const { ProcessExitError } = require('../errors');
const { checkOptions } = require('../options');
const { bytesOf, flagOf, pairs } = require('./arguments');
const { CONNECTION_KEYS, commandTimeout } = require('./connection');
const { setHidden } = require('./calls');
const { OUTPUT_KEYS, ProcessCall } = require('./process-call');
const { ProcessHandle } = require('./process-handle');

const SHARED_KEYS = [...OUTPUT_KEYS, 'encoding', 'rejectOnNonZero', ...CONNECTION_KEYS];
const EXECUTE_KEYS = ['cwd', 'env', 'user', 'stdin', 'background', ...SHARED_KEYS];
const ATTACH_KEYS = ['timeout', 'captureOutput', ...SHARED_KEYS];

/**
 * Runs a command in a sandbox.
 *
 * @param {string} sandboxId
 * @param {string} command without args: a line for `/bin/bash -l -c`
 * @param {string[]|null} [args] an array, also an empty one: the command is executed as it is
 * @param {number} [timeout] seconds; at it the command and its descendants are killed. Default
 *   E2B_TIMEOUT, else 300
 * @param {boolean} [captureOutput] default true; false: no output in the result
 * @param {object} [options] cwd, env, user, stdin (text or bytes, then closed; true: left open for
 *   sendInput), onStdout, onStderr, maxOutputBytes (of each stream, the end is kept; 16 MiB),
 *   encoding ('utf8', 'buffer'), rejectOnNonZero, background, and the connection
 * @returns {Promise<object>} ProcessResult at its end; with background a ProcessHandle at its start
 */
function executeE2bProcess(sandboxId, command, args, timeout, captureOutput = true, options) {
  try {
    const given = checkOptions(options, EXECUTE_KEYS, 'executeE2bProcess');
    const background = flagOf(given.background, 'background');
    const facts = { sandboxId, command, args: args ?? null };
    const toResult = resultMaker(given, facts, captureOutput);
    const seconds = timeout ?? commandTimeout();
    const env = pairs(given.env, 'env');
    const stdinOpen = given.stdin === true;
    const hasStdin = !stdinOpen && given.stdin != null;
    const stdin = hasStdin ? bytesOf(given.stdin, 'stdin') : undefined;
    const call = new ProcessCall(given, executeE2bProcess, sandboxId, toResult);
    Object.assign(call.record, { cwd: given.cwd, user: given.user, env, stdin, stdinOpen });
    const refusal = call
      .begin()
      .executeE2bProcess(sandboxId, command, args, seconds, captureOutput, call.record);
    if (!background) return call.enter(refusal);
    return call.enterInBackground(refusal, (pid, done) => {
      return new ProcessHandle(call, given, { sandboxId, pid, command, done });
    });
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Attaches to a process that runs. Output from before is not seen.
 *
 * @param {string} sandboxId
 * @param {number} pid
 * @param {object} [options] timeout (seconds; ends the watching, not the process; default none),
 *   captureOutput (default true), onStdout, onStderr, maxOutputBytes, encoding, rejectOnNonZero, and
 *   the connection
 * @returns {Promise<ProcessHandle>} rejects with NOT_FOUND when there is no such process
 */
function connectE2bProcess(sandboxId, pid, options) {
  try {
    const given = checkOptions(options, ATTACH_KEYS, 'connectE2bProcess');
    const capture = flagOf(given.captureOutput, 'captureOutput', true);
    const facts = { sandboxId, command: null, args: null };
    const toResult = resultMaker(given, facts, capture);
    const call = new ProcessCall(given, connectE2bProcess, sandboxId, toResult);
    call.record.timeout = given.timeout;
    call.record.capture = capture;
    const refusal = call.begin().attachProcess(sandboxId, pid, call.record);
    return call.enterInBackground(refusal, (_pid, done) => {
      return new ProcessHandle(call, given, { sandboxId, pid, command: null, done });
    });
  } catch (error) {
    return Promise.reject(error);
  }
}

function resultMaker(given, facts, captured) {
  const rejects = flagOf(given.rejectOnNonZero, 'rejectOnNonZero');
  const asBytes = given.encoding === 'buffer';
  return ({ stdout, stderr, ...end }) => {
    const nothing = () => (asBytes ? Buffer.alloc(0) : '');
    const result = {
      ...facts,
      pid: end.pid,
      exitCode: end.exitCode,
      signal: end.signal,
      stdout: captured ? (stdout ?? nothing()) : nothing(),
      stderr: captured ? (stderr ?? nothing()) : nothing(),
      truncated: end.truncated,
      timedOut: end.timedOut,
      durationMs: end.durationMs,
    };
    if (rejects && result.exitCode !== 0) throw exitError(result);
    return result;
  };
}

function exitError(result) {
  const { sandboxId, exitCode, signal, timedOut, stderr } = result;
  const how = exitCode === null ? `by ${signal}` : `with exit code ${exitCode}`;
  const when = timedOut ? ' at its deadline' : '';
  const said = lastLine(stderr);
  const error = new ProcessExitError(`the command ended ${how}${when}${said && `: ${said}`}`, {
    code: 'NON_ZERO_EXIT',
    outcome: 'interrupted',
    sandboxId,
  });
  return setHidden(error, 'result', result);
}

/** The last line of what a program wrote, short. */
function lastLine(output) {
  return String(output).slice(-2_000).trim().split('\n').at(-1).slice(-300);
}

module.exports = { connectE2bProcess, executeE2bProcess, lastLine };
