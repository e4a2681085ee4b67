// Reads proto3 files as far as E2B's use the language: services with streams, messages with nested
// ones, enums, maps, oneofs. What it does not understand it throws at, rather than to skip it.
'use strict';

const TOKEN = /"[^"]*"|[A-Za-z_][\w.]*|-?\d+|[{}()<>=;,[\]]/g;

/**
 * @typedef {{ name: string, type: string, repeated: boolean, oneof: string|null,
 *   map: [key: string, value: string]|null }} Field  `name` as JSON has it
 * @typedef {{ methods: Map<string, { input: string, output: string, inputStream: boolean,
 *   outputStream: boolean }>, messages: Map<string, Map<string, Field>>,
 *   enums: Map<string, Set<string>> }} Interface  methods by path; types by name without the package
 */

/** @returns {Interface} */
function parseProto(source) {
  const tokens = source.replaceAll(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '').match(TOKEN);
  return new Parser(tokens).file();
}

class Parser {
  #tokens;
  #at = 0;
  #package = '';
  #result = { methods: new Map(), messages: new Map(), enums: new Map() };

  constructor(tokens) {
    this.#tokens = tokens;
  }

  file() {
    while (this.#at < this.#tokens.length) {
      const word = this.#take();
      if (word === 'syntax' || word === 'import' || word === 'option') this.#skipTo(';');
      else if (word === 'package') [this.#package] = [this.#take(), this.#expect(';')];
      else if (word === 'message') this.#message('');
      else if (word === 'enum') this.#enum('');
      else if (word === 'service') this.#service();
      else throw new Error(`proto: '${word}' is not understood here`);
    }
    return this.#result;
  }

  #service() {
    const service = this.#take();
    this.#expect('{');
    while (!this.#accept('}')) {
      this.#expect('rpc');
      const method = this.#take();
      const [inputStream, input] = this.#endpoint();
      this.#expect('returns');
      const [outputStream, output] = this.#endpoint();
      this.#expect(';');
      const path = `/${this.#package}.${service}/${method}`;
      this.#result.methods.set(path, { input, output, inputStream, outputStream });
    }
  }

  #endpoint() {
    this.#expect('(');
    const stream = this.#accept('stream');
    const type = this.#take();
    this.#expect(')');
    return [stream, type];
  }

  #message(outer) {
    const name = `${outer}${this.#take()}`;
    const fields = new Map();
    this.#result.messages.set(name, fields);
    this.#expect('{');
    this.#fields(name, fields, null);
  }

  #fields(message, fields, oneof) {
    while (!this.#accept('}')) {
      if (this.#accept('message')) this.#message(`${message}.`);
      else if (this.#accept('enum')) this.#enum(`${message}.`);
      else if (this.#accept('oneof')) {
        const group = this.#take();
        this.#expect('{');
        this.#fields(message, fields, group);
      } else this.#field(fields, oneof);
    }
  }

  #field(fields, oneof) {
    const repeated = this.#accept('repeated');
    this.#accept('optional');
    const type = this.#take();
    let map = null;
    if (type === 'map') {
      this.#expect('<');
      map = [this.#take(), this.#expect(','), this.#take()].filter((_, i) => i !== 1);
      this.#expect('>');
    }
    const name = jsonName(this.#take());
    this.#skipTo(';');
    fields.set(name, { name, type, repeated, oneof, map });
  }

  #enum(outer) {
    const names = new Set();
    this.#result.enums.set(`${outer}${this.#take()}`, names);
    this.#expect('{');
    while (!this.#accept('}')) {
      names.add(this.#take());
      this.#skipTo(';');
    }
  }

  #take() {
    this.#at += 1;
    return this.#tokens[this.#at - 1];
  }

  #accept(token) {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #expect(token) {
    const found = this.#take();
    if (found !== token) throw new Error(`proto: '${found}' where '${token}' should be`);
  }

  #skipTo(token) {
    while (this.#take() !== token);
  }
}

function jsonName(name) {
  return name.replaceAll(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}

module.exports = { parseProto };
