// Checks one exchange of REST against an OpenAPI document: path, method, query, both bodies, status.
'use strict';

const { gunzipSync } = require('node:zlib');
const { Schemas } = require('./json-schemas');

class RestCheck {
  #schemas;
  #routes;
  #alwaysPossible;

  /**
   * @param {object} document
   * @param {Record<string, object>} [alwaysPossible]  answers by status that every route may give
   */
  constructor(document, alwaysPossible = {}) {
    this.#schemas = new Schemas(document);
    this.#alwaysPossible = alwaysPossible;
    this.#routes = Object.entries(document.paths)
      .map(([path, methods]) => ({ pattern: patternOf(path), methods, path }))
      .sort((a, b) => placesOf(a.path) - placesOf(b.path)); // what is fixed goes first
  }

  /** @returns {string[]} what is wrong with a record of `backend.requests` */
  problems(record) {
    const route = this.#routes.find(({ pattern, methods }) => {
      return pattern.test(record.path) && methods[record.method.toLowerCase()];
    });
    if (!route) return [`${record.method} ${record.path} is not in the interface files`];
    const operation = route.methods[record.method.toLowerCase()];
    const parameters = [...(route.methods.parameters ?? []), ...(operation.parameters ?? [])].map(
      (one) => this.#schemas.resolve(one),
    );
    // What was refused may have been wrong: tests ask for wrong things on purpose.
    const asked =
      record.status >= 400 && record.status < 500
        ? []
        : [
            ...this.#queryProblems(record, parameters),
            ...this.#requestProblems(record, this.#schemas.resolve(operation.requestBody)),
          ];
    return [...asked, ...this.#answerProblems(record, operation.responses)];
  }

  #queryProblems({ query }, parameters) {
    const known = new Map(
      parameters.filter(({ in: place }) => place === 'query').map((one) => [one.name, one]),
    );
    const missing = [...known.values()].filter((one) => one.required && !(one.name in query));
    return [
      ...missing.map(({ name }) => `query: ${name} is missing`),
      ...Object.entries(query).flatMap(([name, value]) => {
        if (!known.has(name)) return [`query: ${name} is not in the interface files`];
        const { schema } = known.get(name);
        const typed = fromText(this.#schemas.resolve(schema), value);
        return this.#schemas.problems(schema, typed).map((text) => `query: ${name} ${text}`);
      }),
    ];
  }

  #requestProblems({ body, headers, truncated }, wanted) {
    const type = mediaType(headers['content-type']);
    const mayBeEmpty = !wanted?.required || type === 'application/octet-stream';
    if (body.length === 0) return mayBeEmpty ? [] : ['request: the body is missing'];
    if (!wanted) return ['request: there is a body, and none is in the interface files'];
    if (!wanted.content[type]) return [`request: the content type ${type} is not foreseen`];
    if (type !== 'application/json' || truncated) return [];
    const { schema } = wanted.content[type];
    return this.#schemas.problems(schema, JSON.parse(body)).map((text) => `request: ${text}`);
  }

  #answerProblems(record, responses) {
    const { status, answer, answerHeaders, answerTruncated } = record;
    if (status === null || record.method === 'HEAD') return []; // broke off: nothing to judge
    const wanted = this.#schemas.resolve(responses[status] ?? this.#alwaysPossible[status]);
    if (!wanted) return [`answer: the status ${status} is not in the interface files`];
    if (!wanted.content) {
      return answer.length > 0 && wanted.description !== undefined
        ? [`answer: ${status} has a body, and none is in the interface files`]
        : [];
    }
    const json = wanted.content['application/json'];
    if (!json || answerTruncated) return [];
    const type = mediaType(answerHeaders['content-type']);
    if (type !== 'application/json') return [`answer: its content type is ${type}`];
    const bytes = answerHeaders['content-encoding'] === 'gzip' ? gunzipSync(answer) : answer;
    return this.#schemas
      .problems(json.schema, JSON.parse(bytes))
      .map((text) => `answer ${status}: ${text}`);
  }
}

function patternOf(path) {
  const fixed = path
    .split(/\{[^}]+\}/)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${fixed.join('[^/]+')}$`);
}

function placesOf(path) {
  return path.split('{').length;
}

function mediaType(header = '') {
  return header.split(';')[0].trim().toLowerCase();
}

/** A value of a query is a text; what it stands for is said by its schema. */
function fromText(schema, text) {
  if (schema.type === 'array') return text.split(',');
  if (['integer', 'number'].includes(schema.type) && /^-?\d+(\.\d+)?$/.test(text))
    return Number(text);
  if (schema.type === 'boolean' && ['true', 'false'].includes(text)) return text === 'true';
  return text;
}

module.exports = { RestCheck, mediaType };
