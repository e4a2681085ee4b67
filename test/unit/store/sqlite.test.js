'use strict';

const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');

const { sqliteStore, storeContract } = require('../../../lib/store');
const { sampleRow, tokens } = require('../../../lib/store/compliance/samples');
const { openDatabase } = require('../../../lib/store/sqlite-library');
const { claimWithProcesses } = require('./helpers/claimers');
const { newFolder, removeFolders } = require('./helpers/folders');

const WRITER = path.join(__dirname, 'children', 'sqlite-writer.js');

afterEach(removeFolders);

function newFile() {
  return path.join(newFolder(), 'state', 'fleet.db');
}

storeContract(
  async () => {
    const file = newFile();
    return { store: sqliteStore(file), again: () => sqliteStore(file) };
  },
  { describe, test, expect, name: 'sqliteStore' },
);

describe('sqliteStore', () => {
  test('of several processes hands no row out twice', async () => {
    const file = newFile();
    const store = sqliteStore(file);
    await store.open();
    const all = tokens(500);
    await Promise.all(
      all.map((token) => store.insert(sampleRow(token, { state: 'idle' }), { maximum: 500 })),
    );
    const results = await claimWithProcesses('sqlite', file, 4);
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

  test('keeps its files to itself: 0600', async () => {
    const file = newFile();
    const store = sqliteStore(file);
    await store.open();
    await store.putNote('owner', 'k', 0, 1);
    const names = fs.readdirSync(path.dirname(file));
    expect(names.sort()).toEqual(['fleet.db', 'fleet.db-shm', 'fleet.db-wal']);
    for (const name of names) {
      expect(fs.statSync(path.join(path.dirname(file), name)).mode & 0o777).toBe(0o600);
    }
    await store.close();
  });

  test('waits for another process’ transaction, and the loop goes on', async () => {
    const file = newFile();
    const store = sqliteStore(file);
    await store.open();
    const other = openDatabase(file, 0);
    other.exec('BEGIN IMMEDIATE');
    let done = false;
    const inserting = store.insert(sampleRow('t1'), { maximum: 1 }).finally(() => {
      done = true;
    });
    let turns = 0;
    while (turns < 50) {
      await new Promise(setImmediate);
      turns += 1;
    }
    expect(await store.count('owner')).toBe(0);
    expect(done).toBe(false);
    other.exec('COMMIT');
    other.close();
    await inserting;
    expect(await store.count('owner')).toBe(1);
    await store.close();
  });

  test('rolls back a step that fails, and says so', async () => {
    const file = newFile();
    const store = sqliteStore(file);
    await store.open();
    const other = openDatabase(file, 1_000);
    other.exec(
      "CREATE TRIGGER fail BEFORE UPDATE ON rows BEGIN SELECT raise(FAIL, 'injected'); END",
    );
    await store.insert(sampleRow('t1'), { maximum: 9 });
    const both = [
      store.insert(sampleRow('t2'), { maximum: 9 }),
      store.update('t1', 1, { state: 'idle' }),
    ];
    for (const each of both) {
      await expect(each).rejects.toMatchObject({
        ...{ code: 'STORE_FAILED', outcome: 'not-sent', retryable: true },
        message: expect.stringContaining('injected'),
      });
    }
    expect(await store.get('t2')).toBeNull();
    other.exec('DROP TRIGGER fail');
    other.close();
    expect(await store.update('t1', 1, { state: 'idle' })).toMatchObject({ version: 2 });
    await store.close();
  });

  test('refusals of one moment do not touch those who share the transaction', async () => {
    const store = sqliteStore(newFile());
    await store.open();
    await store.insert(sampleRow('t1'), { maximum: 9 });
    await store.insert(sampleRow('t0', { place: 0 }));
    const results = await Promise.allSettled([
      store.insert(sampleRow('t2'), { maximum: 9 }),
      store.insert(sampleRow('t1'), { maximum: 9 }),
      store.update('t0', 1, { place: 1 }),
      store.insert(sampleRow('t3'), { maximum: 9 }),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'rejected', 'rejected', 'fulfilled'],
    ]);
    expect(await store.count('owner')).toBe(3);
    await store.close();
  });

  test('refuses a file that is none of its own, or of a later version', async () => {
    const file = path.join(newFolder(), 'file');
    fs.writeFileSync(file, 'x'.repeat(5_000));
    await expect(sqliteStore(file).open()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(file),
    });
    const later = newFile();
    const store = sqliteStore(later);
    await store.open();
    await store.close();
    const database = openDatabase(later, 0);
    database.exec('PRAGMA user_version = 2');
    database.close();
    await expect(sqliteStore(later).open()).rejects.toThrow('its version is 2');
  });

  test('loses nothing that was acknowledged when its process is killed', async () => {
    const file = newFile();
    const acknowledged = new Set();
    for (let round = 0; round < 4; round += 1) {
      const child = spawn(process.execPath, [WRITER, file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
        if (text.length > 2_000 + 500 * round) child.kill('SIGKILL');
      });
      await once(child, 'close');
      expect(child.signalCode).toBe('SIGKILL');
      for (const token of text.split('\n').slice(0, -1)) acknowledged.add(token);
      const store = sqliteStore(file);
      await store.open();
      const found = new Set((await store.rows('owner', { limit: 10_000 })).map((row) => row.token));
      for (const token of acknowledged) expect(found).toContain(token);
      await store.close();
    }
    expect(acknowledged.size).toBeGreaterThan(50);
  }, 60_000);

  (process.getuid() === 0 ? test : test.skip)(
    'on a full disk refuses what it cannot write, and goes on when there is room',
    async () => {
      const disk = newFolder();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'e2b-swarm-test', disk]);
      try {
        const ballast = path.join(disk, 'ballast');
        fs.writeFileSync(ballast, Buffer.alloc(256 * 1024));
        const store = sqliteStore(path.join(disk, 'db'));
        await store.open();
        const insert = (token) => {
          const data = { filler: 'x'.repeat(10_000) };
          return store.insert(sampleRow(token, { data }), { maximum: 9_999 });
        };
        let made = 0;
        const fill = async () => {
          for (const token of tokens(500)) {
            await insert(token);
            made += 1;
          }
        };
        await expect(fill()).rejects.toMatchObject({ code: 'STORE_FAILED', outcome: 'not-sent' });
        expect(made).toBeGreaterThan(5);
        expect(await store.count('owner')).toBe(made);
        fs.rmSync(ballast);
        await insert('later');
        expect(await store.count('owner')).toBe(made + 1);
        await store.close();
      } finally {
        execFileSync('umount', ['-l', disk]);
      }
    },
  );

  test('without SQLite says the two ways to it', () => {
    const file = require.resolve('../../../lib/store/sqlite-library');
    const script = `
      process.getBuiltinModule = () => undefined;
      const { Module } = require('node:module');
      const load = Module._load;
      Module._load = (name, ...rest) => {
        if (name === 'better-sqlite3') throw new Error("Cannot find module 'better-sqlite3'");
        return load(name, ...rest);
      };
      try { require(${JSON.stringify(file)}).openDatabase('/nowhere', 0); }
      catch (error) { process.stdout.write(error.code + ' ' + error.message); }`;
    const said = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect(said).toMatch(/^STORE_FAILED .*Node 22\.13 or later.*better-sqlite3 \(12 or later\)/);
  });
});
