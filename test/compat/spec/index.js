// Checks what went over the wire against E2B's interface files: every exchange that a backend has
// recorded, by the plane and the port that it was for. Knows nothing of what the tests are about.
'use strict';

const { isExcepted } = require('./exceptions');
const files = require('./interface-files');
const { Schemas } = require('./json-schemas');
const { CODE_INTERPRETER, EXECUTION_LINES, PROXY_ANSWER, newerPaths } = require('./own-shapes');
const { parseProto } = require('./proto-files');
const { RestCheck } = require('./rest-check');
const { RpcCheck } = require('./rpc-check');

const CODE_PORT = 49999;
const ENVD_REST = /^\/[a-z]+(\/[a-z]+)?$/;
const UNFORESEEN = { content: { 'application/json': { schema: PROXY_ANSWER } } };
/** What E2B's proxy answers in a sandbox's place. */
const OF_PROXY = {
  401: UNFORESEEN,
  403: UNFORESEEN,
  404: UNFORESEEN,
  409: UNFORESEEN,
  502: UNFORESEEN,
};

let checks = null;

/** The checks, made at first use: reading the documents takes a moment. */
function allChecks() {
  if (checks) return checks;
  const control = files.openApi('openapi.yml');
  Object.assign(control.paths, newerPaths(control));
  // Every route of the control plane may refuse so, whatever the document lists.
  const error = (status) => [status, control.components.responses[status] ?? UNFORESEEN];
  const protos = ['process.proto', 'filesystem.proto'].map((name) => parseProto(files.text(name)));
  checks = {
    control: new RestCheck(control, Object.fromEntries([401, 403, 429, 500].map(error))),
    envd: new RestCheck(files.openApi('envd.yaml'), OF_PROXY),
    code: new RestCheck(CODE_INTERPRETER, OF_PROXY),
    lines: new Schemas(CODE_INTERPRETER),
    rpc: new RpcCheck(protos),
  };
  return checks;
}

/**
 * @param {import('../../../lib/local/request-log').RequestRecord} record
 * @returns {string[]} each with what was asked; empty: the exchange is as the files say
 */
function exchangeProblems(record) {
  const found = problemsOf(record).filter((problem) => !isExcepted(record, problem));
  return found.map((problem) => `${record.method} ${record.path}: ${problem}`);
}

function problemsOf(record) {
  const { control, envd, code, rpc } = allChecks();
  if (record.op === 'unknown') return ['no such route'];
  if (record.op === 'admin') return [];
  const port = portOf(record);
  if (port === null) return control.problems(record);
  if (isProxyAnswer(record)) return proxyProblems(record);
  if (port === CODE_PORT) return [...code.problems(record), ...lineProblems(record)];
  if (record.op === 'port') return []; // whatever a program in a sandbox talks
  return ENVD_REST.test(record.path) ? envd.problems(record) : rpc.problems(record);
}

/** @returns {number|null} of a sandbox; null: the control plane */
function portOf({ op, headers, sandboxId, path, query }) {
  if (op === 'port' || headers['e2b-sandbox-port']) {
    const byHost = /^(\d+)-[a-z0-9]+\./.exec(headers.host ?? '');
    return Number(headers['e2b-sandbox-port'] ?? byHost?.[1]);
  }
  const byHost = sandboxId === null ? null : /^(\d+)-[a-z0-9]+\./.exec(headers.host ?? '');
  if (byHost) return Number(byHost[1]);
  return path === '/files' && 'signature' in query ? 49983 : null;
}

function isProxyAnswer({ status, answerHeaders, answer }) {
  if (status === null || !answerHeaders?.['content-type']?.startsWith('application/json'))
    return false;
  return status === 502 && answer.includes('"sandboxId"');
}

function proxyProblems({ answer }) {
  const { lines } = allChecks();
  return lines.problems(PROXY_ANSWER, JSON.parse(answer)).map((text) => `answer 502: ${text}`);
}

/** Of `/execute`: one JSON object a line, the end last. */
function lineProblems({ path, status, answer, answerTruncated }) {
  if (path !== '/execute' || status !== 200) return [];
  const texts = answer.toString().split('\n').filter(Boolean);
  if (answerTruncated) texts.pop();
  const values = texts.map((text) => JSON.parse(text));
  const problems = values.flatMap(({ type, ...rest }) => {
    const schema = EXECUTION_LINES[type];
    if (!schema) return [`answer: there is no line of the type ${type}`];
    return allChecks()
      .lines.problems(schema, rest)
      .map((text) => `answer ${type}: ${text}`);
  });
  if (!answerTruncated && values.at(-1)?.type !== 'end_of_execution') {
    problems.push('answer: the last line is no end');
  }
  return problems;
}

/**
 * Registers what every file of these tests ends with: that each exchange is as the interface files
 * say. A route that was asked for and is not there fails in any case.
 * @param {{ backend: object }} far  of `withBackend`
 */
function checkEveryExchange(far) {
  const problems = new Set();
  let checked = 0;
  afterEach(() => {
    const { requests, faults } = far.backend;
    const unknown = requests.filter(({ op }) => op === 'unknown');
    expect(unknown.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
    if (!files.available) return;
    // What a fault has spoiled on purpose is not as it should be, on purpose.
    const spoiled = new Set(faults.hits.map(({ path }) => path));
    for (const record of requests) {
      if (spoiled.has(record.path)) continue;
      checked += 1;
      for (const problem of exchangeProblems(record)) problems.add(problem);
    }
  });
  const register = files.available ? test : test.skip;
  register('every exchange of these tests is as the interface files say', () => {
    expect([...problems]).toEqual([]);
    expect(checked).toBeGreaterThan(0);
  });
}

module.exports = { checkEveryExchange, exchangeProblems, specAvailable: files.available };
