// The launcher as the backend has it: what it removes on request, and what becomes of a request when it
// is gone.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Launcher } = require('../../../../lib/local/init/launcher');

let directory;
let launcher;

beforeEach(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-launcher-'));
  launcher = await Launcher.start('none', directory, () => {});
});

afterEach(async () => {
  await launcher.close();
  fs.rmSync(directory, { recursive: true, force: true });
});

function leave(name) {
  const deep = path.join(directory, 'run', name, 'a/b');
  fs.mkdirSync(deep, { recursive: true });
  fs.writeFileSync(path.join(deep, 'c'), 'x');
  return path.join(directory, 'run', name);
}

test('what was left is gone when it says so, of a hundred at once and of one that is not there', async () => {
  const places = Array.from({ length: 100 }, (_, i) => leave(`i${i}`));
  const removals = places.map((place) => launcher.remove(path.basename(place)));
  expect(launcher.remove('i0')).toBe(removals[0]);
  await Promise.all([...removals, launcher.remove('nothing')]);
  expect(places.filter((place) => fs.existsSync(place))).toEqual([]);
});

test('what cannot be removed rejects with its place and the reason', async () => {
  const text = `${path.join(directory, 'run/No')} stays: Invalid argument`;
  await expect(launcher.remove('No')).rejects.toThrow(text);
});

test('what is asked of one that closes is gone; after that nothing can be asked', async () => {
  const place = leave('one');
  const removal = launcher.remove('one');
  await launcher.close();
  await removal;
  expect(fs.existsSync(place)).toBe(false);
  await expect(launcher.remove('one')).rejects.toThrow('the launcher has ended');
});
