'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');

const { createClock } = require('../../../lib/clock');
const { fileStore } = require('../../../lib/store');
const { sampleRow } = require('../../../lib/store/compliance/samples');
const { newFolder, removeFolders } = require('./helpers/folders');

const WRITER = path.join(__dirname, 'children', 'writer.js');

afterEach(removeFolders);

function lockOf(folder) {
  return JSON.parse(fs.readFileSync(path.join(folder, 'lock'), 'utf8'));
}

/** A folder with the lock of somebody else, last refreshed so long ago. */
async function lockedFolder(changes, ageSeconds = 0) {
  const folder = newFolder();
  const store = fileStore(folder);
  await store.open();
  const lock = { ...lockOf(folder), ...changes };
  await store.close();
  const file = path.join(folder, 'lock');
  fs.writeFileSync(file, JSON.stringify(lock));
  const then = Date.now() / 1000 - ageSeconds;
  fs.utimesSync(file, then, then);
  return folder;
}

async function opens(folder) {
  const store = fileStore(folder);
  await store.open();
  await store.insert(sampleRow('t1'), { maximum: 1 });
  await store.close();
}

describe('the lock of a fileStore', () => {
  test('keeps a second store of the same process out, and names it', async () => {
    const folder = newFolder();
    const store = fileStore(folder);
    await store.open();
    await expect(fileStore(folder).open()).rejects.toMatchObject({
      name: 'ConflictError',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await store.close();
    await opens(folder);
  });

  test('keeps another live process out, and is taken over when that was killed', async () => {
    const folder = newFolder();
    const child = spawn(process.execPath, [WRITER, folder, '1000000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await expect(fileStore(folder).open()).rejects.toMatchObject({
      name: 'ConflictError',
      message: expect.stringContaining(`process ${child.pid}`),
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await opens(folder);
  });

  test('is a dead one’s when its pid was given to another process since', async () => {
    await opens(await lockedFolder({ pid: process.ppid, start: '1' }));
  });

  test('is a dead one’s when this host was started anew since, or the file is cut short', async () => {
    await opens(await lockedFolder({ boot: 'another' }));
    const folder = newFolder();
    fs.writeFileSync(path.join(folder, 'lock'), '{"pid":');
    await opens(folder);
  });

  test('of another container or host is respected while it is refreshed', async () => {
    for (const [changes, where] of [
      [{ space: 'pid:[1]' }, 'in another container'],
      [{ boot: 'another', host: 'far-away' }, 'on far-away'],
    ]) {
      await expect(fileStore(await lockedFolder(changes, 30)).open()).rejects.toMatchObject({
        name: 'ConflictError',
        message: expect.stringContaining(where),
      });
      await opens(await lockedFolder(changes, 61));
    }
  });

  test('is refreshed; a store that has lost it writes no more', async () => {
    const folder = newFolder();
    const file = path.join(folder, 'lock');
    let refresh;
    const setInterval = (callback) => {
      refresh = callback;
      return {};
    };
    const clock = createClock({ setInterval, clearInterval: () => {} });
    const store = fileStore(folder, { clock });
    await store.open();
    const until = async (condition) => {
      const deadline = performance.now() + 10_000;
      while (!(await condition())) {
        expect(performance.now()).toBeLessThan(deadline);
        await new Promise(setImmediate);
      }
    };
    fs.utimesSync(file, 1, 1);
    refresh();
    await until(() => fs.statSync(file).mtimeMs > 1_000);
    fs.writeFileSync(file, JSON.stringify({ ...lockOf(folder), token: 'another' }));
    refresh();
    let version = 0;
    const put = () => store.putNote('owner', 'k', version, 1);
    const isRefused = () =>
      put().then(
        (next) => {
          version = next;
          return false;
        },
        (error) => error.name === 'ConflictError',
      );
    await until(isRefused);
    await expect(store.close()).rejects.toMatchObject({ name: 'ConflictError' });
    // It is not ours to remove.
    expect(lockOf(folder).token).toBe('another');
  });

  test('of ten that come at once lets one in', async () => {
    const folder = await lockedFolder({ pid: process.ppid, start: '1' });
    const stores = Array.from({ length: 10 }, () => fileStore(folder));
    const results = await Promise.allSettled(stores.map((store) => store.open()));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await Promise.all(stores.map((store) => store.close()));
  });
});
