'use strict';

// The two ways to SQLite: node:sqlite, which Node has built in since 22.13, else the package
// better-sqlite3. Their statements have the same get, all and run; what differs is in here: how one
// opens a file, and what an error says. Loaded when a store is opened, not before.

const { storeFailed } = require('./contract');

// SQLite's own numbers; better-sqlite3 has their names in `code`.
const CODES = { BUSY: 5, FULL: 13 };

function builtIn() {
  return process.getBuiltinModule?.('node:sqlite') ?? null;
}

function installed() {
  try {
    return require('better-sqlite3');
  } catch (error) {
    throw missing(error);
  }
}

function missing(cause) {
  return storeFailed(
    'sqliteStore needs SQLite: run Node 22.13 or later, which has it built in, or install the package ' +
      `better-sqlite3 (12 or later) with its install script: ${cause.message.split('\n')[0]}`,
    { cause },
  );
}

/**
 * Opens a file. Synchronous, and so are the statements.
 *
 * @returns {{ exec: Function, prepare: Function, close: Function }}
 */
function openDatabase(file, busyMs) {
  const sqlite = builtIn();
  if (sqlite !== null) {
    const database = new sqlite.DatabaseSync(file);
    database.exec(`PRAGMA busy_timeout = ${busyMs}`);
    return database;
  }
  const Database = installed();
  try {
    return new Database(file, { timeout: busyMs });
  } catch (error) {
    // The package is there, its compiled part is not.
    if (isOfSqlite(error)) throw error;
    throw missing(error);
  }
}

function isOfSqlite(error) {
  return error?.code === 'ERR_SQLITE_ERROR' || /^SQLITE_/.test(error?.code);
}

function says(error, name) {
  if (error?.code === 'ERR_SQLITE_ERROR') return (error.errcode & 0xff) === CODES[name];
  return typeof error?.code === 'string' && error.code.startsWith(`SQLITE_${name}`);
}

/** Another process is writing. */
function isBusy(error) {
  return says(error, 'BUSY');
}

/** The disk is full: nothing of the transaction is there. */
function isFull(error) {
  return says(error, 'FULL');
}

module.exports = { isBusy, isFull, openDatabase };
