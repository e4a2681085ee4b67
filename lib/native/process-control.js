'use strict';

// What one can do to a process of a sandbox that runs already: find it, feed it, signal it.

const { checkOptions } = require('../options');
const { touch } = require('./activity');
const { bytesOf, flagOf } = require('./arguments');
const { Call } = require('./calls');
const { CONNECTION_KEYS } = require('./connection');
const { listOf, processInfo } = require('./shapes');

const INPUT_KEYS = ['end', ...CONNECTION_KEYS];

/**
 * The processes that the sandbox's daemon has started and that still run.
 *
 * @param {string} sandboxId
 * @param {object} [options] the connection
 * @returns {Promise<object[]>} { pid, command, args, cwd, tag }; what is not known is null
 */
function listE2bProcesses(sandboxId, options) {
  try {
    const given = checkOptions(options, CONNECTION_KEYS, 'listE2bProcesses');
    const call = new Call(given, listE2bProcesses, sandboxId, (batch, at) => {
      const facts = { sandboxId, status: batch[at + 2] };
      return listOf(batch[at + 3], 'processes', 'a list of processes', facts).map(processInfo);
    });
    return call.enter(call.begin().listProcesses(sandboxId, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Writes to the standard input of a process that was started with `stdin: true`.
 *
 * @param {string} sandboxId
 * @param {number} pid
 * @param {string|Uint8Array} data may be empty
 * @param {object} [options] end (default false: closes the input afterwards), and the connection
 * @returns {Promise<{ sandboxId: string, pid: number }>} when the daemon has taken it
 */
function sendE2bInput(sandboxId, pid, data, options) {
  try {
    const given = checkOptions(options, INPUT_KEYS, 'sendE2bInput');
    const end = flagOf(given.end, 'end');
    const bytes = bytesOf(data, 'data');
    const call = new Call(given, sendE2bInput, sandboxId, () => {
      touch(sandboxId);
      return { sandboxId, pid };
    });
    return call.enter(call.begin().sendInput(sandboxId, pid, bytes, end, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Signals one process; its children are not touched.
 *
 * @param {string} sandboxId
 * @param {number} pid
 * @param {'SIGKILL'|'SIGTERM'} [signal] default 'SIGKILL'
 * @param {object} [options] the connection
 * @returns {Promise<{ sandboxId: string, pid: number, signal: string }>} rejects with NOT_FOUND when
 *   there is no such process
 */
function killE2bProcess(sandboxId, pid, signal = 'SIGKILL', options) {
  try {
    const given = checkOptions(options, CONNECTION_KEYS, 'killE2bProcess');
    const call = new Call(given, killE2bProcess, sandboxId, () => ({ sandboxId, pid, signal }));
    return call.enter(call.begin().killProcess(sandboxId, pid, signal, call.record));
  } catch (error) {
    return Promise.reject(error);
  }
}

module.exports = { killE2bProcess, listE2bProcesses, sendE2bInput };
