'use strict';

// The contract of instances and notes. Part of the suite.

const { sampleRow } = require('./samples');

const MAX_PLAUSIBLE_AGE_MS = 60_000;

function noteTests({ describe, withStore, expect }) {
  describe('instances', () => {
    withStore('are listed by owner, with the age of their last beat', async (store) => {
      await store.beat({ id: 'i1', owner: 'owner', host: { pid: 7 } });
      await store.beat({ id: 'i2', owner: 'owner', host: {} });
      await store.beat({ id: 'i3', owner: 'another', host: {} });
      await store.beat({ id: 'i1', owner: 'owner', host: { pid: 8 } });
      const found = await store.instances('owner');
      const byId = new Map(found.map((instance) => [instance.id, instance]));
      expect([...byId.keys()].sort()).toEqual(['i1', 'i2']);
      expect(byId.get('i1')).toMatchObject({ owner: 'owner', host: { pid: 8 } });
      for (const { ageMs } of found) {
        expect(ageMs).toBeGreaterThanOrEqual(0);
        expect(ageMs).toBeLessThan(MAX_PLAUSIBLE_AGE_MS);
      }
    });

    withStore('can be forgotten, once', async (store) => {
      await store.beat({ id: 'i1', owner: 'owner', host: {} });
      expect(await store.forget('i1')).toBe(true);
      expect(await store.forget('i1')).toBe(false);
      expect(await store.instances('owner')).toEqual([]);
    });
  });

  describe('notes', () => {
    withStore('are compared and set by version', async (store) => {
      expect(await store.note('owner', 'budget')).toBeNull();
      expect(await store.putNote('owner', 'budget', 1, {})).toBeNull();
      expect(await store.putNote('owner', 'budget', 0, { spent: 1 })).toBe(1);
      expect(await store.putNote('owner', 'budget', 0, { spent: 2 })).toBeNull();
      expect(await store.putNote('owner', 'budget', 1, [null, 'ü\u0000'])).toBe(2);
      expect(await store.note('owner', 'budget')).toEqual({ value: [null, 'ü\u0000'], version: 2 });
      expect(await store.note('another', 'budget')).toBeNull();
      expect(await store.note('owner', 'breaker')).toBeNull();
    });

    withStore('are copies', async (store) => {
      await store.putNote('owner', 'k', 0, { list: [] });
      (await store.note('owner', 'k')).value.list.push(1);
      expect((await store.note('owner', 'k')).value).toEqual({ list: [] });
    });

    withStore('are won by one of many that saw the same version', async (store) => {
      const all = Array.from({ length: 20 }, (_, n) => store.putNote('owner', 'k', 0, n));
      expect((await Promise.all(all)).filter((version) => version !== null)).toEqual([1]);
    });

    withStore('are refused when too large or not JSON', async (store) => {
      const refusal = { name: 'InvalidArgumentError' };
      const large = 'x'.repeat(64 * 1024);
      await expect(store.putNote('owner', 'k', 0, large)).rejects.toMatchObject(refusal);
      await expect(store.putNote('owner', 'k', 0, undefined)).rejects.toMatchObject(refusal);
      await expect(store.putNote('owner', 'k', 0, 1n)).rejects.toMatchObject(refusal);
    });
  });

  describe('owners', () => {
    withStore('are those of rows, instances and notes, each once', async (store) => {
      expect(await store.owners()).toEqual([]);
      await store.insert(sampleRow('t1', { owner: 'b' }), { maximum: 1 });
      await store.beat({ id: 'i1', owner: 'a', host: {} });
      await store.beat({ id: 'i2', owner: 'b', host: {} });
      await store.putNote('c', 'k', 0, 1);
      expect(await store.owners()).toEqual(['a', 'b', 'c']);
      await store.forget('i1');
      expect(await store.owners()).toEqual(['b', 'c']);
    });
  });
}

module.exports = { noteTests };
