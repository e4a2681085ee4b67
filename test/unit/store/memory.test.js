'use strict';

const { createClock } = require('../../../lib/clock');
const { memoryStore, storeContract } = require('../../../lib/store');
const { sampleRow } = require('../../../lib/store/compliance/samples');

storeContract(async () => ({ store: memoryStore() }), {
  ...{ describe, test, expect },
  name: 'memoryStore',
});

describe('memoryStore', () => {
  test('two of them have nothing in common, not even their id', async () => {
    const [one, other] = [memoryStore(), memoryStore()];
    expect(one.id).not.toBe(other.id);
    await Promise.all([one.open(), other.open()]);
    await one.insert(sampleRow('t1'), { maximum: 1 });
    expect(await other.count('owner')).toBe(0);
  });

  test('the age of a beat follows the clock that it was given', async () => {
    let nowMs = 1_000;
    const store = memoryStore({ clock: createClock({ steady: () => nowMs }) });
    await store.open();
    await store.beat({ id: 'i1', owner: 'owner', host: {} });
    nowMs += 15_000;
    expect(await store.instances('owner')).toMatchObject([{ id: 'i1', ageMs: 15_000 }]);
  });

  test('an unknown option is refused, with the known ones', () => {
    expect(() => memoryStore({ clok: {} })).toThrow(/did you mean 'clock'/);
  });
});
