'use strict';

const { randomUUID } = require('node:crypto');
const path = require('node:path');

const { fileStore, memoryStore, postgresStore, sqliteStore } = require('../../../lib/store');
const { insertIdle, sampleRow, tokens } = require('../../../lib/store/compliance/samples');
const { startPostgres } = require('../../helpers/postgres');
const { newFolder, removeFolders } = require('./helpers/folders');

let server;
beforeAll(async () => {
  server = await startPostgres();
}, 90_000);
afterAll(() => server?.stop());
afterEach(removeFolders);

const MAKERS = {
  memoryStore: () => memoryStore(),
  fileStore: () => fileStore(newFolder()),
  sqliteStore: () => sqliteStore(path.join(newFolder(), 'db')),
  postgresStore: () =>
    postgresStore(server.url, { schema: `s_${randomUUID().replaceAll('-', '')}` }),
};
const NAMES = Object.keys(MAKERS);
const PAIRS = NAMES.flatMap((from) => NAMES.map((to) => [from, to]));

async function opened(name) {
  const store = MAKERS[name]();
  await store.open();
  return store;
}

/** A fleet in the middle of its work, of more rows than a page has. */
async function fill(store) {
  const data = { spec: { template: 'base' }, text: 'ä\u0000😀\ud800', n: 0.1 };
  await insertIdle(store, ['c', 'a', 'b'], { data, fingerprint: 'warm', sandboxId: 'sbx' });
  await store.update('a', 1, { holder: 'h' });
  const claimed = await store.claim('owner', { fingerprint: 'warm' }, { state: 'leased' });
  await store.update(claimed.token, claimed.version, { state: 'ended', place: 0 });
  await Promise.all(
    tokens(1_200, 'bulk').map((token) => store.insert(sampleRow(token), { maximum: 5_000 })),
  );
  await store.insert(sampleRow('other', { owner: 'another', state: 'watched' }), { maximum: 1 });
  await store.beat({ id: 'i1', owner: 'owner', host: { pid: 7, boot: 'b' } });
  await store.putNote('owner', 'budget', 0, { spent: 0.1 });
  await store.putNote('owner', 'budget', 1, { spent: 0.25 });
}

describe('a backup', () => {
  test.each(PAIRS)('of a %s comes whole into a %s on another machine', async (from, to) => {
    const source = await opened(from);
    await fill(source);
    const backup = JSON.parse(JSON.stringify(await source.backup()));
    await source.close();
    const target = await opened(to);
    await target.restore(backup);
    expect(target.id).toBe(backup.id);
    const again = await target.backup();
    expect(again.rows).toEqual(backup.rows);
    expect(again.notes).toEqual(backup.notes);
    expect(again.instances).toEqual([{ ...backup.instances[0], ageMs: expect.any(Number) }]);
    expect(again.instances[0].ageMs).toBeGreaterThanOrEqual(Math.floor(backup.instances[0].ageMs));
    // And it goes on from there: the places, the order of claims, the versions, the fences.
    expect(await target.count('owner')).toBe(1_202);
    expect(await target.insert(sampleRow('new'), { maximum: 1_202 })).toBeNull();
    const left = backup.rows.filter((row) => row.fingerprint === 'warm' && row.state === 'idle');
    const wanted = { fingerprint: 'warm', holder: 'h' };
    const newest = await target.claim('owner', wanted, { state: 'leased' });
    expect(newest).toMatchObject({
      ...{ token: left.at(-1).token, version: left.at(-1).version + 1 },
      ...{ fence: left.at(-1).fence + 1, data: left.at(-1).data },
    });
    expect(await target.putNote('owner', 'budget', 2, {})).toBe(3);
    await target.close();
  });

  test('is of one moment, whatever is written meanwhile', async () => {
    for (const name of NAMES) {
      const store = await opened(name);
      await store.insert(sampleRow('t1'), { maximum: 9 });
      await store.putNote('owner', 'k', 0, 0);
      // The note is never ahead of the row by more than one step, at any moment.
      const writer = { isOver: false };
      const writing = (async () => {
        for (let version = 1; !writer.isOver; version += 1) {
          await store.putNote('owner', 'k', version, version);
          await store.update('t1', version, { data: { version } });
        }
      })();
      for (let n = 0; n < 20; n += 1) {
        const { rows, notes } = await store.backup();
        const ahead = notes[0].version - rows[0].version;
        expect([0, 1]).toContain(ahead);
      }
      writer.isOver = true;
      await writing;
      await store.close();
    }
  });
});
