// The control plane's listing of sandboxes: filters, order, pages. Pure functions over sandboxes; the
// query's odd encoding of metadata is decoded here.
'use strict';

const { HttpError } = require('./answer');

const MAX_LIMIT = 100;
const STATES = ['running', 'paused'];

/**
 * Decodes the metadata filter: pairs `k=v` joined by `&`, encoded as a whole, then each key and value
 * once more. The query string's own decoding is already done.
 * @param {string} text
 * @returns {[string, string][]}
 * @throws {HttpError} 400
 */
function decodeMetadataFilter(text) {
  try {
    return unescapeQuery(text)
      .split('&')
      .filter((pair) => pair !== '')
      .map((pair) => {
        const at = pair.indexOf('=');
        if (at === -1) return [unescapeQuery(pair), ''];
        return [unescapeQuery(pair.slice(0, at)), unescapeQuery(pair.slice(at + 1))];
      });
  } catch (error) {
    throw new HttpError(400, `Invalid metadata query: ${error.message}`);
  }
}

function unescapeQuery(text) {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/**
 * @param {URLSearchParams} query
 * @param {(name: string) => { templateId: string }|undefined} findTemplate
 * @returns {object} the checked filters of one request
 * @throws {HttpError} 400
 */
function parseListQuery(query, findTemplate) {
  const limit = Number(query.get('limit') ?? MAX_LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw invalid(`limit must be a number from 1 to ${MAX_LIMIT}`);
  }
  const order = query.get('order') ?? 'desc';
  if (order !== 'asc' && order !== 'desc') throw invalid('order must be asc or desc');
  const states = (query.get('state') || STATES.join(',')).split(',');
  if (states.some((state) => !STATES.includes(state))) {
    throw invalid('state must be running or paused, comma-separated');
  }
  const startedAfter = query.get('startedAfter');
  const startedAfterMs = startedAfter === null ? -Infinity : Date.parse(startedAfter);
  if (Number.isNaN(startedAfterMs)) throw invalid('startedAfter must be an RFC 3339 time');
  const template = query.get('template');
  if (template?.includes(':')) throw invalid('template must not have a tag');
  const token = query.get('nextToken');
  return {
    limit,
    order,
    states,
    startedAfterMs,
    templateId: template === null ? null : (findTemplate(template)?.templateId ?? ''),
    metadata: decodeMetadataFilter(query.get('metadata') ?? ''),
    after: token ? decodeToken(token, order) : null,
  };
}

/**
 * @param {import('./sandbox').Sandbox[]} sandboxes  all of them
 * @param {object} filters  of `parseListQuery`
 * @returns {{ page: object[], nextToken: string|null, totalRunning: number|null }}
 */
function listPage(sandboxes, filters) {
  const matching = sandboxes.filter((sandbox) => matches(sandbox, filters));
  const sign = filters.order === 'asc' ? 1 : -1;
  matching.sort((a, b) => sign * compare(a, b));
  const rest = filters.after
    ? matching.filter((sandbox) => sign * compare(sandbox, filters.after) > 0)
    : matching;
  const page = rest.slice(0, filters.limit);
  return {
    page,
    nextToken: rest.length > page.length ? encodeToken(page.at(-1), filters.order) : null,
    totalRunning: filters.states.includes('running')
      ? matching.filter(({ state }) => state === 'running').length
      : null,
  };
}

function matches(sandbox, { states, startedAfterMs, templateId, metadata }) {
  return (
    states.includes(sandbox.state) &&
    sandbox.startedAt >= startedAfterMs &&
    (templateId === null || sandbox.templateId === templateId) &&
    metadata.every(([key, value]) => {
      return Object.hasOwn(sandbox.metadata, key) && sandbox.metadata[key] === value;
    })
  );
}

function compare(a, b) {
  if (a.startedAt !== b.startedAt) return a.startedAt - b.startedAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

function encodeToken({ startedAt, id }, order) {
  const suffix = order === 'asc' ? '__asc' : '';
  return Buffer.from(`${new Date(startedAt).toISOString()}__${id}${suffix}`).toString('base64url');
}

function decodeToken(token, order) {
  const [time, id, suffix = 'desc'] = Buffer.from(token, 'base64url').toString().split('__');
  const startedAt = Date.parse(time);
  if (Number.isNaN(startedAt) || !/^[a-z0-9]+$/.test(id ?? '') || suffix !== order) {
    throw new HttpError(400, 'Invalid next token');
  }
  return { startedAt, id };
}

function invalid(text) {
  return new HttpError(400, `validation error: ${text}`);
}

module.exports = { decodeMetadataFilter, listPage, parseListQuery };
