// What goes over the wire and is not in the copied interface files, in the form in which they say
// such things. Facts about E2B's protocol, observed; in our own words.
'use strict';

const text = { type: 'string' };
const count = { type: 'integer' };
const json = (schema) => ({ content: { 'application/json': { schema } } });
const body = (schema, required = true) => ({ required, ...json(schema) });
const object = (properties, required = []) => ({ type: 'object', properties, required });

/**
 * The newer versions of create and connect, which the copied file is too old for.
 * @param {object} document  the control plane's
 * @returns {object} `paths` to be added to it
 */
function newerPaths({ paths, components }) {
  const create = paths['/sandboxes'].post;
  const connect = paths['/sandboxes/{sandboxID}/connect'].post;
  const { secure: _, ...properties } = components.schemas.NewSandbox.properties;
  const settings = { timeout: { type: 'integer', minimum: 1 }, memory: { type: 'boolean' } };
  return {
    '/v2/sandboxes': {
      ...paths['/v2/sandboxes'],
      post: { ...create, requestBody: body({ ...components.schemas.NewSandbox, properties }) },
    },
    '/v2/sandboxes/{sandboxID}/connect': {
      post: { ...connect, requestBody: body(object(settings), false) },
    },
  };
}

const context = object({ id: text, language: text, cwd: text }, ['id', 'language', 'cwd']);
const nothing = { enum: [null] };
const open = { type: 'object', additionalProperties: true };
const ofContext = [{ name: 'id', in: 'path', schema: text }];
const textAnswer = { content: { 'text/plain': { schema: text } } };

/** The code interpreter at port 49999; the answer of `/execute` is checked line by line. */
const CODE_INTERPRETER = {
  components: { schemas: {} },
  paths: {
    '/health': { get: { responses: { 200: json(text) } } },
    '/execute': {
      post: {
        requestBody: body(
          object(
            {
              code: text,
              context_id: { ...text, nullable: true },
              language: { ...text, nullable: true },
              env_vars: { type: 'object', additionalProperties: text, nullable: true },
            },
            ['code'],
          ),
        ),
        responses: { 200: {}, 400: textAnswer, 404: textAnswer, 422: json(open), 500: textAnswer },
      },
    },
    '/contexts': {
      get: { responses: { 200: json({ type: 'array', items: context }) } },
      post: {
        requestBody: body(object({ language: text, cwd: text })),
        responses: { 200: json(context), 400: textAnswer, 500: textAnswer },
      },
    },
    '/contexts/{id}/restart': {
      post: { parameters: ofContext, responses: { 200: json(nothing), 404: textAnswer } },
    },
    '/contexts/{id}': {
      delete: { parameters: ofContext, responses: { 200: json(nothing), 404: textAnswer } },
    },
  },
};

const FORMS = ['text', 'html', 'markdown', 'svg', 'png', 'jpeg', 'pdf', 'latex', 'javascript'];

/** The lines of an answer of `/execute` by their type; `type` itself is in all of them. */
const EXECUTION_LINES = {
  number_of_executions: object({ execution_count: count }, ['execution_count']),
  stdout: object({ text, timestamp: { type: 'number' } }, ['text', 'timestamp']),
  stderr: object({ text, timestamp: { type: 'number' } }, ['text', 'timestamp']),
  result: object(
    {
      is_main_result: { type: 'boolean' },
      ...Object.fromEntries(FORMS.map((form) => [form, text])),
      ...{ json: {}, data: open, chart: open, extra: open },
    },
    ['is_main_result'],
  ),
  error: object({ name: text, value: text, traceback: text }, ['name', 'value', 'traceback']),
  keepalive: object({}),
  end_of_execution: object({}),
};

/** What the proxy in front of a sandbox answers by itself, on every port. */
const PROXY_ANSWER = object(
  {
    ...{ sandboxId: text, message: text, code: count },
    ...{ port: count, connectionLimit: count, path: text },
  },
  ['message', 'code'],
);

module.exports = { CODE_INTERPRETER, EXECUTION_LINES, PROXY_ANSWER, newerPaths };
