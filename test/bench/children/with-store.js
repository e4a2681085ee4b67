'use strict';

// Gives a measuring process a store of one kind, open, in a folder of its own on the disk that temporary
// files are on; PostgreSQL is a server of its own, with its syncs. Takes both away afterwards.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const stores = require('../../../lib/store');
const { startPostgres } = require('../../helpers/postgres');

async function newStore(kind, folder) {
  if (kind === 'memory') return { store: stores.memoryStore() };
  if (kind === 'file') return { store: stores.fileStore(folder) };
  if (kind === 'sqlite') return { store: stores.sqliteStore(path.join(folder, 'db')) };
  const server = await startPostgres({ durable: true });
  return { store: stores.postgresStore(server.url), stop: server.stop };
}

/**
 * @template T
 * @param {'memory'|'file'|'sqlite'|'postgres'} kind
 * @param {(store: object) => Promise<T>} work
 * @returns {Promise<T>}
 */
async function withStore(kind, work) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-store-'));
  const { store, stop } = await newStore(kind, folder);
  try {
    await store.open();
    return await work(store);
  } finally {
    await store.close();
    await stop?.();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

module.exports = { withStore };
