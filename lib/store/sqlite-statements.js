'use strict';

// The tables of sqliteStore, and everything that is said to them. `sequence` is the order of the last
// change of each row. Synchronous; knows nothing of transactions.

const VERSION = 1;

const SCHEMA = `
CREATE TABLE store (id TEXT NOT NULL);
CREATE TABLE rows (
  token TEXT PRIMARY KEY, owner TEXT NOT NULL, version INTEGER NOT NULL, instance TEXT NOT NULL,
  state TEXT NOT NULL, place INTEGER NOT NULL, sandbox_id TEXT, fingerprint TEXT NOT NULL, holder TEXT,
  fence INTEGER NOT NULL, data TEXT NOT NULL, sequence INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX rows_by_owner ON rows (owner, token);
CREATE INDEX rows_by_place ON rows (owner) WHERE place = 1;
CREATE INDEX rows_idle ON rows (owner, fingerprint, sequence) WHERE state = 'idle';
CREATE UNIQUE INDEX rows_by_sequence ON rows (sequence);
CREATE TABLE instances (
  id TEXT PRIMARY KEY, owner TEXT NOT NULL, host TEXT NOT NULL, beaten_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE notes (
  owner TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (owner, key)
) WITHOUT ROWID;
PRAGMA user_version = ${VERSION};
`;

const RECORD =
  'token, owner, version, instance, state, place, sandbox_id AS sandboxId, fingerprint, holder, ' +
  'fence, data AS text';
const NEXT = '(SELECT coalesce(max(sequence), 0) + 1 FROM rows)';

const SQL = {
  begin: 'BEGIN IMMEDIATE',
  commit: 'COMMIT',
  id: 'SELECT id FROM store',
  setId: 'UPDATE store SET id = ?',
  get: `SELECT ${RECORD} FROM rows WHERE token = ?`,
  idle: `SELECT ${RECORD} FROM rows WHERE owner = ? AND fingerprint = ? AND state = 'idle'
    AND (holder IS NULL OR holder = ?) AND token NOT IN (SELECT value FROM json_each(?))
    ORDER BY sequence DESC LIMIT 1`,
  insert: `INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${NEXT})`,
  update: `UPDATE rows SET version = ?, instance = ?, state = ?, place = ?, sandbox_id = ?,
    fingerprint = ?, holder = ?, fence = ?, data = ?, sequence = ${NEXT} WHERE token = ?`,
  remove: 'DELETE FROM rows WHERE token = ? AND version = ?',
  rows: `SELECT ${RECORD} FROM rows WHERE owner = ? AND token > ?
    AND state IN (SELECT value FROM json_each(?)) ORDER BY token LIMIT ?`,
  allRows: `SELECT ${RECORD} FROM rows ORDER BY sequence`,
  count: 'SELECT count(*) AS count FROM rows WHERE owner = ? AND place = 1',
  owners: 'SELECT owner FROM rows UNION SELECT owner FROM instances UNION SELECT owner FROM notes',
  beat: 'INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?)',
  instance: 'SELECT host FROM instances WHERE id = ?',
  instances: `SELECT id, owner, host AS text, beaten_ms AS beatenMs FROM instances
    WHERE owner = ? OR ? IS NULL`,
  forget: 'DELETE FROM instances WHERE id = ?',
  note: 'SELECT version, value AS text FROM notes WHERE owner = ? AND key = ?',
  putNote: 'INSERT OR REPLACE INTO notes VALUES (?, ?, ?, ?)',
  allNotes: 'SELECT owner, key, version, value AS text FROM notes',
  isEmpty: `SELECT NOT EXISTS (SELECT 1 FROM rows) AND NOT EXISTS (SELECT 1 FROM instances)
    AND NOT EXISTS (SELECT 1 FROM notes) AS yes`,
};

class SqliteStatements {
  #run = {};

  /** @param {object} database with its tables made */
  constructor(database) {
    for (const [name, sql] of Object.entries(SQL)) this.#run[name] = database.prepare(sql);
  }

  begin() {
    this.#run.begin.run();
  }

  commit() {
    this.#run.commit.run();
  }

  get id() {
    return this.#run.id.get().id;
  }

  set id(id) {
    this.#run.setId.run(id);
  }

  get isEmpty() {
    return this.#run.isEmpty.get().yes === 1;
  }

  get(token) {
    return this.#run.get.get(token) ?? null;
  }

  idle(owner, { fingerprint, holder, except }) {
    return this.#run.idle.get(owner, fingerprint, holder, JSON.stringify(except)) ?? null;
  }

  insert(record) {
    const { token, owner, version, instance, state, place, sandboxId } = record;
    const { fingerprint, holder, fence, text } = record;
    this.#run.insert.run(
      ...[token, owner, version, instance, state, place, sandboxId],
      ...[fingerprint, holder, fence, text],
    );
    return record;
  }

  update(record) {
    const { token, version, instance, state, place, sandboxId } = record;
    const { fingerprint, holder, fence, text } = record;
    this.#run.update.run(
      ...[version, instance, state, place, sandboxId, fingerprint, holder, fence, text, token],
    );
    return record;
  }

  remove(token, version) {
    return Number(this.#run.remove.run(token, version).changes) === 1;
  }

  rows(owner, { after, limit, states }) {
    return this.#run.rows.all(owner, after ?? '', JSON.stringify(states), limit);
  }

  count(owner) {
    return this.#run.count.get(owner).count;
  }

  owners() {
    return this.#run.owners.all().map(({ owner }) => owner);
  }

  beat({ id, owner, text }, beatenMs) {
    this.#run.beat.run(id, owner, text, Math.round(beatenMs));
  }

  hostOf(id) {
    return this.#run.instance.get(id)?.host ?? null;
  }

  /** @param {string|null} owner null: of all */
  instances(owner) {
    return this.#run.instances.all(owner, owner);
  }

  forget(id) {
    return Number(this.#run.forget.run(id).changes) === 1;
  }

  note(owner, key) {
    return this.#run.note.get(owner, key) ?? null;
  }

  putNote({ owner, key, version, text }) {
    this.#run.putNote.run(owner, key, version, text);
  }

  all() {
    return { records: this.#run.allRows.all(), notes: this.#run.allNotes.all() };
  }
}

module.exports = { SCHEMA, SqliteStatements, VERSION };
