'use strict';

// The tables of postgresStore and the statements on them. Each write is one statement, so that it is done
// or not, and leaves the stamp of its attempt behind: whoever does not get the answer can look whether it
// was done, and an attempt that comes late cannot be done a second time (stamps are unique). Texts sort by
// bytes everywhere. Pure.

const { invalid } = require('../options');

const VERSION = 1;
const NAME = /^[a-z_][a-z0-9_]{0,62}$/;

const RECORD =
  'token, owner, version, instance, state, place, sandbox_id AS "sandboxId", fingerprint, holder, ' +
  'fence, data AS text, stamp';
const COLUMNS = { sandboxId: 'sandbox_id', text: 'data' };

function checkSchema(name) {
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw invalid('schema must be a name of lower-case letters, digits and _, 63 at most');
}

/** What makes the tables, in one text. `s` is a checked name. */
function tables(s) {
  return `
CREATE TABLE ${s}.store (id text NOT NULL, version int NOT NULL);
CREATE SEQUENCE ${s}.changes;
CREATE TABLE ${s}.rows (
  token text COLLATE "C" PRIMARY KEY, owner text COLLATE "C" NOT NULL, version int NOT NULL,
  instance text COLLATE "C" NOT NULL, state text COLLATE "C" NOT NULL, place int NOT NULL,
  sandbox_id text COLLATE "C", fingerprint text COLLATE "C" NOT NULL, holder text COLLATE "C",
  fence int NOT NULL, data text NOT NULL, stamp uuid NOT NULL UNIQUE,
  sequence bigint NOT NULL DEFAULT nextval('${s}.changes')
);
CREATE INDEX rows_by_owner ON ${s}.rows (owner, token);
CREATE INDEX rows_by_place ON ${s}.rows (owner) WHERE place = 1;
CREATE INDEX rows_idle ON ${s}.rows (owner, fingerprint, sequence) WHERE state = 'idle';
CREATE TABLE ${s}.instances (
  id text COLLATE "C" PRIMARY KEY, owner text COLLATE "C" NOT NULL, host text NOT NULL,
  beaten timestamptz NOT NULL
);
CREATE TABLE ${s}.notes (
  owner text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, version int NOT NULL,
  value text NOT NULL, stamp uuid NOT NULL, PRIMARY KEY (owner, key)
);
-- Inserts of one owner come one after another. Each statement of the body sees what was committed when
-- it began, so the count, which follows the lock, sees the inserts before.
CREATE FUNCTION ${s}.insert_row(
  r_token text, r_owner text, r_instance text, r_state text, r_place int, r_sandbox_id text,
  r_fingerprint text, r_holder text, r_data text, r_stamp uuid, maximum bigint,
  old_token text, old_version int
) RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
  found_stamp uuid;
  given_up int := CASE WHEN old_token IS NULL THEN 0 ELSE 1 END;
BEGIN
  IF maximum IS NOT NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('${s} ' || r_owner, 0));
  END IF;
  SELECT stamp INTO found_stamp FROM ${s}.rows WHERE token = r_token;
  IF found_stamp = r_stamp THEN RETURN 'made'; END IF;
  IF found_stamp IS NOT NULL THEN RETURN 'exists'; END IF;
  IF maximum IS NOT NULL
    AND (SELECT count(*) FROM ${s}.rows WHERE owner = r_owner AND place = 1) - given_up >= maximum
  THEN RETURN 'full'; END IF;
  INSERT INTO ${s}.rows (token, owner, version, instance, state, place, sandbox_id, fingerprint,
    holder, fence, data, stamp)
  VALUES (r_token, r_owner, 1, r_instance, r_state, r_place, r_sandbox_id, r_fingerprint, r_holder, 0,
    r_data, r_stamp) ON CONFLICT (token) DO NOTHING;
  IF FOUND AND old_token IS NULL THEN RETURN 'made'; END IF;
  IF FOUND THEN
    UPDATE ${s}.rows SET place = 0, version = version + 1, sequence = nextval('${s}.changes'),
      stamp = gen_random_uuid()
    WHERE token = old_token AND version = old_version AND owner = r_owner AND place = 1;
    IF FOUND THEN RETURN 'made'; END IF;
    DELETE FROM ${s}.rows WHERE token = r_token;
    RETURN 'full';
  END IF;
  SELECT stamp INTO found_stamp FROM ${s}.rows WHERE token = r_token;
  IF found_stamp = r_stamp THEN RETURN 'made'; END IF;
  RETURN 'exists';
END $body$;
`;
}

/** The statements; `$1`… are the parameters that the driver gives. */
function statements(s) {
  const age = `greatest(0, extract(epoch FROM clock_timestamp() - beaten) * 1000)::float8 AS "ageMs"`;
  return {
    facts: `SELECT id, version FROM ${s}.store`,
    setId: `UPDATE ${s}.store SET id = $1`,
    insert: `SELECT ${s}.insert_row($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
      AS result`,
    get: `SELECT ${RECORD} FROM ${s}.rows WHERE token = $1`,
    byStamp: `SELECT ${RECORD} FROM ${s}.rows WHERE stamp = $1`,
    remove: `DELETE FROM ${s}.rows WHERE token = $1 AND version = $2`,
    rows: `SELECT ${RECORD} FROM ${s}.rows WHERE owner = $1 AND token > $2 AND state = ANY ($3)
      ORDER BY token LIMIT $4`,
    allRows: `SELECT ${RECORD} FROM ${s}.rows ORDER BY sequence`,
    count: `SELECT count(*)::int AS count FROM ${s}.rows WHERE owner = $1 AND place = 1`,
    owners: `SELECT owner FROM ${s}.rows UNION SELECT owner FROM ${s}.instances
      UNION SELECT owner FROM ${s}.notes`,
    beat: `INSERT INTO ${s}.instances VALUES ($1, $2, $3, clock_timestamp()) ON CONFLICT (id)
      DO UPDATE SET owner = excluded.owner, host = excluded.host, beaten = excluded.beaten`,
    instances: `SELECT id, owner, host AS text, ${age} FROM ${s}.instances
      WHERE $1::text IS NULL OR owner = $1`,
    forget: `DELETE FROM ${s}.instances WHERE id = $1`,
    note: `SELECT version, value AS text, stamp FROM ${s}.notes WHERE owner = $1 AND key = $2`,
    addNote: `INSERT INTO ${s}.notes VALUES ($1, $2, 1, $4, $5) ON CONFLICT DO NOTHING
      RETURNING version, $3::int`,
    putNote: `UPDATE ${s}.notes SET version = version + 1, value = $4, stamp = $5
      WHERE owner = $1 AND key = $2 AND version = $3 RETURNING version`,
    allNotes: `SELECT owner, key, version, value AS text FROM ${s}.notes`,
    isEmpty: `SELECT NOT EXISTS (SELECT FROM ${s}.rows) AND NOT EXISTS (SELECT FROM ${s}.instances)
      AND NOT EXISTS (SELECT FROM ${s}.notes) AS yes`,
    lockAll: `LOCK TABLE ${s}.store, ${s}.rows, ${s}.instances, ${s}.notes IN ACCESS EXCLUSIVE MODE`,
    loadRow: `INSERT INTO ${s}.rows (token, owner, version, instance, state, place, sandbox_id,
      fingerprint, holder, fence, data, stamp)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, gen_random_uuid())`,
    loadInstance: `INSERT INTO ${s}.instances
      VALUES ($1, $2, $3, clock_timestamp() - make_interval(secs => $4::float8 / 1000))`,
    loadNote: `INSERT INTO ${s}.notes VALUES ($1, $2, $3, $4, gen_random_uuid())`,
  };
}

/** Assignments for a change, the values of which are appended to `values`. */
function assignments(s, changes, stamp, values) {
  const set = Object.entries(changes).map(([field, value]) => {
    values.push(value);
    return `${COLUMNS[field] ?? field} = $${values.length}`;
  });
  values.push(stamp);
  return [
    ...['version = r.version + 1', `sequence = nextval('${s}.changes')`, ...set],
    `stamp = $${values.length}`,
  ].join(', ');
}

function updateStatement(s, { token, version, changes, stamp }) {
  const values = [token, version];
  const set = assignments(s, changes, stamp, values);
  const guard = changes.place === 1 ? 'AND place = 1' : '';
  const text = `UPDATE ${s}.rows AS r SET ${set} WHERE token = $1 AND version = $2 ${guard}
    RETURNING ${RECORD}`;
  return { text, values };
}

// Two that come at once take two rows: what another transaction has locked is passed over.
function claimStatement(s, { owner, wanted, changes, stamp }) {
  const values = [owner, wanted.fingerprint, wanted.holder, wanted.except];
  const set = assignments(s, changes, stamp, values);
  const guard = changes.place === 1 ? 'AND place = 1' : '';
  const text = `WITH picked AS (
      SELECT token AS picked_token FROM ${s}.rows
      WHERE owner = $1 AND fingerprint = $2 AND state = 'idle'
        AND (holder IS NULL OR holder = $3) AND token <> ALL ($4) ${guard}
      ORDER BY sequence DESC LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    UPDATE ${s}.rows AS r SET ${set}, fence = r.fence + 1 FROM picked WHERE token = picked_token
    RETURNING ${RECORD}`;
  return { text, values };
}

module.exports = { VERSION, checkSchema, claimStatement, statements, tables, updateStatement };
