'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const { fileStore } = require('../../../lib/store');
const { sampleRow, tokens } = require('../../../lib/store/compliance/samples');
const { hookedStore, newFolder, removeFolders, systemError } = require('./helpers/folders');

const FILLER = { filler: 'x'.repeat(3_000) };

afterEach(removeFolders);

async function reopened(folder) {
  const store = fileStore(folder);
  await store.open();
  const { rows } = await store.backup();
  await store.close();
  return rows;
}

/** Inserts until the disk is full; @returns {Promise<{ made: string[], error: Error }>} */
async function fillUp(store, prefix, most = 1_000) {
  const made = [];
  for (const token of tokens(most, prefix)) {
    try {
      await store.insert(sampleRow(token, { data: FILLER }), { maximum: Infinity });
    } catch (error) {
      expect(await store.get(token)).toBeNull();
      return { made, error };
    }
    made.push(token);
  }
  throw new Error(`${most} rows have found room`);
}

describe('a disk that is full', () => {
  // Who is not root cannot mount one.
  const isRoot = process.getuid() === 0;

  function withSmallDisk(work) {
    const folder = newFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'e2b-swarm-test', folder]);
    return work(folder).finally(() => execFileSync('umount', ['-l', folder]));
  }

  (isRoot ? test : test.skip)(
    'refuses what it cannot write, keeps what it has, and goes on when there is room',
    () =>
      withSmallDisk(async (disk) => {
        const folder = path.join(disk, 'store');
        const ballast = path.join(disk, 'ballast');
        fs.writeFileSync(ballast, Buffer.alloc(128 * 1024));
        const store = hookedStore(folder, { journalBytes: 100_000 });
        await store.open();
        const { made, error } = await fillUp(store, 'first');
        expect(error).toMatchObject({
          ...{ code: 'STORE_FAILED', outcome: 'not-sent', retryable: true },
          message: expect.stringContaining('ENOSPC'),
        });
        expect(made.length).toBeGreaterThan(20);
        // What needs little room may still find it; what does not changes nothing.
        const before = await store.get(made[0]);
        await expect(store.update(made[0], 1, { data: FILLER })).rejects.toThrow('ENOSPC');
        expect(await store.get(made[0])).toEqual(before);
        expect(await store.count('owner')).toBe(made.length);
        fs.rmSync(ballast);
        expect(await store.update(made[0], 1, { data: FILLER })).toMatchObject({ version: 2 });
        await store.insert(sampleRow('later'), { maximum: Infinity });
        const rows = await store.rows('owner');
        await store.close();
        const sorted = (await reopened(folder)).sort((a, b) => (a.token < b.token ? -1 : 1));
        expect(sorted).toEqual(rows);
      }),
  );

  test('in the middle of a frame leaves nothing of it', async () => {
    const folder = newFolder();
    let room = Infinity;
    const writeSync = (fd, frame, offset, length, at) => {
      if (room === 0) throw systemError('ENOSPC');
      const written = Math.min(length, room);
      room -= written;
      return fs.writeSync(fd, frame, offset, written, at);
    };
    const store = hookedStore(folder, { fs: { writeSync } });
    await store.open();
    await store.insert(sampleRow('t1'), { maximum: 9 });
    const file = path.join(folder, 'journal-1');
    const { size } = fs.statSync(file);
    for (const bytes of [0, 1, 11, 12, 13, 100]) {
      room = bytes;
      await expect(store.insert(sampleRow('t2'), { maximum: 9 })).rejects.toThrow('ENOSPC');
      expect(fs.statSync(file).size).toBe(size);
      expect(await store.count('owner')).toBe(1);
    }
    room = Infinity;
    await store.insert(sampleRow('t3'), { maximum: 9 });
    await store.close();
    expect((await reopened(folder)).map(({ token }) => token)).toEqual(['t1', 't3']);
  });

  test('for snapshots leaves the journal growing, and is tried again', async () => {
    const folder = newFolder();
    let isFull = true;
    const open = (name, ...rest) => {
      if (isFull && name.endsWith('.tmp')) return Promise.reject(systemError('ENOSPC'));
      return fs.promises.open(name, ...rest);
    };
    const first = fileStore(folder);
    await first.open();
    await first.close();
    const store = hookedStore(folder, { fs: { promises: { open } }, journalBytes: 1_000 });
    await store.open();
    const insert = (token) => store.insert(sampleRow(token), { maximum: Infinity });
    for (const token of tokens(20, 'full')) await insert(token);
    expect(fs.readdirSync(folder)).toContain('snapshot-1');
    isFull = false;
    for (const token of tokens(20, 'room')) await insert(token);
    await store.close();
    expect(fs.readdirSync(folder)).not.toContain('snapshot-1');
    expect(await reopened(folder)).toHaveLength(40);
  });
});

describe('a disk that fails', () => {
  /** A store whose syncs, and whose new files, fail while `faults` say so. */
  async function failingStore(faults) {
    const folder = newFolder();
    const store = hookedStore(folder, {
      fs: {
        fdatasync: (fd, done) => (faults.sync ? done(systemError('EIO')) : fs.fdatasync(fd, done)),
        promises: {
          open: (...args) =>
            faults.files ? Promise.reject(systemError('EIO')) : fs.promises.open(...args),
        },
      },
    });
    await store.open();
    await store.insert(sampleRow('t0'), { maximum: 9 });
    return { folder, store };
  }

  test('at a sync: everything is written anew, and nobody has to know', async () => {
    const faults = {};
    const { folder, store } = await failingStore(faults);
    faults.sync = true;
    const inserting = ['t1', 't2'].map((token) => store.insert(sampleRow(token), { maximum: 9 }));
    await Promise.all(inserting);
    faults.sync = false;
    await store.insert(sampleRow('t3'), { maximum: 9 });
    expect(fs.readdirSync(folder)).not.toContain('journal-1');
    await store.close();
    expect(await reopened(folder)).toHaveLength(4);
  });

  test('at that too: the outcome is unknown, then nothing is written until it can be', async () => {
    const faults = {};
    const { folder, store } = await failingStore(faults);
    Object.assign(faults, { sync: true, files: true });
    await expect(store.insert(sampleRow('t1'), { maximum: 9 })).rejects.toMatchObject({
      ...{ code: 'STORE_FAILED', outcome: 'unknown', retryable: false },
      cause: { code: 'EIO' },
    });
    await expect(store.insert(sampleRow('t2'), { maximum: 9 })).rejects.toMatchObject({
      ...{ code: 'STORE_FAILED', outcome: 'not-sent' },
    });
    expect(await store.get('t1')).toMatchObject({ version: 1 });
    expect(await store.get('t2')).toBeNull();
    Object.assign(faults, { sync: false, files: false });
    await expect(store.insert(sampleRow('t1'), { maximum: 9 })).rejects.toThrow('already');
    await store.insert(sampleRow('t3'), { maximum: 9 });
    await store.close();
    expect((await reopened(folder)).map(({ token }) => token)).toEqual(['t0', 't1', 't3']);
  });

  test('during a change of journals: those who wait hear of it, and it is mended', async () => {
    const folder = newFolder();
    let failures = 0;
    const fdatasync = (fd, done) => {
      failures += 1;
      if (failures % 3 === 0) done(systemError('EIO'));
      else fs.fdatasync(fd, done);
    };
    const store = hookedStore(folder, { fs: { fdatasync }, journalBytes: 700 });
    await store.open();
    const insert = (token) => store.insert(sampleRow(token), { maximum: Infinity });
    await Promise.all(tokens(60).map(insert));
    for (const token of tokens(30, 'later')) await insert(token);
    await store.close();
    expect(failures).toBeGreaterThan(10);
    expect(await reopened(folder)).toHaveLength(90);
  });

  test('at a restore: the store is empty as before, and may be filled later', async () => {
    const faults = {};
    const { store: source } = await failingStore({});
    const backup = await source.backup();
    await source.close();
    const { folder, store } = await failingStore(faults);
    await store.remove('t0', 1);
    const { id } = store;
    faults.files = true;
    await expect(store.restore(backup)).rejects.toMatchObject({ outcome: 'unknown' });
    expect(await store.owners()).toEqual([]);
    expect(store.id).toBe(id);
    faults.files = false;
    await store.restore(backup);
    expect(store.id).toBe(backup.id);
    await store.close();
    expect(await reopened(folder)).toEqual(backup.rows);
  });
});
