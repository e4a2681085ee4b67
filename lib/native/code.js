'use strict';

// Code that runs in a sandbox's interpreter, with state between runs: templates that have one (such as
// 'code-interpreter-v1') answer at port 49999.

const { TimeoutError } = require('../errors');
const { checkNumber, checkOptions, checkString, invalid, show } = require('../options');
const { activityOf } = require('./activity');
const { callbackOf, pairs } = require('./arguments');
const { broken, readLines } = require('./byte-stream');
const { Call } = require('./calls');
const { CONNECTION_KEYS, commandTimeout } = require('./connection');
const { answerOf, ask, attempt, checkSandboxId } = require('./direct');
const { badResponse, listOf } = require('./shapes');

const PORT = 49999;
const MAX_TIMEOUT_S = 86_400;
const RUN_KEYS = ['language', 'context', 'env', 'timeout', 'onStdout', 'onStderr', 'onResult'];
const CONTEXT_KEYS = ['language', 'cwd', ...CONNECTION_KEYS];

/**
 * Runs code in a sandbox's interpreter.
 *
 * @param {string} sandboxId
 * @param {string} code
 * @param {object} [options] language ('python', the default, 'javascript', 'bash', ...) or context (an
 *   id: see createE2bCodeContext), env, timeout (seconds; default E2B_TIMEOUT, else 300), onStdout,
 *   onStderr, onResult (each may return a promise, which holds the stream back), and the connection
 * @returns {Promise<{ sandboxId: string, results: object[], text: string|null, stdout: string,
 *   stderr: string, error: { name: string, value: string, traceback: string }|null,
 *   executionCount: number|null }>} `results` in all forms that the interpreter gave, `text` the main
 *   one's. Code that throws resolves, with `error`
 */
function runE2bCode(sandboxId, code, options) {
  return attempt(() => {
    const given = checkOptions(options, [...RUN_KEYS, ...CONNECTION_KEYS], 'runE2bCode');
    checkSandboxId(sandboxId);
    if (typeof code !== 'string') throw invalid(`code must be a string, not ${show(code)}`);
    if (given.language != null && given.context != null) {
      throw invalid('language and context exclude each other: a context has its language');
    }
    const seconds = given.timeout ?? commandTimeout();
    checkNumber(seconds, 'timeout', { min: 0.001, max: MAX_TIMEOUT_S });
    const body = { code };
    if (given.language != null) body.language = checkString(given.language, 'language');
    if (given.context != null) body.context_id = checkString(given.context, 'context');
    if (given.env != null) {
      pairs(given.env, 'env');
      body.env_vars = given.env;
    }
    const execution = new Execution(sandboxId, given);
    const call = new Call(given, runE2bCode, sandboxId, () => undefined);
    readLines(call, (message) => execution.take(message));
    const request = { what: 'running code', method: 'POST', path: '/execute', port: PORT };
    const spec = { ...request, stream: true };
    const text = JSON.stringify(body);
    const ended = call.enter(call.begin().direct(sandboxId, spec, text, call.record));
    return withDeadline(ended, call, seconds, sandboxId).then(() => execution.result());
  });
}

/** Closing the connection is what stops the code. */
async function withDeadline(ended, call, seconds, sandboxId) {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    call.cancel();
  }, seconds * 1000);
  try {
    return await ended;
  } catch (error) {
    if (!late || error.code !== 'CANCELLED') throw error;
    const fields = { code: 'TIMEOUT', outcome: 'interrupted', retryable: false, sandboxId };
    throw new TimeoutError(`the code ran longer than its timeout of ${seconds} s`, fields);
  } finally {
    clearTimeout(timer);
  }
}

/** What comes of one run, out of the interpreter's messages. */
class Execution {
  #sandboxId;
  #callbacks;
  #activity;
  #results = [];
  #stdout = '';
  #stderr = '';
  #error = null;
  #count = null;
  #ended = false;

  constructor(sandboxId, { onStdout, onStderr, onResult }) {
    this.#sandboxId = sandboxId;
    this.#callbacks = {
      stdout: callbackOf(onStdout, 'onStdout'),
      stderr: callbackOf(onStderr, 'onStderr'),
      result: callbackOf(onResult, 'onResult'),
    };
    this.#activity = activityOf(sandboxId);
  }

  /** @returns {unknown} what the user's callback answered; kinds that are not known are passed over */
  take({ type, ...fields }) {
    const callback = this.#callbacks[type];
    switch (type) {
      case 'number_of_executions':
        this.#activity.executions++;
        this.#count = fields.execution_count;
        return undefined;
      case 'stdout':
        this.#stdout += fields.text;
        return callback?.(fields.text);
      case 'stderr':
        this.#stderr += fields.text;
        return callback?.(fields.text);
      case 'result': {
        const { is_main_result: isMainResult = false, ...forms } = fields;
        const result = { ...forms, isMainResult };
        this.#results.push(result);
        return callback?.(result);
      }
      case 'error':
        this.#error = { name: fields.name, value: fields.value, traceback: fields.traceback };
        return undefined;
      case 'end_of_execution':
        this.#ended = true;
        return undefined;
      default:
        return undefined;
    }
  }

  result() {
    this.#activity.touch();
    if (!this.#ended) throw broken('an execution without its end');
    return {
      sandboxId: this.#sandboxId,
      results: this.#results,
      text: this.#results.find(({ isMainResult }) => isMainResult)?.text ?? null,
      stdout: this.#stdout,
      stderr: this.#stderr,
      error: this.#error,
      executionCount: this.#count,
    };
  }
}

const toContext = ({ id, language, cwd }) => ({ id, language, cwd });

function interpreter(method, path, what) {
  return { method, path, what, port: PORT, idempotent: method !== 'POST' };
}

/**
 * Makes a context: variables of its own, in a language of its own.
 *
 * @param {string} sandboxId
 * @param {object} [options] language (default 'python'), cwd (default '/home/user'), and the connection
 * @returns {Promise<{ id: string, language: string, cwd: string }>}
 */
function createE2bCodeContext(sandboxId, options) {
  return attempt(() => {
    const given = checkOptions(options, CONTEXT_KEYS, 'createE2bCodeContext');
    checkSandboxId(sandboxId);
    const body = {};
    for (const key of ['language', 'cwd']) {
      if (given[key] != null) body[key] = checkString(given[key], key);
    }
    const request = interpreter('POST', '/contexts', 'making a code context');
    return ask(createE2bCodeContext, sandboxId, given, request, body, (answer) => {
      const context = answerOf(answer, 'a code context');
      if (typeof context.id === 'string') return toContext(context);
      throw badResponse('the answer names no context', { ...answer.facts, retryable: false });
    });
  });
}

/**
 * @param {string} sandboxId
 * @param {object} [options] the connection
 * @returns {Promise<{ id: string, language: string, cwd: string }[]>}
 */
function listE2bCodeContexts(sandboxId, options) {
  return attempt(() => {
    const given = checkOptions(options, CONNECTION_KEYS, 'listE2bCodeContexts');
    checkSandboxId(sandboxId);
    const request = interpreter('GET', '/contexts', 'listing code contexts');
    return ask(listE2bCodeContexts, sandboxId, given, request, undefined, (answer) =>
      listOf(answer.body, null, 'a list of code contexts', answer.facts).map(toContext),
    );
  });
}

/**
 * Gives a context a fresh interpreter: its variables are gone.
 *
 * @param {string} sandboxId
 * @param {string} contextId
 * @param {object} [options] the connection
 * @returns {Promise<{ sandboxId: string, contextId: string }>}
 */
function restartE2bCodeContext(sandboxId, contextId, options) {
  return onContext(restartE2bCodeContext, 'POST', '/restart', sandboxId, contextId, options);
}

/**
 * Ends a context and its interpreter.
 *
 * @param {string} sandboxId
 * @param {string} contextId
 * @param {object} [options] the connection
 * @returns {Promise<{ sandboxId: string, contextId: string }>}
 */
function removeE2bCodeContext(sandboxId, contextId, options) {
  return onContext(removeE2bCodeContext, 'DELETE', '', sandboxId, contextId, options);
}

function onContext(caller, method, action, sandboxId, contextId, options) {
  return attempt(() => {
    const given = checkOptions(options, CONNECTION_KEYS, caller.name);
    checkSandboxId(sandboxId);
    const path = `/contexts/${encodeURIComponent(checkString(contextId, 'contextId'))}${action}`;
    const request = interpreter(method, path, 'changing a code context');
    return ask(caller, sandboxId, given, request, undefined, () => ({ sandboxId, contextId }));
  });
}

module.exports = {
  createE2bCodeContext,
  listE2bCodeContexts,
  removeE2bCodeContext,
  restartE2bCodeContext,
  runE2bCode,
};
