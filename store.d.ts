// Types of `e2b-swarm/store`: where a manager keeps what must survive it.

export type JsonValue =
  string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

export type RowState = 'creating' | 'idle' | 'leased' | 'ending' | 'watched' | 'ended';

/** One place of a fleet's quota: a sandbox that is wished for, alive, or not yet proven gone. */
export interface StoreRow {
  /** 1 to 128 visible ASCII characters; unique in the store. */
  token: string;
  owner: string;
  /** 1 at first, one more with each change. */
  version: number;
  /** The manager that has it. */
  instance: string;
  state: RowState;
  /** Whether it counts against the maximum. */
  place: 0 | 1;
  sandboxId: string | null;
  fingerprint: string;
  holder: string | null;
  /** 0 at first, one more with each claim. */
  fence: number;
  /** At most 16 KiB of JSON. */
  data: { [key: string]: JsonValue };
}

export type NewStoreRow = Pick<
  StoreRow,
  'token' | 'owner' | 'instance' | 'state' | 'place' | 'fingerprint'
> &
  Partial<Pick<StoreRow, 'sandboxId' | 'holder' | 'data'>> & { version?: 1; fence?: 0 };

/** `data` is replaced as a whole. */
export type StoreRowChanges = Partial<
  Pick<StoreRow, 'instance' | 'state' | 'place' | 'sandboxId' | 'fingerprint' | 'holder' | 'data'>
>;

export interface StoreInstance {
  id: string;
  owner: string;
  /** At most 16 KiB of JSON. */
  host?: { [key: string]: JsonValue };
}

export interface StoreBackup {
  format: 1;
  id: string;
  /** In the order of their last change. */
  rows: StoreRow[];
  instances: (Required<StoreInstance> & { ageMs: number })[];
  notes: { owner: string; key: string; version: number; value: JsonValue }[];
}

/**
 * Every method rejects with `ClosedError` before `open` and after `close`, with `InvalidArgumentError`
 * for a bad argument, and with an `E2bError` of `code` `STORE_FAILED` when what lies under the store
 * fails; its `outcome` is `not-sent` when nothing was changed and `unknown` when one has to look.
 */
export interface Store {
  /** Null until a store that outlives the process is open; the same after reopening. */
  readonly id: string | null;
  /** What it outlives: nothing, this process, this host. */
  readonly durability: 'process' | 'host' | 'hosts';
  /** Whether several processes may have it open at the same time. */
  readonly shared: boolean;
  /** @throws ConflictError when a live process has it, and it is for one at a time */
  open(options?: { signal?: AbortSignal }): Promise<void>;
  /** Waits for durable writes under way. */
  close(): Promise<void>;
  /**
   * Null when the places of the owner's rows have reached `maximum`, which is asked of rows with
   * `place` 1, or when `replaces` is not at that version or has no place.
   *
   * @throws ConflictError when the token is there
   */
  insert(
    row: NewStoreRow,
    options?: {
      maximum?: number;
      /** A row of the same owner whose place this one takes over in the same step. */
      replaces?: { token: string; version: number } | null;
    },
  ): Promise<StoreRow | null>;
  /** The idle row of that fingerprint, with that holder or none, that was changed last. */
  claim(
    owner: string,
    wanted: { fingerprint: string; holder?: string | null; except?: string[] },
    changes: StoreRowChanges,
  ): Promise<StoreRow | null>;
  /**
   * Null when there is no such row, or when it has another version. With `durable: false` it need not
   * be on disk when the promise resolves.
   *
   * @throws TypeError for a change of `place` from 0 to 1
   */
  update(
    token: string,
    version: number,
    changes: StoreRowChanges,
    options?: { durable?: boolean },
  ): Promise<StoreRow | null>;
  remove(token: string, version: number): Promise<boolean>;
  get(token: string): Promise<StoreRow | null>;
  /** In the order of their tokens; `limit` is 1,000 unless told, 10,000 at most. */
  rows(
    owner: string,
    page?: { after?: string | null; limit?: number; states?: RowState[] },
  ): Promise<StoreRow[]>;
  /** The places that are taken. */
  count(owner: string): Promise<number>;
  /** Of rows, instances and notes; sorted. */
  owners(): Promise<string[]>;
  /** Makes or renews an instance, at the store's own time. */
  beat(instance: StoreInstance): Promise<void>;
  /** `ageMs`: since the last beat, by the store's clock. */
  instances(owner: string): Promise<(Required<StoreInstance> & { ageMs: number })[]>;
  forget(instanceId: string): Promise<boolean>;
  note(owner: string, key: string): Promise<{ value: JsonValue; version: number } | null>;
  /** The new version, or null when the note has another one than `version` (0: there is none). */
  putNote(owner: string, key: string, version: number, value: JsonValue): Promise<number | null>;
  backup(): Promise<StoreBackup>;
  /** @throws ConflictError unless the store is empty */
  restore(backup: StoreBackup): Promise<void>;
}

export interface StoreClock {
  now?(): number;
  steady?(): number;
  random?(): number;
  token?(): string;
}

/** In memory; outlives nothing. */
export function memoryStore(options?: { clock?: StoreClock }): Store;

/**
 * In a folder of its own (made with mode 0700), for one process at a time: a journal that is synced,
 * with snapshots. Needs no package. On a local disk: not for folders that hosts share.
 */
export function fileStore(folder: string, options?: { clock?: StoreClock }): Store;

/**
 * In one SQLite file, for all processes of this host: node:sqlite where Node has it (22.13 and later),
 * else the package better-sqlite3. On a local disk.
 */
export function sqliteStore(file: string): Store;

/** As much of a pool of the package pg as is used. */
export interface PostgresPool {
  connect(): Promise<any>;
}

/**
 * In a PostgreSQL database, for managers on several hosts; needs the package pg (8.11 or later). A pool
 * stays its maker's to end. `schema` (default `e2b_swarm`) is made when it is not there. An answer that
 * was lost is found out; where it cannot be, the error's `outcome` is `unknown`.
 */
export function postgresStore(
  urlOrPool: string | PostgresPool,
  options?: { schema?: string },
): Store;

export interface StoreContractKit {
  /** New, empty and not yet open. */
  store: Store;
  /** One more store over the same data; has to be there unless `durability` is `process`. */
  again?(): Store;
  /** Removes everything; all stores are closed by then. */
  end?(): Promise<void>;
}

/** Registers the tests that every store has to pass; the runner is that of jest, vitest or the like. */
export function storeContract(
  factory: () => Promise<StoreContractKit>,
  runner: { describe: Function; test: Function; expect: Function; name?: string },
): void;
