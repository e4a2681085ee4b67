// Checks one exchange of Connect RPC in JSON against the proto files: unary calls and streams, requests
// and answers, and the shape of errors.
'use strict';

const { gunzipSync } = require('node:zlib');
const { messageProblems } = require('./proto-json');
const { mediaType } = require('./rest-check');

const HTTP_OF_CODE = {
  ...{ canceled: 499, unknown: 500, invalid_argument: 400, deadline_exceeded: 504 },
  ...{ not_found: 404, already_exists: 409, permission_denied: 403, resource_exhausted: 429 },
  ...{ failed_precondition: 400, aborted: 409, out_of_range: 400, unimplemented: 501 },
  ...{ internal: 500, unavailable: 503, data_loss: 500, unauthenticated: 401 },
};
const END = 2;
const HEAD = 5;

class RpcCheck {
  #interfaces;

  /** @param {import('./proto-files').Interface[]} interfaces */
  constructor(interfaces) {
    this.#interfaces = interfaces;
  }

  /** @returns {string[]} what is wrong with a record of `backend.requests` */
  problems(record) {
    const definitions = this.#interfaces.find(({ methods }) => methods.has(record.path));
    if (!definitions) return [`${record.path} is not in the interface files`];
    const method = definitions.methods.get(record.path);
    const isStream = method.inputStream || method.outputStream;
    const type = mediaType(record.headers['content-type']);
    const expected = isStream ? 'application/connect+json' : 'application/json';
    if (type !== expected) return [`request: the content type is ${type}, not ${expected}`];
    return isStream
      ? this.#streamProblems(record, definitions, method)
      : this.#unaryProblems(record, definitions, method);
  }

  #unaryProblems(record, definitions, { input, output }) {
    const { status, answer, answerHeaders, truncated, answerTruncated } = record;
    const problems = truncated
      ? []
      : messageProblems(definitions, input, JSON.parse(record.body), `request ${input}`);
    if (status === null || answerTruncated) return problems;
    const bytes = answerHeaders['content-encoding'] === 'gzip' ? gunzipSync(answer) : answer;
    const type = mediaType(answerHeaders['content-type']);
    if (type !== 'application/json') return [...problems, `answer: its content type is ${type}`];
    const value = JSON.parse(bytes);
    const found =
      status === 200
        ? messageProblems(definitions, output, value, `answer ${output}`)
        : errorProblems(value, status);
    return [...problems, ...found];
  }

  #streamProblems(record, definitions, { input, output, inputStream }) {
    const { status, answer, answerHeaders, answerTruncated } = record;
    const asked = envelopesOf(record.body);
    const problems = asked.flatMap(({ flags, payload }) => [
      ...(flags === 0 ? [] : [`request: an envelope has the flags ${flags}`]),
      ...messageProblems(definitions, input, JSON.parse(payload), `request ${input}`),
    ]);
    if (asked.length !== 1 && !inputStream) problems.push(`request: ${asked.length} envelopes`);
    if (answerHeaders === null) return problems;
    const type = mediaType(answerHeaders['content-type']);
    if (status !== 200 && status !== null) return [...problems, `answer: a stream has ${status}`];
    if (type !== 'application/connect+json') {
      return [...problems, `answer: its content type is ${type}`];
    }
    const whole = status === 200 && !answerTruncated;
    return [...problems, ...answerProblems(definitions, output, envelopesOf(answer), whole)];
  }
}

function answerProblems(definitions, output, envelopes, whole) {
  const problems = envelopes.flatMap(({ flags, payload }, i) => {
    const value = JSON.parse(payload);
    if (flags === 0) return messageProblems(definitions, output, value, `answer ${output}`);
    if (flags !== END) return [`answer: an envelope has the flags ${flags}`];
    const last = i === envelopes.length - 1 ? [] : ['answer: something comes after the end'];
    return value.error ? [...last, ...errorProblems(value.error, null)] : last;
  });
  if (whole && envelopes.at(-1)?.flags !== END)
    problems.push('answer: the last envelope is no end');
  const [first] = envelopes;
  if (first?.flags === 0 && output !== 'StreamInputResponse') {
    const event = JSON.parse(first.payload);
    if (!(event.event ?? event).start) problems.push('answer: the first message is no start');
  }
  return problems;
}

function errorProblems({ code, message = '' }, status) {
  const problems = [];
  if (!(code in HTTP_OF_CODE)) problems.push(`answer: '${code}' is no code of an error`);
  else if (status !== null && HTTP_OF_CODE[code] !== status) {
    problems.push(`answer: ${code} has the status ${status}`);
  }
  if (typeof message !== 'string') problems.push('answer: the message of an error is no text');
  return problems;
}

/** @returns {{ flags: number, payload: Buffer }[]} the whole ones; a rest is left out */
function envelopesOf(bytes) {
  const envelopes = [];
  for (let at = 0; at + HEAD <= bytes.length;) {
    const end = at + HEAD + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) break;
    envelopes.push({ flags: bytes[at], payload: bytes.subarray(at + HEAD, end) });
    at = end;
  }
  return envelopes;
}

module.exports = { RpcCheck };
