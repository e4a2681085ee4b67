'use strict';

// The contract of rows: insert under a maximum, compare-and-set, remove, paging. Part of the suite.

const { insertIdle, sampleRow, tokens } = require('./samples');

function insertTests({ describe, withStore, expect }) {
  describe('insert', () => {
    withStore(
      'answers the row at version 1 and fence 0, and get answers the same',
      async (store) => {
        const data = {
          text: 'ä\u2028\u0000\ud83d\ude00',
          list: [1, null, { deep: true }],
          number: 0.1,
        };
        const row = sampleRow('t1', { sandboxId: 'sbx', holder: 'h', data });
        const made = await store.insert(row, { maximum: 1 });
        expect(made).toEqual({ ...row, version: 1, fence: 0 });
        expect(await store.get('t1')).toEqual(made);
      },
    );

    withStore('refuses a token that is there, also when the owner is full', async (store) => {
      await store.insert(sampleRow('t1'), { maximum: 1 });
      const again = store.insert(sampleRow('t1', { owner: 'another' }), { maximum: 1 });
      await expect(again).rejects.toMatchObject({ name: 'ConflictError', code: 'CONFLICT' });
      await expect(store.insert(sampleRow('t1'), { maximum: 1 })).rejects.toMatchObject({
        name: 'ConflictError',
      });
      expect(await store.count('owner')).toBe(1);
    });

    withStore('answers null where the maximum is reached, for each owner alone', async (store) => {
      await store.insert(sampleRow('t1'), { maximum: 2 });
      await store.insert(sampleRow('t2'), { maximum: 2 });
      expect(await store.insert(sampleRow('t3'), { maximum: 2 })).toBeNull();
      expect(await store.get('t3')).toBeNull();
      const other = sampleRow('t4', { owner: 'another' });
      expect(await store.insert(other, { maximum: 2 })).not.toBeNull();
      expect(await store.count('owner')).toBe(2);
      expect(await store.count('another')).toBe(1);
      expect(await store.count('nobody')).toBe(0);
    });

    withStore('does not ask for a maximum where no place is taken', async (store) => {
      await store.insert(sampleRow('t1'), { maximum: 1 });
      expect(await store.insert(sampleRow('t2', { place: 0 }), { maximum: 1 })).not.toBeNull();
      expect(await store.insert(sampleRow('t3', { place: 0 }))).not.toBeNull();
      expect(await store.count('owner')).toBe(1);
    });

    withStore('lets as many as the maximum through, however many come at once', async (store) => {
      const all = tokens(40).map((token) => store.insert(sampleRow(token), { maximum: 7 }));
      const made = (await Promise.all(all)).filter((row) => row !== null);
      expect(made).toHaveLength(7);
      expect(await store.count('owner')).toBe(7);
    });

    withStore('hands the place of another row on, in one step', async (store) => {
      await store.insert(sampleRow('t1'), { maximum: 1 });
      expect(await store.insert(sampleRow('t2'), { maximum: 1 })).toBeNull();
      const made = await store.insert(sampleRow('t2'), {
        maximum: 1,
        replaces: { token: 't1', version: 1 },
      });
      expect(made).toEqual({ ...sampleRow('t2'), version: 1, fence: 0 });
      expect(await store.get('t2')).toEqual(made);
      expect(await store.get('t1')).toMatchObject({ place: 0, version: 2, state: 'creating' });
      expect(await store.count('owner')).toBe(1);
    });

    withStore('replaces nothing at another version, without a place, of others', async (store) => {
      await store.insert(sampleRow('t1'), { maximum: 9 });
      await store.insert(sampleRow('t2', { place: 0 }));
      await store.insert(sampleRow('t3', { owner: 'another' }), { maximum: 9 });
      const refused = [
        ...[
          { token: 't1', version: 2 },
          { token: 't2', version: 1 },
        ],
        ...[
          { token: 't3', version: 1 },
          { token: 't4', version: 1 },
        ],
      ];
      for (const replaces of refused) {
        expect(await store.insert(sampleRow('new'), { maximum: 9, replaces })).toBeNull();
      }
      expect(await store.get('new')).toBeNull();
      expect(await store.get('t1')).toMatchObject({ place: 1, version: 1 });
      expect(await store.get('t3')).toMatchObject({ place: 1, version: 1 });
      const replaces = { token: 't1', version: 1 };
      const again = store.insert(sampleRow('t2'), { maximum: 9, replaces });
      await expect(again).rejects.toMatchObject({ name: 'ConflictError' });
      const placeless = store.insert(sampleRow('t5', { place: 0 }), { replaces });
      await expect(placeless).rejects.toMatchObject({ name: 'InvalidArgumentError' });
    });

    withStore('keeps to a maximum that has sunk, also for a replacement', async (store) => {
      for (const token of tokens(3)) await store.insert(sampleRow(token), { maximum: 3 });
      const replaces = { token: tokens(3)[0], version: 1 };
      expect(await store.insert(sampleRow('new'), { maximum: 2, replaces })).toBeNull();
      expect(await store.count('owner')).toBe(3);
      expect(await store.insert(sampleRow('new'), { maximum: 3, replaces })).not.toBeNull();
    });

    withStore('hands one place on once, however many want it', async (store) => {
      await store.insert(sampleRow('old'), { maximum: 1 });
      const replaces = { token: 'old', version: 1 };
      const all = tokens(20).flatMap((token) => [
        store.insert(sampleRow(token), { maximum: 1, replaces }),
        store.insert(sampleRow(`${token}-own`), { maximum: 1 }),
      ]);
      const made = (await Promise.all(all)).filter((row) => row !== null);
      expect(made).toHaveLength(1);
      expect(made[0].token).not.toContain('own');
      expect(await store.count('owner')).toBe(1);
    });

    withStore('refuses what is no row, and says which field', async (store) => {
      const bad = [
        ['token', { token: 'a b' }],
        ['token', { token: '' }],
        ['owner', { owner: '' }],
        ['owner', { owner: 'a\0b' }],
        ['instance', { instance: undefined }],
        ['state', { state: 'gone' }],
        ['place', { place: 2 }],
        ['sandboxId', { sandboxId: 7 }],
        ['fingerprint', { fingerprint: 'f'.repeat(257) }],
        ['data', { data: [] }],
        ['data', { data: { large: 'x'.repeat(16 * 1024) } }],
        ['version', { version: 2 }],
        ['unknown', { unknown: 1 }],
      ];
      for (const [field, fields] of bad) {
        const made = store.insert(sampleRow('t1', fields), { maximum: 1 });
        await expect(made).rejects.toMatchObject({
          name: 'InvalidArgumentError',
          message: expect.stringContaining(field),
        });
      }
      await expect(store.insert(sampleRow('t1'))).rejects.toThrow('maximum');
      expect(await store.get('t1')).toBeNull();
    });
  });
}

function updateTests({ describe, withStore, expect }) {
  describe('update', () => {
    withStore('changes the fields named and adds one to the version', async (store) => {
      const first = await store.insert(sampleRow('t1', { data: { a: 1, b: 2 } }), { maximum: 1 });
      const changes = { state: 'leased', sandboxId: 'sbx', holder: 'h', data: { c: 3 } };
      const second = await store.update('t1', 1, changes);
      expect(second).toEqual({ ...first, ...changes, version: 2 });
      expect(await store.get('t1')).toEqual(second);
      const third = await store.update('t1', 2, { holder: null }, { durable: false });
      expect(third).toEqual({ ...second, holder: null, version: 3 });
      expect(await store.get('t1')).toEqual(third);
    });

    withStore('answers null for another version and for no such row', async (store) => {
      await store.insert(sampleRow('t1'), { maximum: 1 });
      expect(await store.update('t1', 2, { state: 'idle' })).toBeNull();
      expect(await store.update('t2', 1, { state: 'idle' })).toBeNull();
      expect((await store.get('t1')).state).toBe('creating');
    });

    withStore('lets one of many win that saw the same version', async (store) => {
      await store.insert(sampleRow('t1'), { maximum: 1 });
      const all = tokens(20).map((holder) => store.update('t1', 1, { holder }));
      const won = (await Promise.all(all)).filter((row) => row !== null);
      expect(won).toHaveLength(1);
      expect(await store.get('t1')).toEqual(won[0]);
    });

    withStore('gives a place back, but takes none', async (store) => {
      await store.insert(sampleRow('t1'), { maximum: 1 });
      expect(await store.update('t1', 1, { state: 'ending', place: 1 })).not.toBeNull();
      expect(await store.update('t1', 2, { state: 'ended', place: 0 })).not.toBeNull();
      expect(await store.count('owner')).toBe(0);
      await expect(store.update('t1', 3, { place: 1 })).rejects.toThrow(TypeError);
      expect(await store.update('t1', 2, { place: 1 })).toBeNull();
      expect(await store.get('t1')).toMatchObject({ place: 0, version: 3, state: 'ended' });
    });

    withStore('refuses fields that are the store’s own', async (store) => {
      await store.insert(sampleRow('t1'), { maximum: 1 });
      for (const field of ['token', 'owner', 'version', 'fence', 'unknown']) {
        const changed = store.update('t1', 1, { [field]: 'x' });
        await expect(changed).rejects.toMatchObject({ name: 'InvalidArgumentError' });
      }
      expect((await store.get('t1')).version).toBe(1);
    });
  });
}

function removeAndListTests({ describe, withStore, expect }) {
  describe('remove', () => {
    withStore('removes that version only, and gives its place back', async (store) => {
      await store.insert(sampleRow('t1'), { maximum: 1 });
      expect(await store.remove('t1', 2)).toBe(false);
      expect(await store.remove('t1', 1)).toBe(true);
      expect(await store.remove('t1', 1)).toBe(false);
      expect(await store.get('t1')).toBeNull();
      expect(await store.count('owner')).toBe(0);
      expect(await store.insert(sampleRow('t1'), { maximum: 1 })).not.toBeNull();
    });
  });

  describe('rows', () => {
    withStore('come in the order of their tokens, page by page', async (store) => {
      const all = tokens(25);
      await insertIdle(store, [...all].reverse());
      await insertIdle(store, ['token-0007b'], { owner: 'another' });
      const seen = [];
      for (let after = null; ; after = seen.at(-1)) {
        const page = await store.rows('owner', { after, limit: 10 });
        expect(page.length).toBeLessThanOrEqual(10);
        if (page.length === 0) break;
        seen.push(...page.map(({ token }) => token));
      }
      expect(seen).toEqual(all);
      expect(await store.rows('nobody')).toEqual([]);
      // One that is gone is still a place to go on from.
      await store.remove(all[9], 1);
      const [next] = await store.rows('owner', { after: all[9], limit: 1 });
      expect(next.token).toBe(all[10]);
    });

    withStore('sort by the bytes of their tokens, not by a language', async (store) => {
      await insertIdle(store, ['b', 'B', 'a', '_', '1', '~', 'A']);
      const found = await store.rows('owner');
      expect(found.map(({ token }) => token)).toEqual(['1', 'A', 'B', '_', 'a', 'b', '~']);
    });

    withStore('can be asked for by state', async (store) => {
      await insertIdle(store, tokens(3));
      await store.insert(sampleRow('ended', { state: 'ended', place: 0 }));
      await store.insert(sampleRow('ending', { state: 'ending' }), { maximum: 9 });
      const found = await store.rows('owner', { states: ['ended', 'ending'] });
      expect(found.map(({ token }) => token)).toEqual(['ended', 'ending']);
      expect(await store.rows('owner', { states: [] })).toEqual([]);
    });
  });

  describe('what is handed out', () => {
    withStore('is a copy: changing it, or what was handed in, changes nothing', async (store) => {
      const data = { list: [1] };
      const made = await store.insert(sampleRow('t1', { data }), { maximum: 1 });
      data.list.push(2);
      made.data.list.push(3);
      made.state = 'ended';
      (await store.get('t1')).data.list.push(4);
      (await store.rows('owner'))[0].data.list.push(5);
      const stored = await store.get('t1');
      expect(stored.data).toEqual({ list: [1] });
      expect(stored.state).toBe('creating');
    });
  });
}

function rowTests(suite) {
  insertTests(suite);
  updateTests(suite);
  removeAndListTests(suite);
}

module.exports = { rowTests };
