// What clients call a path, where it lies, and what may be changed.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { SandboxPaths } = require('../../../lib/local/sandbox-paths');

let directory;
let paths;

beforeEach(() => {
  directory = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-paths-')));
  paths = new SandboxPaths(directory);
  for (const one of paths.directories) fs.mkdirSync(one, { recursive: true });
});

afterEach(() => fs.rmSync(directory, { recursive: true }));

test.each([
  ['', 'user', '/home/user'],
  ['~', 'root', '/root'],
  ['~/a', 'user', '/home/user/a'],
  ['a/b', 'user', '/home/user/a/b'],
  ['./a', 'root', '/root/a'],
  ['../x', 'user', '/home/x'],
  ['/etc//passwd', 'user', '/etc/passwd'],
  ['/home/user/../../etc', 'user', '/etc'],
])('%j of %s is %s', (text, user, resolved) => {
  expect(paths.resolve(text, user)).toBe(resolved);
});

test('homes lie in the state directory and back', () => {
  expect(paths.toHost('/home/user/a')).toBe(path.join(directory, 'home', 'a'));
  expect(paths.toHost('/root')).toBe(path.join(directory, 'root'));
  expect(paths.toHost('/home/username')).toBe('/home/username');
  expect(paths.toInside(path.join(directory, 'home', 'a'))).toBe('/home/user/a');
  expect(paths.toInside('/etc')).toBe('/etc');
});

test('unknown users, other homes and NUL bytes are refused', () => {
  expect(() => paths.resolve('a', 'alice')).toThrow("invalid username: 'alice'");
  expect(() => paths.resolve('a', 'constructor')).toThrow('invalid username');
  expect(() => paths.resolve('~alice', 'user')).toThrow('another user');
  expect(() => paths.resolve('a\0b', 'user')).toThrow('NUL');
});

test('changes are allowed in the homes and in the directories for temporary files', async () => {
  await expect(paths.toWritableHost('/home/user/new/deep')).resolves.toContain('/home/new/deep');
  await expect(paths.toWritableHost('/tmp/x')).resolves.toBe('/tmp/x');
});

test.each(['/', '/etc', '/etc/passwd', '/tmp', '/home/other/x', '/home/user/../../etc/x'])(
  'changing %s of the host is refused',
  async (text) => {
    const inside = paths.resolve(text, 'user');
    await expect(paths.toWritableHost(inside)).rejects.toMatchObject({ code: 'permission_denied' });
  },
);

test('a link out of the home does not make the host writable', async () => {
  fs.symlinkSync('/etc', path.join(directory, 'home', 'link'));
  const inside = paths.resolve('link/new-file', 'user');
  await expect(paths.toWritableHost(inside)).rejects.toMatchObject({ code: 'permission_denied' });
});
