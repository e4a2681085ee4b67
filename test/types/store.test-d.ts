import { expectAssignable, expectError, expectType } from 'tsd';
import {
  fileStore,
  memoryStore,
  postgresStore,
  sqliteStore,
  Store,
  StoreBackup,
  storeContract,
  StoreRow,
} from '../../store';

const store = memoryStore();
expectType<Store>(store);
expectType<Store>(fileStore('folder', { clock: { now: () => 1 } }));
expectType<Store>(sqliteStore('file'));
expectType<Store>(postgresStore('postgres://host/db', { schema: 'fleet' }));
expectType<Store>(postgresStore({ connect: async () => ({}) }));
expectError(fileStore());
expectError(sqliteStore('file', {}));
expectError(postgresStore('postgres://host/db', { table: 'fleet' }));

expectType<string | null>(store.id);
expectType<'process' | 'host' | 'hosts'>(store.durability);
expectError((store.id = 'another'));

const row = {
  token: 't',
  owner: 'o',
  instance: 'i',
  state: 'idle' as const,
  place: 1 as const,
  fingerprint: 'f',
};
expectType<Promise<StoreRow | null>>(store.insert(row, { maximum: 1 }));
expectError(store.insert({ ...row, state: 'gone' }));
expectError(store.insert({ ...row, place: 2 }));
expectType<Promise<StoreRow | null>>(store.claim('o', { fingerprint: 'f' }, { state: 'leased' }));
expectType<Promise<StoreRow | null>>(store.update('t', 1, { data: {} }, { durable: false }));
expectError(store.update('t', 1, { fence: 1 }));
expectError(store.update('t', 1, { owner: 'another' }));
expectType<Promise<boolean>>(store.remove('t', 1));
expectType<Promise<StoreRow[]>>(store.rows('o', { states: ['idle'], after: null }));
expectType<Promise<number>>(store.count('o'));
expectType<Promise<number | null>>(store.putNote('o', 'k', 0, { list: [1, null] }));
expectAssignable<Promise<StoreBackup>>(store.backup());
expectType<Promise<void>>(
  store.restore({ format: 1, id: 'i', rows: [], instances: [], notes: [] }),
);

declare const describe: Function, test: Function, expect: Function;
storeContract(async () => ({ store, again: () => store }), {
  describe,
  test,
  expect,
  name: 'mine',
});
expectError(storeContract(async () => ({}), { describe, test, expect }));
