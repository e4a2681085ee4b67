// How templates are named in requests: `[namespace/]alias[:tag]` or an id. Pure.
'use strict';

const { HttpError } = require('./answer');

const REFERENCE = /^(?:([a-z0-9-_]+)\/)?([a-z0-9-_]+)(?::([a-z0-9-_.]+))?$/;
const TAG = /^[a-z0-9-_.]+$/;
const DEFAULT_TAG = 'default';

/** The one team of a local backend: the namespace of what is built and saved here. */
const NAMESPACE = 'local';
const MAX_NAME = 128;

/**
 * @param {string} text
 * @returns {{ text: string, namespace: string|null, name: string, tag: string|null }} lower-cased;
 *   `tag` null: none was named
 * @throws {HttpError} 400
 */
function parseReference(text) {
  const wanted = text.trim().toLowerCase();
  const match = wanted.length <= MAX_NAME ? REFERENCE.exec(wanted) : null;
  if (!match) throw new HttpError(400, `Invalid template reference: ${text}`);
  const [, namespace = null, name, tag = null] = match;
  return { text: wanted, namespace, name, tag };
}

/**
 * @param {unknown} tags
 * @returns {string[]} lower-cased, each once
 * @throws {HttpError} 400
 */
function parseTags(tags) {
  if (!Array.isArray(tags)) throw new HttpError(400, 'validation error: "tags" must be a list');
  const checked = tags.map((tag) => (typeof tag === 'string' ? tag.trim().toLowerCase() : ''));
  const bad = checked.findIndex((tag) => !TAG.test(tag));
  if (bad !== -1) throw new HttpError(400, `Invalid tag: ${JSON.stringify(tags[bad])}`);
  return [...new Set(checked)];
}

module.exports = { DEFAULT_TAG, NAMESPACE, parseReference, parseTags };
