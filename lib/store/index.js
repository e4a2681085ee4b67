'use strict';

// `e2b-swarm/store`: what a manager may keep its rows in, and the suite that says whether a store of
// one's own will do. Each is loaded when it is first asked for; database clients when a store is opened.
// Written out one by one: that is how `import { fileStore }` finds its name.

exports.fileStore = (...args) => require('./file').fileStore(...args);
exports.memoryStore = (...args) => require('./memory').memoryStore(...args);
exports.postgresStore = (...args) => require('./postgres').postgresStore(...args);
exports.sqliteStore = (...args) => require('./sqlite').sqliteStore(...args);
exports.storeContract = (...args) => require('./compliance/index').storeContract(...args);
