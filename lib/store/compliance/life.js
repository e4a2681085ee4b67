'use strict';

// The contract of open, close, reopening, backup and restore. Part of the suite.

const { insertIdle, sampleRow, tokens } = require('./samples');

const CALLS = [
  (store) => store.insert(sampleRow('t9'), { maximum: 9 }),
  (store) => store.claim('owner', { fingerprint: 'f', holder: null, except: [] }, {}),
  (store) => store.update('t1', 1, {}),
  (store) => store.remove('t1', 1),
  (store) => store.get('t1'),
  (store) => store.rows('owner'),
  (store) => store.count('owner'),
  (store) => store.owners(),
  (store) => store.beat({ id: 'i', owner: 'owner', host: {} }),
  (store) => store.instances('owner'),
  (store) => store.forget('i'),
  (store) => store.note('owner', 'k'),
  (store) => store.putNote('owner', 'k', 0, 1),
  (store) => store.backup(),
];

async function fill(store) {
  const [a, b, c] = tokens(3);
  await insertIdle(store, [b, c, a], { data: { n: 1 } });
  await store.update(c, 1, { sandboxId: 'sbx' });
  await store.insert(sampleRow('gone'), { maximum: 9 });
  await store.remove('gone', 1);
  await store.insert(sampleRow('other', { owner: 'another', state: 'ended', place: 0 }));
  await store.beat({ id: 'i1', owner: 'owner', host: { pid: 7 } });
  await store.putNote('owner', 'k', 0, { n: 1 });
  await store.putNote('owner', 'k', 1, { n: 2 });
}

/** A backup without what goes on by itself. */
function still(backup) {
  const instances = backup.instances.map(({ ageMs: _, ...instance }) => instance);
  const sorted = (list, key) => [...list].sort((x, y) => (x[key] < y[key] ? -1 : 1));
  return { ...backup, instances: sorted(instances, 'id'), notes: sorted(backup.notes, 'key') };
}

function lifeTests({ describe, withStore, expect }) {
  describe('open and close', () => {
    withStore('can be called again', async (store) => {
      await Promise.all([store.open(), store.open()]);
      await store.insert(sampleRow('t1'), { maximum: 1 });
      await store.open();
      expect(await store.count('owner')).toBe(1);
      await Promise.all([store.close(), store.close()]);
      await store.close();
    });

    withStore('say what the store survives, and its id', async (store) => {
      expect(['process', 'host', 'hosts']).toContain(store.durability);
      expect(typeof store.shared).toBe('boolean');
      expect(store.id).toMatch(/^[\x21-\x7e]{8,128}$/);
    });

    withStore('refuse an open whose signal is aborted', async (store) => {
      const reason = new Error('no longer wanted');
      const opening = store.open({ signal: AbortSignal.abort(reason) });
      await expect(opening).rejects.toBe(reason);
    });

    withStore('leave a store that refuses every call', async (store) => {
      await store.close();
      for (const call of [...CALLS, (one) => one.open()]) {
        await expect(call(store)).rejects.toMatchObject({ name: 'ClosedError', code: 'CLOSED' });
      }
    });

    withStore(
      'keep everything for the next store, unless that is not promised',
      async (store, kit) => {
        await fill(store);
        const before = still(await store.backup());
        const { id } = store;
        await store.close();
        if (store.durability === 'process') {
          expect(kit.another).toBeUndefined();
          return;
        }
        const next = kit.another();
        await expect(next.get('t1')).rejects.toMatchObject({ name: 'ClosedError' });
        await next.open();
        expect(next.id).toBe(id);
        expect(still(await next.backup())).toEqual(before);
        const wanted = { fingerprint: 'fingerprint', holder: null, except: [] };
        const newest = await next.claim('owner', wanted, { state: 'leased' });
        expect(newest).toMatchObject({ token: tokens(3)[2], fence: 1, version: 3 });
      },
    );
  });

  describe('backup and restore', () => {
    withStore('bring everything into an empty store, through JSON text', async (store) => {
      const rows = tokens(3).map((token) => ({
        ...sampleRow(token, { state: 'idle', data: { token } }),
        ...{ version: 5, fence: 3 },
      }));
      const backup = {
        format: 1,
        id: 'an-id-of-another-store',
        rows: [rows[1], rows[2], rows[0]],
        instances: [{ id: 'i1', owner: 'owner', host: { pid: 7 }, ageMs: 5_000_000 }],
        notes: [{ owner: 'owner', key: 'k', version: 7, value: { n: 2 } }],
      };
      await store.restore(JSON.parse(JSON.stringify(backup)));
      expect(store.id).toBe(backup.id);
      expect(still(await store.backup())).toEqual(still(backup));
      expect((await store.instances('owner'))[0].ageMs).toBeGreaterThanOrEqual(5_000_000);
      expect(await store.count('owner')).toBe(3);
      expect(await store.putNote('owner', 'k', 7, {})).toBe(8);
      const wanted = { fingerprint: 'fingerprint', holder: null, except: [] };
      const newest = await store.claim('owner', wanted, { state: 'leased' });
      expect(newest).toMatchObject({ token: rows[0].token, version: 6, fence: 4 });
    });

    withStore('refuse a store that has anything', async (store) => {
      const backup = await store.backup();
      for (const put of [
        () => store.putNote('owner', 'k', 0, 1),
        () => store.insert(sampleRow('t1'), { maximum: 1 }),
      ]) {
        await put();
        await expect(store.restore(backup)).rejects.toMatchObject({ name: 'ConflictError' });
      }
      expect(await store.count('owner')).toBe(1);
    });

    withStore('refuse what is no backup, and change nothing', async (store) => {
      const good = { format: 1, id: 'another-id', rows: [], instances: [], notes: [] };
      const row = { ...sampleRow('t1'), version: 1, fence: 0 };
      const { id } = store;
      for (const bad of [
        null,
        {},
        { ...good, format: 2 },
        { ...good, rows: undefined },
        { ...good, rows: [row, row] },
        { ...good, rows: [row, { ...row, token: 't2', state: 'gone' }] },
        { ...good, notes: [{ owner: 'owner', key: 'k', version: 0, value: 1 }] },
        { ...good, instances: [{ id: 'i', owner: 'owner', host: {}, ageMs: -1 }] },
      ]) {
        const refusal = { name: 'InvalidArgumentError' };
        await expect(store.restore(bad)).rejects.toMatchObject(refusal);
      }
      expect(store.id).toBe(id);
      expect(await store.owners()).toEqual([]);
    });
  });
}

module.exports = { lifeTests };
