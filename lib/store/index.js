'use strict';

// `e2b-swarm/store`: what a manager may keep its rows in, and the suite that says whether a store of
// one's own will do. Loads no database client: each store does that when it is opened.

const { fileStore } = require('./file');
const { memoryStore } = require('./memory');
const { postgresStore } = require('./postgres');
const { sqliteStore } = require('./sqlite');
const { storeContract } = require('./compliance/index');

module.exports = { fileStore, memoryStore, postgresStore, sqliteStore, storeContract };
