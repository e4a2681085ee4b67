'use strict';

// Several processes of one fleet over one SQLite file, and over one Postgres server: one quota, one
// pool, and never one sandbox in two hands. Issue 5, section 6.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { startPostgres } = require('../helpers/postgres');
const { withFleet } = require('./helpers/fleet');

const PROCESSES = 3;
const MAXIMUM = 2;
const LEASES = 12;
const WORKER = path.join(__dirname, 'children', 'lease-worker.js');

const fleet = withFleet();
let folder;
let postgres;
beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-shared-'));
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.stop();
  fs.rmSync(folder, { recursive: true, force: true });
});

test.each([
  ['sqliteStore', () => path.join(folder, 'fleet.db')],
  ['postgresStore', () => postgres.url],
])(
  '%s: one quota and one pool for several processes',
  async (kind, where) => {
    const given = {
      kind,
      where: where(),
      client: fleet.client,
      maxPoolSize: MAXIMUM,
      leases: LEASES,
    };
    let most = 0;
    const watching = setInterval(() => {
      most = Math.max(most, fleet.backend.sandboxes().length);
    }, 5);
    const workers = Array.from({ length: PROCESSES }, () => fork(WORKER, [JSON.stringify(given)]));
    const ended = workers.map((worker) => once(worker, 'exit'));
    const said = Promise.all(workers.map((worker) => once(worker, 'message')));
    // One that dies says nothing: nobody waits for it.
    const died = Promise.race(ended).then(([code]) => Promise.reject(new Error(`exit ${code}`)));
    const told = await Promise.race([said, died]);
    died.catch(() => {});
    clearInterval(watching);
    expect(told.map(([one]) => one)).toEqual(Array(PROCESSES).fill({ leases: LEASES, doubled: 0 }));
    expect(most).toBeLessThanOrEqual(MAXIMUM);
    // Most were taken out of the pool, whoever had put them there.
    expect(fleet.asked('create').length).toBeLessThanOrEqual(PROCESSES * 2);
    for (const worker of workers) worker.send('end');
    expect((await Promise.all(ended)).map(([code]) => code)).toEqual(Array(PROCESSES).fill(0));
    expect(fleet.backend.sandboxes()).toEqual([]);
  },
  60_000,
);
