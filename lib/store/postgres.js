'use strict';

// The store in a PostgreSQL database, for managers on several hosts. Every write is one statement and
// carries a stamp of its own: when an answer was lost, the statement is asked again and the stamp says
// whether the first one was done. Leases are as durable as everything else here, since their holders
// outlive the server. Ages are by the server's clock.

const { randomUUID } = require('node:crypto');

const { checkOptions, checkString, invalid } = require('../options');
const contract = require('./contract');
const { PostgresConnection } = require('./postgres-connection');
const schemaOf = require('./postgres-schema');
const { Store } = require('./store');

const UNIQUE_VIOLATION = '23505';

class PostgresDriver {
  durability = 'hosts';
  shared = true;
  #connection;
  #schema;
  #sql;
  #id = null;

  constructor(urlOrPool, schema) {
    this.#connection = new PostgresConnection(urlOrPool);
    this.#schema = schema;
    this.#sql = schemaOf.statements(schema);
  }

  get id() {
    return this.#id;
  }

  // Two that come first at once are put one after another by a lock of the whole database.
  async open(signal) {
    this.#connection.open();
    const s = this.#schema;
    const prepare = async (query) => {
      const { rows } = await query(`SELECT to_regclass($1) IS NOT NULL AS made`, [`${s}.store`]);
      if (rows[0].made) return;
      await query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 1))`, [`e2b-swarm ${s}`]);
      const { rows: again } = await query(
        `SELECT to_regclass($1) IS NOT NULL AS made, to_regnamespace($2) IS NOT NULL AS exists`,
        [`${s}.store`, s],
      );
      if (again[0].made) return;
      if (!again[0].exists) await query(`CREATE SCHEMA ${s}`);
      await query(schemaOf.tables(s));
      const values = [randomUUID(), schemaOf.VERSION];
      await query(`INSERT INTO ${s}.store VALUES ($1, $2)`, values);
    };
    await this.#connection.transaction(prepare, { signal });
    const { rows } = await this.#connection.query(this.#sql.facts, [], { signal });
    if (rows[0].version !== schemaOf.VERSION) {
      throw contract.storeFailed(
        `the schema ${s} has version ${rows[0].version}, not ${schemaOf.VERSION}`,
      );
    }
    this.#id = rows[0].id;
  }

  close() {
    return this.#connection.close();
  }

  #query(text, ...values) {
    return this.#connection.query(text, values);
  }

  // ---- writes ---------------------------------------------------------------------------------

  async insert(record, maximum, replaces) {
    const { token, owner, instance, state, place, sandboxId, fingerprint, holder, text } = record;
    const { rows } = await this.#query(
      this.#sql.insert,
      ...[token, owner, instance, state, place, sandboxId, fingerprint, holder, text],
      ...[randomUUID(), maximum === Infinity ? null : maximum],
      ...[replaces?.token ?? null, replaces?.version ?? null],
    );
    if (rows[0].result === 'exists') throw contract.tokenExists(token);
    return rows[0].result === 'full' ? null : record;
  }

  /**
   * One change of a row.
   *
   * @param {{ text: string, values: any[] }} statement
   * @returns {Promise<{ record: object|null, isRepeated: boolean }>}
   */
  async #change({ text, values }, stamp) {
    try {
      const { rows, isRepeated } = await this.#connection.query(text, values);
      if (rows.length > 0 || !isRepeated) return { record: rows[0] ?? null, isRepeated };
    } catch (error) {
      // The first attempt was done after all.
      if (error.cause?.code !== UNIQUE_VIOLATION) throw error;
    }
    const { rows } = await this.#query(this.#sql.byStamp, stamp);
    return { record: rows[0] ?? null, isRepeated: true };
  }

  async claim(owner, wanted, changes) {
    const stamp = randomUUID();
    const statement = schemaOf.claimStatement(this.#schema, { owner, wanted, changes, stamp });
    return (await this.#change(statement, stamp)).record;
  }

  async update(token, version, changes) {
    const stamp = randomUUID();
    const facts = { token, version, changes, stamp };
    const { record } = await this.#change(schemaOf.updateStatement(this.#schema, facts), stamp);
    if (record === null && changes.place === 1) {
      const found = await this.get(token);
      if (found?.version === version && found.place === 0) throw contract.placeIsNotGivenBack();
    }
    return record;
  }

  // After a lost answer, that it is gone is all there is to know.
  async remove(token, version) {
    const { rowCount, isRepeated } = await this.#query(this.#sql.remove, token, version);
    return rowCount === 1 || (isRepeated && (await this.get(token)) === null);
  }

  async beat({ id, owner, text }) {
    await this.#query(this.#sql.beat, id, owner, text);
  }

  async forget(id) {
    const { rowCount, isRepeated } = await this.#query(this.#sql.forget, id);
    return rowCount === 1 || isRepeated;
  }

  async putNote(owner, key, version, text) {
    const stamp = randomUUID();
    const sql = version === 0 ? this.#sql.addNote : this.#sql.putNote;
    const { rows, isRepeated } = await this.#query(sql, owner, key, version, text, stamp);
    if (rows.length > 0) return rows[0].version;
    const found = isRepeated ? await this.note(owner, key) : null;
    return found?.stamp === stamp ? found.version : null;
  }

  // ---- reads ----------------------------------------------------------------------------------

  async get(token) {
    const { rows } = await this.#query(this.#sql.get, token);
    return rows[0] ?? null;
  }

  async rows(owner, { after, limit, states }) {
    return (await this.#query(this.#sql.rows, owner, after ?? '', states, limit)).rows;
  }

  async count(owner) {
    return (await this.#query(this.#sql.count, owner)).rows[0].count;
  }

  async owners() {
    return (await this.#query(this.#sql.owners)).rows.map(({ owner }) => owner);
  }

  async instances(owner) {
    return (await this.#query(this.#sql.instances, owner)).rows;
  }

  async note(owner, key) {
    const { rows } = await this.#query(this.#sql.note, owner, key);
    return rows[0] ?? null;
  }

  // ---- all of it ------------------------------------------------------------------------------

  dump() {
    const read = async (query) => ({
      id: (await query(this.#sql.facts)).rows[0].id,
      records: (await query(this.#sql.allRows)).rows,
      instances: (await query(this.#sql.instances, [null])).rows,
      notes: (await query(this.#sql.allNotes)).rows,
    });
    const isolation = 'ISOLATION LEVEL REPEATABLE READ READ ONLY';
    return this.#connection.transaction(read, { isolation });
  }

  async load({ id, records, instances, notes }) {
    await this.#connection.transaction(async (query) => {
      await query(this.#sql.lockAll);
      if (!(await query(this.#sql.isEmpty)).rows[0].yes) throw contract.notEmpty();
      await query(this.#sql.setId, [id]);
      for (const each of records) {
        const { token, owner, version, instance, state, place, sandboxId } = each;
        const { fingerprint, holder, fence, text } = each;
        await query(this.#sql.loadRow, [
          ...[token, owner, version, instance, state, place, sandboxId],
          ...[fingerprint, holder, fence, text],
        ]);
      }
      for (const { id: name, owner, text, ageMs } of instances) {
        await query(this.#sql.loadInstance, [name, owner, text, ageMs]);
      }
      for (const { owner, key, version, text } of notes) {
        await query(this.#sql.loadNote, [owner, key, version, text]);
      }
    });
    this.#id = id;
  }
}

/**
 * A store in a PostgreSQL database, for managers on several hosts.
 *
 * @param {string|object} urlOrPool a connection string, or a pool of the package pg, which stays the
 *   caller's to end
 * @param {object} [options]
 * @param {string} [options.schema='e2b_swarm'] made when it is not there
 * @returns {Store} of durability 'hosts', shared
 */
function postgresStore(urlOrPool, options) {
  const { schema = 'e2b_swarm' } = checkOptions(options, ['schema'], 'postgresStore');
  if (typeof urlOrPool?.connect !== 'function') checkUrl(urlOrPool);
  return new Store(new PostgresDriver(urlOrPool, schemaOf.checkSchema(schema)));
}

// Never shown: it may have a password.
function checkUrl(url) {
  if (typeof url === 'string') checkString(url, 'the connection string');
  else throw invalid('postgresStore needs a connection string or a pool of the package pg');
}

module.exports = { postgresStore };
