'use strict';

const { execFileSync } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const { Client, Pool } = require('pg');

const { postgresStore, storeContract } = require('../../../lib/store');
const { insertIdle, sampleRow, tokens } = require('../../../lib/store/compliance/samples');
const { startPostgres } = require('../../helpers/postgres');
const { claimWithProcesses } = require('./helpers/claimers');
const { startProxy } = require('./helpers/postgres-proxy');

const WANTED = { fingerprint: 'fingerprint', holder: null, except: [] };

let server;
beforeAll(async () => {
  server = await startPostgres();
}, 90_000);
afterAll(() => server?.stop());

function newSchema() {
  return `s_${randomUUID().replaceAll('-', '')}`;
}

async function ask(text, values) {
  const client = new Client({ connectionString: server.url });
  await client.connect();
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

storeContract(
  async () => {
    const schema = newSchema();
    const make = () => postgresStore(server.url, { schema });
    return { store: make(), again: make };
  },
  { describe, test, expect, name: 'postgresStore' },
);

describe('postgresStore', () => {
  test('of several processes hands no row out twice', async () => {
    const store = postgresStore(server.url);
    await store.open();
    const all = tokens(500);
    await Promise.all(
      all.map((token) => store.insert(sampleRow(token, { state: 'idle' }), { maximum: 500 })),
    );
    const results = await claimWithProcesses('postgres', server.url, 4);
    const claims = results.flatMap(({ got }) => got.map(([token, fence]) => `${token} ${fence}`));
    expect(claims).toHaveLength(1_000);
    expect(new Set(claims).size).toBe(1_000);
    for (const { instance, got } of results) {
      for (const [token, fence, version] of got.filter(([, each]) => each === 2)) {
        expect(await store.get(token)).toMatchObject({ instance, fence, version });
      }
    }
    await store.close();
  }, 60_000);

  test('is opened by many at once that find nothing, and is one', async () => {
    const schema = newSchema();
    const stores = tokens(6).map(() => postgresStore(server.url, { schema }));
    await Promise.all(stores.map((store) => store.open()));
    expect(new Set(stores.map(({ id }) => id)).size).toBe(1);
    await Promise.all(stores.map((store) => store.close()));
  });

  test('passes over a row that another transaction has, without waiting', async () => {
    const schema = newSchema();
    const store = postgresStore(server.url, { schema });
    await store.open();
    await insertIdle(store, tokens(2));
    const client = new Client({ connectionString: server.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query(`SELECT 1 FROM ${schema}.rows WHERE token = $1 FOR UPDATE`, [tokens(2)[1]]);
    const row = await store.claim('owner', WANTED, { state: 'leased' });
    expect(row.token).toBe(tokens(2)[0]);
    await client.end();
    await store.close();
  });

  test('takes ages from the clock of the server', async () => {
    const schema = newSchema();
    const store = postgresStore(server.url, { schema });
    await store.open();
    await store.beat({ id: 'i1', owner: 'owner', host: {} });
    await ask(`UPDATE ${schema}.instances SET beaten = beaten - interval '1 hour'`);
    const [{ ageMs }] = await store.instances('owner');
    expect(ageMs).toBeGreaterThanOrEqual(3_600_000);
    expect(ageMs).toBeLessThan(3_700_000);
    await store.close();
  });

  test('goes on when the server has ended its connections', async () => {
    const store = postgresStore(server.url, { schema: newSchema() });
    await store.open();
    await Promise.all(tokens(10).map((token) => store.insert(sampleRow(token), { maximum: 99 })));
    await ask(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
      ['e2b-swarm'],
    );
    const later = tokens(10, 'later');
    await Promise.all(later.map((token) => store.insert(sampleRow(token), { maximum: 99 })));
    expect(await store.count('owner')).toBe(20);
    await store.close();
  });

  test('leaves a pool that it was given open', async () => {
    const pool = new Pool({ connectionString: server.url });
    const store = postgresStore(pool, { schema: newSchema() });
    await store.open();
    await store.putNote('owner', 'k', 0, 1);
    await store.close();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  test('refuses a schema of another version and names that are none', async () => {
    const schema = newSchema();
    const store = postgresStore(server.url, { schema });
    await store.open();
    await store.close();
    await ask(`UPDATE ${schema}.store SET version = 2`);
    await expect(postgresStore(server.url, { schema }).open()).rejects.toThrow('has version 2');
    for (const bad of ['a-b', 'A', 'a"b', '', 'x'.repeat(64)]) {
      expect(() => postgresStore(server.url, { schema: bad })).toThrow('schema must be a name');
    }
    expect(() => postgresStore({})).toThrow('a connection string or a pool');
    expect(() => postgresStore('')).toThrow('the connection string must be');
  });

  test('says that nothing was sent where there is no server, and shows no password', async () => {
    const url = 'postgres://user:pa55word@127.0.0.1:1/db';
    const error = await postgresStore(url)
      .open()
      .catch((each) => each);
    expect(error).toMatchObject({ code: 'STORE_FAILED', outcome: 'not-sent', retryable: true });
    expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toContain('pa55word');
  });

  test('without the package pg says what to install', () => {
    const file = require.resolve('../../../lib/store');
    const script = `
      const { Module } = require('node:module');
      const load = Module._load;
      Module._load = (name, ...rest) => {
        if (name === 'pg') throw new Error("Cannot find module 'pg'");
        return load(name, ...rest);
      };
      require(${JSON.stringify(file)}).postgresStore('postgres://h/d').open()
        .catch((error) => process.stdout.write(error.code + ' ' + error.message));`;
    const said = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect(said).toMatch(/^STORE_FAILED .*npm install pg/);
  });
});

describe('an answer that is lost', () => {
  let proxy;
  let store;
  let schema;

  beforeEach(async () => {
    schema = newSchema();
    proxy = await startProxy(server.socket);
    store = postgresStore(proxy.url, { schema });
    await store.open();
    await insertIdle(store, ['t1', 't2']);
  });

  afterEach(async () => {
    await store.close();
    await proxy.close();
  });

  // name -> the text that the statement has, what is called, what it must answer, and how many
  // changes of rows there must be then
  const WRITES = [
    [
      'insert',
      'insert_row(',
      () => store.insert(sampleRow('t3'), { maximum: 3 }),
      { token: 't3', version: 1 },
      0,
    ],
    [
      'insert in the place of another',
      'insert_row(',
      () => {
        const replaces = { token: 't1', version: 1 };
        return store.insert(sampleRow('t3'), { maximum: 2, replaces });
      },
      { token: 't3', version: 1 },
      1,
    ],
    [
      'claim',
      'SKIP LOCKED',
      () => store.claim('owner', WANTED, { state: 'leased' }),
      { token: 't2', version: 2, fence: 1 },
      1,
    ],
    [
      'update',
      '.rows AS r SET',
      () => store.update('t1', 1, { state: 'ending' }),
      { token: 't1', version: 2, state: 'ending' },
      1,
    ],
    ['remove', 'DELETE FROM', () => store.remove('t1', 1), true, 0],
    ['putNote of a new one', 'INSERT INTO', () => store.putNote('owner', 'k', 0, 1), 1, 0],
  ];

  test.each(WRITES)(
    'of %s is found out: done once, and told',
    async (_name, text, call, answer, changes) => {
      proxy.lose('answer', text);
      const result = await call();
      expect(proxy.lost).toBe(1);
      if (typeof answer === 'object') expect(result).toMatchObject(answer);
      else expect(result).toBe(answer);
      const { rows } = await store.backup();
      expect(rows.reduce((sum, { version }) => sum + version - 1, 0)).toBe(changes);
    },
  );

  test.each(WRITES)(
    'because %s was lost itself: it is sent again',
    async (_n, text, call, answer) => {
      proxy.lose('request', text, 2);
      const result = await call();
      expect(proxy.lost).toBe(2);
      if (typeof answer === 'object') expect(result).toMatchObject(answer);
      else expect(result).toBe(answer);
    },
  );

  test('of the next version of a note is found out', async () => {
    await store.putNote('owner', 'k', 0, 1);
    proxy.lose('answer', '.notes SET');
    expect(await store.putNote('owner', 'k', 1, 2)).toBe(2);
    expect(await store.note('owner', 'k')).toEqual({ value: 2, version: 2 });
    expect(proxy.lost).toBe(1);
  });

  test('of what another did first is no success', async () => {
    await store.update('t1', 1, { holder: 'another' });
    proxy.lose('answer', '.rows AS r SET');
    expect(await store.update('t1', 1, { holder: 'us' })).toBeNull();
    await store.putNote('owner', 'k', 0, 'another');
    proxy.lose('answer', 'INSERT INTO');
    expect(await store.putNote('owner', 'k', 0, 'us')).toBeNull();
    proxy.lose('answer', 'insert_row(');
    await expect(store.insert(sampleRow('t1'), { maximum: 9 })).rejects.toThrow('already');
    expect(proxy.lost).toBe(3);
  });

  test('again and again makes the outcome unknown, and nothing is done twice', async () => {
    proxy.lose('answer', 'insert_row(', 99);
    await expect(store.insert(sampleRow('t3'), { maximum: 9 })).rejects.toMatchObject({
      ...{ code: 'STORE_FAILED', outcome: 'unknown', retryable: false },
    });
    proxy.lose('answer', 'insert_row(', 0);
    expect(await store.get('t3')).toMatchObject({ version: 1 });
    expect(await store.count('owner')).toBe(3);
  });

  test('of a restore’s commit makes its outcome unknown', async () => {
    const backup = await store.backup();
    const empty = postgresStore(proxy.url, { schema: newSchema() });
    await empty.open();
    proxy.lose('answer', 'COMMIT');
    await expect(empty.restore(backup)).rejects.toMatchObject({ outcome: 'unknown' });
    await expect(empty.restore(backup)).rejects.toMatchObject({ name: 'ConflictError' });
    expect(await empty.count('owner')).toBe(2);
    await empty.close();
  });

  test('of a look is of no consequence', async () => {
    proxy.lose('answer', 'SELECT', 3);
    expect(await store.get('t1')).toMatchObject({ version: 1 });
    expect(proxy.lost).toBe(3);
  });
});
