'use strict';

// The contract of claims: which idle row is handed out, and that none is handed out twice. Part of the
// suite.

const { insertIdle, sampleRow, tokens } = require('./samples');

const LEASED = { state: 'leased', instance: 'claimer' };

function whichTests({ describe, withStore, expect }) {
  describe('claim', () => {
    withStore('changes the row, its version and its fence in one step', async (store) => {
      await insertIdle(store, ['t1'], { data: { a: 1 } });
      const row = await store.claim(
        'owner',
        { fingerprint: 'fingerprint', holder: 'h', except: [] },
        { ...LEASED, holder: 'h', data: { b: 2 } },
      );
      expect(row).toMatchObject({ token: 't1', version: 2, fence: 1, holder: 'h', data: { b: 2 } });
      expect(row).toMatchObject(LEASED);
      expect(await store.get('t1')).toEqual(row);
      await store.update('t1', 2, { state: 'idle', holder: null });
      const wanted = { fingerprint: 'fingerprint', holder: 'h2', except: [] };
      expect(await store.claim('owner', wanted, LEASED)).toMatchObject({ version: 4, fence: 2 });
    });

    withStore('takes the row that was changed last', async (store) => {
      const [a, b, c] = tokens(3);
      await insertIdle(store, [b, c, a]);
      await store.update(c, 1, { data: { touched: true } });
      const wanted = { fingerprint: 'fingerprint', holder: null, except: [] };
      const order = [];
      for (let n = 0; n < 3; n += 1) {
        order.push((await store.claim('owner', wanted, LEASED)).token);
      }
      expect(order).toEqual([c, a, b]);
      expect(await store.claim('owner', wanted, LEASED)).toBeNull();
    });

    withStore('takes idle rows of that owner and fingerprint only', async (store) => {
      await store.insert(sampleRow('creating'), { maximum: 9 });
      await store.insert(sampleRow('ended', { state: 'ended', place: 0 }));
      await insertIdle(store, ['other-owner'], { owner: 'another' });
      await insertIdle(store, ['other-fingerprint'], { fingerprint: 'another' });
      const wanted = { fingerprint: 'fingerprint', holder: null, except: [] };
      expect(await store.claim('owner', wanted, LEASED)).toBeNull();
      expect(await store.claim('another', wanted, LEASED)).toMatchObject({ token: 'other-owner' });
    });

    withStore('takes rows that nobody holds, or that the asker does', async (store) => {
      await insertIdle(store, ['free']);
      await insertIdle(store, ['ours'], { holder: 'us' });
      await insertIdle(store, ['theirs'], { holder: 'them' });
      const claim = (holder) =>
        store.claim('owner', { fingerprint: 'fingerprint', holder, except: [] }, LEASED);
      expect(await claim('us')).toMatchObject({ token: 'ours' });
      expect(await claim(null)).toMatchObject({ token: 'free' });
      expect(await claim('us')).toBeNull();
      expect(await claim(null)).toBeNull();
      expect(await claim('them')).toMatchObject({ token: 'theirs' });
    });

    withStore('passes over the tokens that are excepted', async (store) => {
      const [a, b, c] = tokens(3);
      await insertIdle(store, [a, b, c]);
      const wanted = { fingerprint: 'fingerprint', holder: null, except: [c, a] };
      expect(await store.claim('owner', wanted, LEASED)).toMatchObject({ token: b });
      expect(await store.claim('owner', wanted, LEASED)).toBeNull();
    });

    withStore('follows a row whose fingerprint or state changes', async (store) => {
      await insertIdle(store, ['t1']);
      await store.update('t1', 1, { fingerprint: 'new' });
      const wanted = { holder: null, except: [] };
      const claim = (fingerprint) => store.claim('owner', { ...wanted, fingerprint }, LEASED);
      expect(await claim('fingerprint')).toBeNull();
      await store.update('t1', 2, { state: 'ending' });
      expect(await claim('new')).toBeNull();
      await store.update('t1', 3, { state: 'idle' });
      expect(await claim('new')).toMatchObject({ token: 't1', fence: 1, version: 5 });
    });
  });
}

function raceTests({ describe, withStore, expect }) {
  describe('claims at the same time', () => {
    withStore('never get the same row', async (store, { another }) => {
      const stores = [store];
      if (store.shared) stores.push(another(), another());
      await Promise.all(stores.map((one) => one.open()));
      await insertIdle(store, tokens(30));
      const wanted = { fingerprint: 'fingerprint', holder: null, except: [] };
      const all = tokens(45).map((_, n) =>
        stores[n % stores.length].claim('owner', wanted, { ...LEASED, instance: `i${n}` }),
      );
      const got = (await Promise.all(all)).filter((row) => row !== null);
      expect(got).toHaveLength(30);
      expect(new Set(got.map(({ token }) => token)).size).toBe(30);
    });

    withStore('and inserts of several stores keep to one maximum', async (store, { another }) => {
      const stores = [store];
      if (store.shared) stores.push(another(), another());
      await Promise.all(stores.map((one) => one.open()));
      const all = tokens(30).map((token, n) =>
        stores[n % stores.length].insert(sampleRow(token), { maximum: 11 }),
      );
      const made = (await Promise.all(all)).filter((row) => row !== null);
      expect(made).toHaveLength(11);
      expect(await store.count('owner')).toBe(11);
    });
  });
}

function claimTests(suite) {
  whichTests(suite);
  raceTests(suite);
}

module.exports = { claimTests };
