'use strict';

// What every store agrees on: the shapes of rows, instances and notes, their limits, and the checks of
// what callers hand in. Stores get records from here: rows whose `data` is JSON text already, so that no
// object is ever shared with a caller. No I/O, no state.

const { ClosedError, ConflictError, E2bError } = require('../errors');
const { checkOptions, invalid, show } = require('../options');

const STATES = Object.freeze(['creating', 'idle', 'leased', 'ending', 'watched', 'ended']);

const MAX_NAME_CHARACTERS = 256;
const MAX_TOKEN_CHARACTERS = 128;
const MAX_DATA_BYTES = 16 * 1024;
const MAX_NOTE_BYTES = 64 * 1024;
const MAX_EXCEPT = 10_000;
const MAX_PAGE_ROWS = 10_000;
const DEFAULT_PAGE_ROWS = 1_000;
const BACKUP_FORMAT = 1;
const kRefusal = Symbol('refusal');

const TOKEN = /^[\x21-\x7e]{1,128}$/;
const INSERT_FIELDS = [
  ...['token', 'owner', 'version', 'instance', 'state', 'place', 'sandboxId', 'fingerprint'],
  ...['holder', 'fence', 'data'],
];
const CHANGE_FIELDS = [
  ...['instance', 'state', 'place', 'sandboxId', 'fingerprint', 'holder', 'data'],
];

// ---- values -----------------------------------------------------------------------------------

// A NUL character and half of a surrogate pair are what databases do not keep as they are.
function checkName(value, field) {
  const fits =
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= MAX_NAME_CHARACTERS &&
    !value.includes('\0') &&
    value.isWellFormed();
  if (fits) return value;
  throw invalid(
    `${field} must be a string of 1 to ${MAX_NAME_CHARACTERS} characters without NUL, not ${show(value)}`,
  );
}

function checkNameOrNull(value, field) {
  return value === null || value === undefined ? null : checkName(value, field);
}

function checkToken(value, field = 'token') {
  if (typeof value === 'string' && TOKEN.test(value)) return value;
  throw invalid(
    `${field} must be 1 to ${MAX_TOKEN_CHARACTERS} visible ASCII characters, not ${show(value)}`,
  );
}

function checkWhole(value, field, min) {
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw invalid(`${field} must be a whole number of at least ${min}, not ${show(value)}`);
}

function checkState(value) {
  if (STATES.includes(value)) return value;
  throw invalid(`state must be one of ${STATES.join(', ')}, not ${show(value)}`);
}

function checkPlace(value) {
  if (value === 0 || value === 1) return value;
  throw invalid(`place must be 0 or 1, not ${show(value)}`);
}

function jsonText(value, field, maxBytes) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw invalid(`${field} cannot be written as JSON: ${error.message}`, { cause: error });
  }
  if (text === undefined) throw invalid(`${field} must be a JSON value, not ${show(value)}`);
  // A character is three bytes at most.
  if (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes) {
    throw invalid(`${field} must be at most ${maxBytes} bytes of JSON, not ${text.length}`);
  }
  return text;
}

function objectText(value, field) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw invalid(`${field} must be a plain object, not ${show(value)}`);
  }
  return jsonText(value, field, MAX_DATA_BYTES);
}

// ---- rows -------------------------------------------------------------------------------------

/** A record of a row that a caller wants to insert: version 1, fence 0. */
function newRecord(row) {
  checkOptions(row, INSERT_FIELDS, 'a row');
  if ((row.version ?? 1) !== 1 || (row.fence ?? 0) !== 0) {
    throw invalid('a new row has version 1 and fence 0');
  }
  return {
    token: checkToken(row.token),
    owner: checkName(row.owner, 'owner'),
    version: 1,
    instance: checkName(row.instance, 'instance'),
    state: checkState(row.state),
    place: checkPlace(row.place),
    sandboxId: checkNameOrNull(row.sandboxId, 'sandboxId'),
    fingerprint: checkName(row.fingerprint, 'fingerprint'),
    holder: checkNameOrNull(row.holder, 'holder'),
    fence: 0,
    text: objectText(row.data ?? {}, 'data'),
  };
}

/** Changes to a record, checked: `data` has become `text`, what is undefined is left out. */
function changesOf(changes) {
  if (changes === null || typeof changes !== 'object') {
    throw invalid(`changes must be an object, not ${show(changes)}`);
  }
  const checked = {};
  for (const field of Object.keys(changes)) {
    const value = changes[field];
    if (value === undefined) continue;
    switch (field) {
      case 'state':
        checked.state = checkState(value);
        break;
      case 'place':
        checked.place = checkPlace(value);
        break;
      case 'instance':
      case 'fingerprint':
        checked[field] = checkName(value, field);
        break;
      case 'sandboxId':
      case 'holder':
        checked[field] = checkNameOrNull(value, field);
        break;
      case 'data':
        checked.text = objectText(value, 'data');
        break;
      default:
        checkOptions(changes, CHANGE_FIELDS, 'changes');
    }
  }
  return checked;
}

/** The record after a change. */
function changed(record, changes) {
  if (changes.place === 1 && record.place === 0) throw placeIsNotGivenBack();
  return { ...record, ...changes, version: record.version + 1 };
}

function placeIsNotGivenBack() {
  const message = 'place cannot be changed from 0 to 1: insert a new row, which is counted';
  return Object.defineProperty(new TypeError(message), kRefusal, { value: true });
}

/** What callers see of a record: a copy, with its data parsed. */
function rowOf(record) {
  return {
    token: record.token,
    owner: record.owner,
    version: record.version,
    instance: record.instance,
    state: record.state,
    place: record.place,
    sandboxId: record.sandboxId,
    fingerprint: record.fingerprint,
    holder: record.holder,
    fence: record.fence,
    data: JSON.parse(record.text),
  };
}

function checkMaximum(place, maximum) {
  if (place === 0 || maximum === Infinity) return Infinity;
  return checkWhole(maximum, 'maximum', 0);
}

/** The row whose place a new one takes over, by token and version; null: it takes one of its own. */
function checkReplaces(replaces, place) {
  if (replaces === null || replaces === undefined) return null;
  checkOptions(replaces, ['token', 'version'], 'replaces');
  if (place !== 1) throw invalid('only a row with place 1 can take over the place of another');
  return {
    token: checkToken(replaces.token, 'replaces.token'),
    version: checkWhole(replaces.version, 'replaces.version', 1),
  };
}

/** Whether `before`, as the store has it, may hand its place on to `record`. */
function handsOn(before, record, version) {
  return before?.version === version && before.owner === record.owner && before.place === 1;
}

function checkWanted(wanted) {
  checkOptions(wanted, ['fingerprint', 'holder', 'except'], 'claim');
  const except = wanted?.except ?? [];
  if (!Array.isArray(except) || except.length > MAX_EXCEPT) {
    throw invalid(`except must be an array of at most ${MAX_EXCEPT} tokens`);
  }
  except.forEach((token) => checkToken(token, 'except'));
  return {
    fingerprint: checkName(wanted?.fingerprint, 'fingerprint'),
    holder: checkNameOrNull(wanted.holder, 'holder'),
    except,
  };
}

function checkPage(page) {
  checkOptions(page, ['after', 'limit', 'states'], 'rows');
  const limit = checkWhole(page?.limit ?? DEFAULT_PAGE_ROWS, 'limit', 1);
  if (limit > MAX_PAGE_ROWS) throw invalid(`limit must be at most ${MAX_PAGE_ROWS}`);
  const states = page?.states ?? STATES;
  if (!Array.isArray(states)) throw invalid('states must be an array');
  states.forEach(checkState);
  return { after: page?.after == null ? null : checkToken(page.after, 'after'), limit, states };
}

// ---- instances and notes ----------------------------------------------------------------------

function instanceRecord(instance) {
  checkOptions(instance, ['id', 'owner', 'host'], 'an instance');
  return {
    id: checkName(instance?.id, 'id'),
    owner: checkName(instance.owner, 'owner'),
    text: objectText(instance.host ?? {}, 'host'),
  };
}

function noteText(value) {
  return jsonText(value, 'value', MAX_NOTE_BYTES);
}

// ---- backups ----------------------------------------------------------------------------------

/** What `backup` answers, out of the records of a store. Rows: the one changed last comes last. */
function backupOf({ id, records, instances, notes }) {
  return {
    format: BACKUP_FORMAT,
    id,
    rows: records.map(rowOf),
    instances: instances.map(({ id: name, owner, text, ageMs }) => {
      return { id: name, owner, host: JSON.parse(text), ageMs };
    }),
    notes: notes.map(({ owner, key, version, text }) => {
      return { owner, key, version, value: JSON.parse(text) };
    }),
  };
}

function listIn(backup, field) {
  if (Array.isArray(backup[field])) return backup[field];
  throw invalid(`the backup has no list of ${field}`);
}

function unique(list, keyOf, what) {
  const keys = new Set(list.map(keyOf));
  if (keys.size !== list.length) throw invalid(`the backup has the same ${what} twice`);
  return list;
}

/** The reverse of `backupOf`; throws InvalidArgumentError for what is no backup of a store. */
function recordsOf(backup) {
  if (backup?.format !== BACKUP_FORMAT) throw invalid('that is no backup of a store, of format 1');
  const records = listIn(backup, 'rows').map((row) => ({
    ...newRecord({ ...row, version: 1, fence: 0 }),
    version: checkWhole(row.version, 'version', 1),
    fence: checkWhole(row.fence, 'fence', 0),
  }));
  const instances = listIn(backup, 'instances').map(({ ageMs, ...instance }) => {
    if (!(Number.isFinite(ageMs) && ageMs >= 0)) throw invalid('ageMs must be 0 or more');
    return { ...instanceRecord(instance), ageMs };
  });
  const notes = listIn(backup, 'notes').map(({ owner, key, version, value }) => ({
    owner: checkName(owner, 'owner'),
    key: checkName(key, 'key'),
    version: checkWhole(version, 'version', 1),
    text: noteText(value),
  }));
  return {
    id: checkToken(backup.id, 'id'),
    records: unique(records, ({ token }) => token, 'token'),
    instances: unique(instances, ({ id }) => id, 'instance'),
    notes: unique(notes, ({ owner, key }) => `${owner}\0${key}`, 'note'),
  };
}

// ---- refusals ---------------------------------------------------------------------------------

function tokenExists(token) {
  return new ConflictError(`the store has a row with the token ${token} already`);
}

function notEmpty() {
  return new ConflictError('a backup can be restored into an empty store only');
}

/** Whether an error says that the caller may not, rather than that the store cannot. */
function isRefusal(error) {
  return error instanceof E2bError || error[kRefusal] === true;
}

function closed(what) {
  return new ClosedError(`the store is ${what}`);
}

/**
 * A failure of what lies under a store.
 *
 * @param {string} message
 * @param {{ cause?: unknown, outcome?: 'not-sent'|'unknown', retryable?: boolean }} [fields] outcome
 *   `not-sent`: nothing was changed; `unknown`: look before doing it again
 */
function storeFailed(message, { cause, outcome = 'not-sent', retryable = false } = {}) {
  return new E2bError(message, { code: 'STORE_FAILED', outcome, retryable, cause });
}

module.exports = {
  STATES,
  MAX_DATA_BYTES,
  MAX_NOTE_BYTES,
  DEFAULT_PAGE_ROWS,
  checkName,
  checkToken,
  checkWhole,
  newRecord,
  changesOf,
  changed,
  placeIsNotGivenBack,
  rowOf,
  checkMaximum,
  checkReplaces,
  handsOn,
  checkWanted,
  checkPage,
  instanceRecord,
  noteText,
  backupOf,
  recordsOf,
  tokenExists,
  notEmpty,
  isRefusal,
  closed,
  storeFailed,
};
