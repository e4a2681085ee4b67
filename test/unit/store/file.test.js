'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { createClock } = require('../../../lib/clock');
const { fileStore, storeContract } = require('../../../lib/store');
const { insertIdle, sampleRow, tokens } = require('../../../lib/store/compliance/samples');
const { filesOf, hookedStore, newFolder, removeFolders } = require('./helpers/folders');

afterEach(removeFolders);

storeContract(
  async () => {
    const folder = path.join(newFolder(), 'made', 'by', 'open');
    return { store: fileStore(folder), again: () => fileStore(folder) };
  },
  { describe, test, expect, name: 'fileStore' },
);

storeContract(
  async () => {
    const folder = newFolder();
    const small = () => hookedStore(folder, { journalBytes: 600 });
    return { store: small(), again: small };
  },
  { describe, test, expect, name: 'fileStore with a new journal at every third write' },
);

describe('fileStore', () => {
  test('keeps what it has to itself: folder 0700, files 0600', async () => {
    const folder = path.join(newFolder(), 'store');
    const store = fileStore(folder);
    await store.open();
    const modeOf = (file) => fs.statSync(file).mode & 0o777;
    expect(modeOf(folder)).toBe(0o700);
    const names = fs.readdirSync(folder);
    expect(names.sort()).toEqual(['journal-1', 'lock', 'snapshot-1']);
    for (const name of names) expect(modeOf(path.join(folder, name))).toBe(0o600);
    await store.close();
    expect(filesOf(folder)).toEqual(['journal-1', 'snapshot-1']);
    expect(fs.existsSync(path.join(folder, 'lock'))).toBe(false);
  });

  test('its journal is bounded: a snapshot takes the place of what is over', async () => {
    const folder = newFolder();
    const store = hookedStore(folder, { journalBytes: 20_000 });
    await store.open();
    await insertIdle(store, tokens(10));
    const wanted = { fingerprint: 'fingerprint', holder: null, except: [] };
    const bytes = () => filesOf(folder).map((name) => fs.statSync(path.join(folder, name)).size);
    let most = 0;
    for (let n = 0; n < 1_000; n += 1) {
      const row = await store.claim('owner', wanted, { state: 'leased' });
      await store.update(row.token, row.version, { state: 'idle' }, { durable: n % 10 === 0 });
      most = Math.max(
        most,
        bytes().reduce((sum, each) => sum + each, 0),
      );
    }
    await store.close();
    expect(most).toBeLessThan(200_000);
    expect(filesOf(folder)).toHaveLength(2);
    const next = fileStore(folder);
    await next.open();
    expect(await next.count('owner')).toBe(10);
    const rows = await next.rows('owner');
    expect(rows.reduce((sum, row) => sum + row.fence, 0)).toBe(1_000);
    await next.close();
  });

  test('writes of one moment share their syncs', async () => {
    let syncs = 0;
    const fdatasync = (fd, done) => {
      syncs += 1;
      fs.fdatasync(fd, done);
    };
    const store = hookedStore(newFolder(), { fs: { fdatasync } });
    await store.open();
    await Promise.all(tokens(100).map((token) => store.insert(sampleRow(token), { maximum: 100 })));
    expect(syncs).toBeLessThanOrEqual(2);
    await store.close();
  });

  test('an update that need not be durable waits for no sync', async () => {
    const held = [];
    const store = hookedStore(newFolder(), { fs: { fdatasync: (fd, done) => held.push(done) } });
    await store.open();
    const inserting = store.insert(sampleRow('t1'), { maximum: 1 });
    let inserted = false;
    void inserting.then(() => {
      inserted = true;
    });
    const row = await store.update('t1', 1, { state: 'idle' }, { durable: false });
    expect(row).toMatchObject({ version: 2 });
    expect(inserted).toBe(false);
    held.shift()(null);
    await inserting;
    const closing = store.close();
    while (held.length === 0) await new Promise(setImmediate);
    held.shift()(null);
    await closing;
  });

  test('a beat keeps its age over a restart, by the wall clock', async () => {
    const folder = newFolder();
    let wallMs = 1_700_000_000_000;
    const clock = createClock({ now: () => wallMs, steady: () => 5 });
    const first = fileStore(folder, { clock });
    await first.open();
    await first.beat({ id: 'i1', owner: 'owner', host: {} });
    await first.close();
    wallMs += 60_000;
    const second = fileStore(folder, { clock });
    await second.open();
    expect(await second.instances('owner')).toMatchObject([{ id: 'i1', ageMs: 60_000 }]);
    await second.close();
    wallMs -= 120_000;
    const third = fileStore(folder, { clock });
    await third.open();
    expect(await third.instances('owner')).toMatchObject([{ id: 'i1', ageMs: 0 }]);
    await third.close();
  });

  test('ten thousand rows come back in the order that claims go by', async () => {
    const folder = newFolder();
    const store = hookedStore(folder, { journalBytes: 100_000 });
    await store.open();
    const all = tokens(10_000);
    await Promise.all(
      all.map((token) => store.insert(sampleRow(token, { state: 'idle' }), { maximum: 10_000 })),
    );
    await store.close();
    const next = fileStore(folder);
    await next.open();
    const wanted = { fingerprint: 'fingerprint', holder: null, except: [] };
    for (const token of all.slice(-20).reverse()) {
      expect((await next.claim('owner', wanted, { state: 'leased' })).token).toBe(token);
    }
    await next.close();
  });

  test('a folder that cannot be made is said, with its path', async () => {
    const file = path.join(newFolder(), 'file');
    fs.writeFileSync(file, '');
    const opening = fileStore(path.join(file, 'store')).open();
    await expect(opening).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining(file),
    });
    expect(() => fileStore('')).toThrow('folder must be a string');
  });
});
