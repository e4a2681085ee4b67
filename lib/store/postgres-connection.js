'use strict';

// Talking to a PostgreSQL server through pg's pool, with deadlines and a second try. What it adds to pg is
// the answer to one question: can the server have done what was asked? It says no where nothing was sent
// or the server itself refused; where an answer was lost it says that it does not know, and whoever asked
// has to look. Knows nothing of rows.

const { sleep, systemClock } = require('../clock');
const { E2bError } = require('../errors');
const { storeFailed } = require('./contract');

const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 10_000;
// The server ends a statement first, and says so.
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 5_000;
const ATTEMPTS = 5;
const FIRST_WAIT_MS = 50;

// Its own codes: what it refuses, it has not done. But one that is shut down or kills a session (57P..,
// class 08) may have done it before.
const ENDS_SESSION = /^(57P|08)/;
// Serialization, deadlock, too many connections, starting up, lock and statement timeouts.
const WORTH_ANOTHER_TRY = /^(40|53300$|57P|08|55P03$|57014$)/;

function loadPg() {
  try {
    return require('pg');
  } catch (error) {
    throw storeFailed('postgresStore needs the package pg (8.11 or later): npm install pg', {
      cause: error,
    });
  }
}

class PostgresConnection {
  #pool;
  #isOurs;
  #url;
  #closing = null;

  /** @param {string|object} urlOrPool a pool stays its maker's to end, and to listen to for errors */
  constructor(urlOrPool) {
    this.#isOurs = typeof urlOrPool === 'string';
    this.#url = this.#isOurs ? urlOrPool : null;
    this.#pool = this.#isOurs ? null : urlOrPool;
  }

  open() {
    if (this.#pool !== null) return;
    const { Pool } = loadPg();
    this.#pool = new Pool({
      connectionString: this.#url,
      max: MAX_CONNECTIONS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      allowExitOnIdle: true,
      application_name: 'e2b-swarm',
    });
    // Of connections that nobody uses: the next call makes another one.
    this.#pool.on('error', () => {});
  }

  /**
   * Runs one statement, and again where that is safe: always with `repeatable`, else while the server
   * cannot have done it.
   *
   * @returns {Promise<{ rows: object[], rowCount: number, isRepeated: boolean }>} isRepeated: an answer
   *   was lost before, so that it may have been done then
   * @throws {E2bError} STORE_FAILED
   */
  query(text, values, { signal } = {}) {
    return this.attempt((client) => client.query(question(text, values)), { signal });
  }

  /** As `query`, for work of several statements in one transaction. */
  transaction(work, { signal, isolation = '' } = {}) {
    return this.attempt(
      async (client) => {
        await client.query(question(`BEGIN ${isolation}`));
        const result = await work((text, values) => client.query(question(text, values)));
        await client.query(question('COMMIT'));
        return result;
      },
      { signal, isTransaction: true },
    );
  }

  async attempt(work, { signal, isTransaction = false } = {}) {
    let isRepeated = false;
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      let client = null;
      try {
        client = await this.#pool.connect();
        const result = await this.#use(client, work, isTransaction);
        return isTransaction ? result : { ...plain(result), isRepeated };
      } catch (error) {
        if (error instanceof E2bError) throw error;
        const isUnknown = client !== null && mayBeDone(error);
        isRepeated ||= isUnknown;
        // A transaction is not repeated by itself when its end was not heard of.
        const isOver = attempt === ATTEMPTS || !isPassing(error) || (isUnknown && isTransaction);
        if (isOver || this.#closing !== null) throw failed(error, isRepeated);
        const waitMs = systemClock.random() * FIRST_WAIT_MS * 2 ** attempt;
        await sleep(systemClock, waitMs, signal);
      }
    }
  }

  async #use(client, work, isTransaction) {
    // pg says so of a connection in use that is lost; the statement under way is told as well.
    const onError = () => {};
    client.on('error', onError);
    let failure = null;
    try {
      return await work(client);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      client.removeListener('error', onError);
      // Whatever it was, this connection may be in the middle of something.
      client.release(failure !== null && (isTransaction || mayBeDone(failure)));
    }
  }

  close() {
    this.#closing ??= this.#isOurs && this.#pool ? this.#pool.end() : Promise.resolve();
    return this.#closing;
  }
}

function question(text, values) {
  return { text, values, query_timeout: ANSWER_TIMEOUT_MS };
}

function plain({ rows, rowCount }) {
  return { rows, rowCount };
}

// An error of the server has a severity; one of the system may have a code of the same form.
function saysServer({ severity, code }) {
  return typeof severity === 'string' && typeof code === 'string';
}

function mayBeDone(error) {
  return !saysServer(error) || ENDS_SESSION.test(error.code);
}

function isPassing(error) {
  return !saysServer(error) || WORTH_ANOTHER_TRY.test(error.code);
}

// Without the text of the statement or its values, and pg's messages name no password.
function failed(error, isUnknown) {
  const hint = isUnknown ? '; it may have been done: look before doing it again' : '';
  const what = error.message || error.code || 'the connection failed';
  return storeFailed(`PostgreSQL: ${what}${hint}`, {
    cause: error,
    outcome: isUnknown ? 'unknown' : 'not-sent',
    retryable: !isUnknown && isPassing(error),
  });
}

module.exports = { PostgresConnection };
