// Faults on demand: rules that say which requests go wrong and how. This file decides; `delivery.js`
// does. Off unless a rule is added; every hit is recorded, so that a test can assert it.
'use strict';

const { STREAM_ACTIONS } = require('./stream-faults');

const MAX_RULES = 1_000;
const MAX_HITS = 10_000;
const RULE_KEYS = ['op', 'match', 'n', 'after', 'p', 'seed', 'action'];
const MATCH_KEYS = ['sandboxId', 'path', 'method', 'body'];

/** What each kind of action takes. */
const ACTION_KEYS = {
  status: ['status', 'message', 'body', 'headers', 'retryAfter', 'contentType', 'errorCode'],
  'disk-full': [],
  reset: [],
  'reset-after': [],
  'reset-body': [],
  stall: ['execute'],
  slow: ['delayMs'],
  'slow-body': ['delayMs', 'chunkBytes'],
  cut: ['afterEvents', 'how', 'where'],
  ...Object.fromEntries(STREAM_ACTIONS.map((type) => [type, ['afterEvents']])),
  huge: ['afterEvents', 'bytes'],
  vanish: ['afterEvents'],
  crash: ['afterEvents'],
  clock: ['byMs'],
  version: ['envdVersion'],
};

/**
 * @typedef {object} FaultRule
 * @property {string|string[]} op  what is asked for. Control plane: `create list get kill connect
 *   resume pause fork timeout refreshes network snapshot snapshots logs sandboxMetrics teams
 *   teamMetrics template templates templateAlias templateTags templateUpdate templateDelete
 *   templateBuild templateFiles templateUpload templateBuildStart templateBuildStatus
 *   templateBuildLogs apiHealth`; sandbox: `start` (Start), `attach` (Connect), `stream` (the events of
 *   either, once it was granted), `input closeStdin signal processes files.get files.post files.stat
 *   files.list files.makeDir files.move files.remove health metrics envs port`; `*` is any
 * @property {object|Function} [match]  `{ sandboxId, path, method, body }`, each a string (equal; for
 *   `body`: contained) or a RegExp; or a function of the request's record that returns a boolean
 * @property {number} [n]  how many times at most; default: until removed
 * @property {number} [after]  how many matching requests pass first; default 0
 * @property {number} [p]  probability of each, 0..1; default 1
 * @property {number} [seed]  of the dice; default 1: the same in every run
 * @property {FaultAction|string} action
 *
 * @typedef {object} FaultAction  one of
 *   `{ status, message?, body?, headers?, retryAfter?, contentType?, errorCode? }`: answered so, NOT
 *     executed. `body`: an object (JSON), text or bytes; default: E2B's error shape with `message`.
 *     `retryAfter`: the header.
 *   `'disk-full'`: NOT executed, 507 in the words of envd.
 *   `'reset'`: NOT executed, the connection is reset (RST) before the answer.
 *   `'reset-after'`: executed, then reset before the first byte of the answer.
 *   `'reset-body'`: executed, reset in the middle of the answer's body, with the full Content-Length.
 *   `{ type: 'stall', execute? }`: no answer ever; not executed unless `execute`.
 *   `{ type: 'slow', delayMs }`: executed, the answer comes `delayMs` later.
 *   `{ type: 'slow-body', delayMs, chunkBytes? }`: executed, the head at once, the body in pieces
 *     (default: ten) with a pause before each. Not of files and streams.
 *   `'wrong-length'`: executed; the answer, or on streams one message, announces 7 bytes more than
 *     there are.
 *   `'garbage'`: executed; the answer, or on streams one message, is JSON that breaks off.
 *   `{ type: 'version', envdVersion }`: executed; the answer names another version of envd.
 *   `{ type: 'clock', byMs }`: before it is executed, the end of the sandbox moves by so much.
 *   `{ type: 'vanish', afterEvents? }`: the sandbox is gone without a word: processes killed,
 *     connections cut, 502 (control plane: 404) from then on. With `afterEvents`, or on `stream`
 *     (default 1), in the middle of the stream; otherwise before the request is looked at.
 *   `{ type: 'crash', afterEvents? }`: as `vanish`, but the control plane does not know: it shows the
 *     sandbox as running until it is killed or its time is over.
 *   Streams only, after `afterEvents` messages (default 1, the start event):
 *   `{ type: 'cut', how?, where? }`: breaks off, by `how` `'reset'` (default) or `'end'`, a body that
 *     ends properly in the wrong place; `where` `'inside'` of an envelope (default) or `'between'` two.
 *   `'drop'`: the next data event never comes. `'duplicate'`: the next message comes twice.
 *   `'corrupt'`: the next envelope has flags and bytes that mean nothing.
 *   `{ type: 'huge', bytes? }`: in place of the next data event one of so many bytes (64 MiB).
 *   `'no-end'`: the end event never comes, though the stream ends properly.
 *   `'late-data'`: the next data event comes after the end event.
 */

class Faults {
  #rules = [];

  /** @type {{ op: string, at: string, path: string, action: object }[]} the last 10,000 */
  hits = [];

  /**
   * @param {FaultRule} rule
   * @returns {{ readonly hits: number, remove: () => void }} this rule's own count, and its end
   * @throws {TypeError} when the rule does not make sense
   */
  add(rule) {
    checkKeys('fault', rule, RULE_KEYS);
    if (this.#rules.length >= MAX_RULES) throw new RangeError(`more than ${MAX_RULES} faults`);
    const { op, match, n = Infinity, after = 0, p = 1, seed = 1 } = rule;
    if (op === undefined) throw new TypeError('fault: op is required');
    if (!(n >= 1)) throw new TypeError('fault: n must be at least 1');
    if (!(after >= 0)) throw new TypeError('fault: after must be 0 or more');
    if (!(p >= 0 && p <= 1)) throw new TypeError('fault: p must be from 0 to 1');
    const entry = {
      ops: new Set([op].flat()),
      matches: compileMatch(match),
      action: normalizeAction(rule.action),
      rule,
      dice: mulberry32(seed),
      ...{ n, after, p, seen: 0, hits: 0 },
    };
    this.#rules.push(entry);
    const remove = () => {
      this.#rules = this.#rules.filter((one) => one !== entry);
    };
    return {
      get hits() {
        return entry.hits;
      },
      remove,
    };
  }

  /** @returns {object[]} the rules with their hits, as they were given */
  get rules() {
    return this.#rules.map(({ rule, hits }) => ({ ...rule, hits }));
  }

  /** Removes all rules and forgets the hits. Connections that are stalled stay so. */
  clear() {
    this.#rules = [];
    this.hits.length = 0;
  }

  /**
   * @param {string} op
   * @param {object} record  of the request, see `request-log.js`
   * @returns {FaultAction|null} the action of the first rule that wants this request
   */
  decide(op, record) {
    for (const rule of this.#rules) {
      if (!(rule.ops.has(op) || (rule.ops.has('*') && op !== 'stream'))) continue;
      if (rule.hits >= rule.n || !rule.matches(record)) continue;
      rule.seen += 1;
      if (rule.seen <= rule.after || (rule.p < 1 && rule.dice() >= rule.p)) continue;
      rule.hits += 1;
      if (this.hits.length >= MAX_HITS) this.hits.shift();
      const { action } = rule;
      this.hits.push({ op, at: new Date().toISOString(), path: record.path, action });
      return action;
    }
    return null;
  }
}

function normalizeAction(action) {
  const value = typeof action === 'string' ? { type: action } : { ...action };
  value.type ??= value.status === undefined ? undefined : 'status';
  if (!Object.hasOwn(ACTION_KEYS, value.type ?? '')) {
    const known = Object.keys(ACTION_KEYS).join(', ');
    throw new TypeError(`fault: unknown action ${JSON.stringify(value.type)}; known: ${known}`);
  }
  checkKeys(`fault action ${value.type}`, value, ['type', ...ACTION_KEYS[value.type]]);
  const { type, status, delayMs, how, afterEvents } = value;
  if (type === 'status' && !(Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw new TypeError('fault action status: status must be from 200 to 599');
  }
  if ((type === 'slow' || type === 'slow-body') && !(delayMs >= 0)) {
    throw new TypeError(`fault action ${type}: delayMs is required`);
  }
  if (type === 'clock' && !Number.isInteger(value.byMs)) {
    throw new TypeError('fault action clock: byMs must be an integer');
  }
  if (type === 'version' && typeof value.envdVersion !== 'string') {
    throw new TypeError('fault action version: envdVersion is required');
  }
  for (const name of ['chunkBytes', 'bytes']) {
    if (value[name] !== undefined && !(Number.isInteger(value[name]) && value[name] > 0)) {
      throw new TypeError(`fault action ${type}: ${name} must be 1 or more`);
    }
  }
  if (value.where !== undefined && value.where !== 'inside' && value.where !== 'between') {
    throw new TypeError("fault action cut: where must be 'inside' or 'between'");
  }
  if (how !== undefined && how !== 'reset' && how !== 'end') {
    throw new TypeError("fault action cut: how must be 'reset' or 'end'");
  }
  if (afterEvents !== undefined && !(Number.isInteger(afterEvents) && afterEvents >= 0)) {
    throw new TypeError(`fault action ${type}: afterEvents must be 0 or more`);
  }
  return Object.freeze(value);
}

function compileMatch(match) {
  if (match === undefined) return () => true;
  if (typeof match === 'function') return (record) => Boolean(match(record));
  checkKeys('fault match', match, MATCH_KEYS);
  const tests = Object.entries(match).map(([key, wanted]) => (record) => {
    const value = record[key] ?? '';
    const text = Buffer.isBuffer(value) ? value.toString() : String(value);
    if (typeof wanted.test === 'function') return text.search(wanted) >= 0;
    return key === 'body' ? text.includes(wanted) : text === wanted;
  });
  return (record) => tests.every((test) => test(record));
}

function checkKeys(what, value, known) {
  if (value === null || typeof value !== 'object') throw new TypeError(`${what} must be an object`);
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown) throw new TypeError(`${what}: unknown key '${unknown}'; known: ${known.join(', ')}`);
}

/** A small generator of random numbers from 0 to 1 that a seed fixes. */
function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

module.exports = { Faults, normalizeAction };
