// Turns the schemas of an OpenAPI 3.0 document into validators. Stricter than the document: a field
// that it does not name is a finding, since both sides of our wire claim to follow it.
'use strict';

const Ajv = require('ajv');

const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const integer = (least, most) => ({
  type: 'number',
  validate: (value) => Number.isInteger(value) && value >= least && value <= most,
});
const FORMATS = {
  'date-time': DATE_TIME,
  uuid: UUID,
  binary: true,
  float: true,
  double: true,
  int: integer(-(2 ** 31), 2 ** 31 - 1),
  int32: integer(-(2 ** 31), 2 ** 31 - 1),
  uint32: integer(0, 2 ** 32 - 1),
  int64: integer(-(2 ** 63), 2 ** 63),
  uint64: integer(0, 2 ** 64),
};

class Schemas {
  #ajv = new Ajv({ strict: false, allErrors: true, formats: FORMATS });
  #document;
  #compiled = new Map();

  /** @param {object} document  OpenAPI 3.0, with `components.schemas` */
  constructor(document) {
    this.#document = document;
    const schemas = Object.entries(document.components.schemas);
    const components = Object.fromEntries(schemas.map(([name, one]) => [name, this.#adapt(one)]));
    this.#ajv.addSchema({ $id: 'document', components: { schemas: components } });
  }

  /** @returns {object} what a `$ref` within the document names; anything else as it is */
  resolve(node) {
    if (!node?.$ref) return node;
    const names = node.$ref.replace(/^#\//, '').split('/');
    return this.resolve(names.reduce((at, name) => at[name], this.#document));
  }

  /**
   * @param {object} schema  as it is in the document
   * @param {unknown} value
   * @returns {string[]} what is wrong with the value; empty: nothing
   */
  problems(schema, value) {
    if (!this.#compiled.has(schema)) {
      this.#compiled.set(schema, this.#ajv.compile(this.#adapt(schema)));
    }
    const validate = this.#compiled.get(schema);
    if (validate(value)) return [];
    return validate.errors.map(({ instancePath, message, params }) => {
      const { additionalProperty: extra = '' } = params;
      return `${instancePath || '(whole)'} ${message} ${extra}`.trim();
    });
  }

  /** OpenAPI 3.0 to JSON Schema: null is written otherwise, and open objects are closed. */
  #adapt(node) {
    if (Array.isArray(node)) return node.map((one) => this.#adapt(one));
    if (node === null || typeof node !== 'object') return node;
    if (node.$ref) return { $ref: `document${node.$ref}` };
    const {
      nullable,
      allOf,
      discriminator: _,
      ...rest
    } = allOfMerged(node, (one) => this.resolve(one));
    const adapted = Object.fromEntries(
      Object.entries(rest).map(([key, value]) => {
        if (key === 'properties') return [key, mapValues(value, (one) => this.#adapt(one))];
        return ['enum', 'required', 'example', 'default'].includes(key)
          ? [key, value]
          : [key, this.#adapt(value)];
      }),
    );
    if (adapted.properties && adapted.additionalProperties === undefined) {
      adapted.additionalProperties = false;
    }
    return nullable ? { anyOf: [{ type: 'null' }, adapted] } : adapted;
  }
}

/** An object that is made of several becomes one, so that it can be closed. */
function allOfMerged(node, resolve) {
  if (!node.allOf) return node;
  const parts = node.allOf.map((part) => allOfMerged(resolve(part), resolve));
  const { allOf: _, ...rest } = node;
  const merged = { ...Object.assign({}, ...parts), ...rest };
  const all = [...parts, rest];
  if (all.some(({ properties }) => properties)) {
    merged.properties = Object.assign({}, ...all.map(({ properties }) => properties));
    merged.required = all.flatMap(({ required = [] }) => required);
  }
  return merged;
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}

module.exports = { Schemas };
