// The code interpreter's routes: what a sandbox of such a template answers at port 49999, by the SDK's
// protocol: one JSON object a line. What rich output is missing beside the cloud's stands in the docs.
'use strict';

const { HttpError, errorJson, json, raw } = require('../answer');
const { Execution } = require('./execution');

const CODE_INTERPRETER_PORT = 49999;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

const ROUTES = [
  ['GET', /^\/health$/, 'codeHealth', () => json(200, 'OK')],
  ['POST', /^\/execute$/, 'code', ({ interpreter, body }) => execute(interpreter, body)],
  ['GET', /^\/contexts$/, 'codeContexts', ({ interpreter }) => json(200, interpreter.list())],
  [
    'POST',
    /^\/contexts$/,
    'codeContexts',
    ({ interpreter, body }) => json(200, interpreter.create(parse(body))),
  ],
  [
    'POST',
    /^\/contexts\/([^/]+)\/restart$/,
    'codeContexts',
    async ({ interpreter, id }) => {
      await interpreter.restart(id);
      return json(200, null);
    },
  ],
  [
    'DELETE',
    /^\/contexts\/([^/]+)$/,
    'codeContexts',
    ({ interpreter, id }) => {
      interpreter.remove(id);
      return json(200, null);
    },
  ],
];

/**
 * @param {string} method
 * @param {string} path
 * @returns {{ op: string, maxBodyBytes: number, handle: (call: object) => Promise<object> }} of a call
 *   with `sandbox.interpreter` and `body`
 */
function routeInterpreter(method, path) {
  for (const [wanted, pattern, op, run] of ROUTES) {
    const match = method === wanted ? pattern.exec(path) : null;
    if (!match) continue;
    const id = match[1] === undefined ? undefined : decodeURIComponent(match[1]);
    const handle = async ({ sandbox, body }) => {
      try {
        return await run({ interpreter: sandbox.interpreter, body, id });
      } catch (error) {
        if (error instanceof HttpError) throw error;
        return raw(500, error.message, { 'content-type': 'text/plain; charset=utf-8' });
      }
    };
    return { op, maxBodyBytes: MAX_BODY_BYTES, handle };
  }
  const handle = () => errorJson(404, `no route ${method} ${path} in the code interpreter`);
  return { op: 'unknown', handle };
}

function execute(interpreter, body) {
  return { status: 200, stream: new Execution(interpreter.prepare(parse(body))) };
}

function parse(body) {
  if (body.length === 0) return {};
  try {
    const parsed = JSON.parse(body.toString());
    if (parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)) return parsed;
  } catch {
    // Said below.
  }
  throw new HttpError(422, 'the body must be a JSON object', { text: true });
}

module.exports = { CODE_INTERPRETER_PORT, routeInterpreter };
