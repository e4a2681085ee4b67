'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { createInterface } = require('node:readline');

const { fileStore } = require('../../../lib/store');
const { insertIdle, sampleRow, tokens } = require('../../../lib/store/compliance/samples');
const { filesOf, hookedStore, newFolder, removeFolders } = require('./helpers/folders');

const WRITER = path.join(__dirname, 'children', 'writer.js');

afterEach(removeFolders);

async function contentOf(folder) {
  const store = fileStore(folder);
  await store.open();
  const { rows, notes } = await store.backup();
  await store.close();
  return { rows, notes };
}

describe('a journal that ends anywhere', () => {
  test('opens with the writes before the cut, whole, and takes new ones, at every byte', async () => {
    const folder = newFolder();
    const store = fileStore(folder);
    await store.open();
    const file = path.join(folder, 'journal-1');
    const states = [{ bytes: fs.statSync(file).size, ...(await store.backup()) }];
    const steps = [
      () => store.insert(sampleRow('t1', { state: 'idle' }), { maximum: 9 }),
      () => store.insert(sampleRow('t2', { data: { name: 'ä😀' } }), { maximum: 9 }),
      () => store.claim('owner', { fingerprint: 'fingerprint' }, { state: 'leased' }),
      () => store.putNote('owner', 'k', 0, { n: 1 }),
      () => store.update('t2', 1, { state: 'ending' }),
      () => store.insert(sampleRow('t0'), { maximum: 2, replaces: { token: 't2', version: 2 } }),
      () => store.remove('t2', 3),
    ];
    for (const step of steps) {
      await step();
      states.push({ bytes: fs.statSync(file).size, ...(await store.backup()) });
    }
    await store.close();
    const whole = fs.readFileSync(file);
    expect(states.at(-1).bytes).toBe(whole.length);
    for (let bytes = 0; bytes <= whole.length; bytes += 1) {
      fs.writeFileSync(file, whole.subarray(0, bytes));
      const { rows, notes } = states.findLast((each) => each.bytes <= bytes) ?? states[0];
      expect(await contentOf(folder)).toEqual({ rows, notes });
    }
    for (const bytes of [whole.length - 1, whole.length - 20]) {
      fs.writeFileSync(file, whole.subarray(0, bytes));
      const again = fileStore(folder);
      await again.open();
      await again.insert(sampleRow('later'), { maximum: 9 });
      await again.close();
      const { rows } = await contentOf(folder);
      expect(rows.map(({ token }) => token).sort()).toEqual(['later', 't0', 't1', 't2']);
    }
  });

  test('in zeros or in noise, opens likewise', async () => {
    const folder = newFolder();
    const store = fileStore(folder);
    await store.open();
    await insertIdle(store, tokens(3));
    await store.close();
    const file = path.join(folder, 'journal-1');
    const whole = fs.readFileSync(file);
    const noise = Buffer.from(Array.from({ length: 5_000 }, (_, n) => (n * 7919) % 251));
    for (const tail of [Buffer.alloc(4_096), noise, whole.subarray(100, 500)]) {
      fs.writeFileSync(file, Buffer.concat([whole, tail]));
      expect((await contentOf(folder)).rows).toHaveLength(3);
      expect(fs.readFileSync(file)).toEqual(whole);
    }
  });

  test('but damaged where it was on disk already, is refused with its name and place', async () => {
    const folder = newFolder();
    const store = fileStore(folder);
    await store.open();
    const file = path.join(folder, 'journal-1');
    await insertIdle(store, ['t1']);
    const { size } = fs.statSync(file);
    await insertIdle(store, ['t2', 't3']);
    await store.close();
    const whole = fs.readFileSync(file);
    for (const at of [2, 30, size + 5, size + 100]) {
      const damaged = Buffer.from(whole);
      damaged[at] ^= 1;
      fs.writeFileSync(file, damaged);
      await expect(fileStore(folder).open()).rejects.toMatchObject({
        code: 'STORE_FAILED',
        message: expect.stringMatching(/journal-1 is damaged at byte \d+/),
      });
      expect(fs.readFileSync(file)).toEqual(damaged);
    }
    fs.writeFileSync(file, whole);
    expect((await contentOf(folder)).rows).toHaveLength(3);
  });
});

describe('a change of files that is interrupted', () => {
  /** Every state that the folder is in while a store writes, one file system call after another. */
  async function statesOf(folder, work) {
    const states = [];
    const take = () => {
      const names = filesOf(folder);
      states.push(names.map((name) => [name, fs.readFileSync(path.join(folder, name))]));
    };
    const watched = (functions) =>
      Object.fromEntries(
        functions.map((name) => [
          name,
          async (...args) => {
            take();
            const result = await fs.promises[name](...args);
            take();
            return result;
          },
        ]),
      );
    const promises = watched(['open', 'rename', 'rm']);
    const store = hookedStore(folder, { fs: { promises }, journalBytes: 1_000 });
    await store.open();
    await work(store, take);
    await store.close();
    return states;
  }

  test('leaves a folder that opens with all that was acknowledged, at every call', async () => {
    const folder = newFolder();
    const counts = [];
    const states = await statesOf(folder, async (store, take) => {
      for (const token of tokens(12)) {
        await store.insert(sampleRow(token), { maximum: 99 });
        take();
        counts.push((await store.rows('owner')).length);
      }
    });
    expect(states.length).toBeGreaterThan(30);
    let least = 0;
    for (const files of states) {
      for (const cut of [0, 1]) {
        const copy = newFolder();
        for (const [name, bytes] of files) {
          const kept = cut === 1 && name.endsWith('.tmp') ? bytes.subarray(0, 10) : bytes;
          fs.writeFileSync(path.join(copy, name), kept);
        }
        const { rows } = await contentOf(copy);
        expect(rows.length).toBeGreaterThanOrEqual(least);
        least = Math.max(least, rows.length);
        expect(filesOf(copy).some((name) => name.endsWith('.tmp'))).toBe(false);
      }
    }
    expect(least).toBe(counts.at(-1));
  });

  test('a snapshot that is damaged is refused, not taken for an empty store', async () => {
    const folder = newFolder();
    const store = hookedStore(folder, { journalBytes: 500 });
    await store.open();
    await insertIdle(store, tokens(9));
    await store.close();
    const name = filesOf(folder).find((each) => each.startsWith('snapshot-'));
    const file = path.join(folder, name);
    const whole = fs.readFileSync(file);
    for (const bad of [
      whole.subarray(0, whole.length - 1),
      whole.subarray(0, 5),
      Buffer.alloc(0),
    ]) {
      fs.writeFileSync(file, bad);
      await expect(fileStore(folder).open()).rejects.toThrow(`${name} is damaged`);
    }
    fs.rmSync(file);
    await expect(fileStore(folder).open()).rejects.toThrow('is damaged');
  });
});

describe('a process that is killed while it writes', () => {
  /** Kills a writer after so many lines. @returns what it has acknowledged by then, by token */
  async function killAfter(folder, lines, journalBytes) {
    const child = spawn(process.execPath, [WRITER, folder, `${journalBytes}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const seen = new Map();
    let count = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [word, token, version] = line.split(' ');
      seen.set(token, { word, version: Number(version) });
      count += 1;
      if (count === lines) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    return seen;
  }

  test('loses nothing that was acknowledged, time after time, and its lock is taken over', async () => {
    const folder = newFolder();
    const all = new Map();
    let id = null;
    for (let round = 0; round < 12; round += 1) {
      const seen = await killAfter(folder, 40 + round * 23, round % 2 === 0 ? 3_000 : 1_000_000);
      for (const [token, facts] of seen) {
        if (facts.word === 'open') {
          expect([null, token]).toContain(id);
          id = token;
        } else all.set(token, facts);
      }
      const store = fileStore(folder);
      await store.open();
      for (const [token, { word, version }] of all) {
        const row = await store.get(token);
        if (word === 'removed') expect(row).toBeNull();
        // One more change may have been written than was said.
        else if (word !== 'removing') expect([version, version + 1]).toContain(row?.version);
      }
      await store.close();
    }
    expect(all.size).toBeGreaterThan(100);
  });
});
