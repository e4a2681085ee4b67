// What clients call a path, and for whom.
'use strict';

const { SandboxUsers } = require('../../../lib/local/sandbox-users');

const PASSWD = 'root:x:0:0::/root:/bin/sh\nalice:x:1001:1001::/srv/alice:/bin/sh\n';

/** A pid 1 with one file, which comes in two pieces. */
const init = {
  async read(user, path) {
    expect([user, path]).toEqual(['root', '/etc/passwd']);
    async function* pieces() {
      yield Buffer.from(PASSWD.slice(0, 30));
      yield Buffer.from(PASSWD.slice(30));
    }
    return { bytes: pieces() };
  },
};

const users = new SandboxUsers(() => init, { isolated: true });

test.each([
  ['', 'user', '/home/user'],
  ['~', 'root', '/root'],
  ['~/a', 'user', '/home/user/a'],
  ['a/b', 'user', '/home/user/a/b'],
  ['./a', 'root', '/root/a'],
  ['../x', 'user', '/home/x'],
  ['/etc//passwd', 'user', '/etc/passwd'],
  ['/home/user/../../etc', 'user', '/etc'],
  ['a', 'alice', '/srv/alice/a'],
])('%j of %s is %s', async (text, user, resolved) => {
  expect(await users.resolve(text, user)).toBe(resolved);
});

test('an empty path is the default directory where there is one', async () => {
  const others = new SandboxUsers(() => init, { isolated: true });
  others.defaultDirectory = '/app';
  expect(await others.resolve('', 'user')).toBe('/app');
  expect(await others.resolve('a', 'user')).toBe('/home/user/a');
});

test('unknown users, other homes and NUL bytes are refused', async () => {
  const bob = { code: 'unauthenticated', message: "invalid username: 'bob'" };
  await expect(users.resolve('a', 'bob')).rejects.toMatchObject(bob);
  await expect(users.resolve('a', 'constructor')).rejects.toThrow('invalid username');
  await expect(users.resolve('~alice', 'user')).rejects.toThrow('another user');
  await expect(users.resolve('a\0b', 'user')).rejects.toThrow('NUL');
  await expect(users.resolve(7, 'user')).rejects.toThrow('must be a string');
});

test('without isolation there are two users', async () => {
  const two = new SandboxUsers(() => init, { isolated: false });
  await expect(two.homeOf('alice')).rejects.toThrow('invalid username');
  expect(await two.homeOf('root')).toBe('/root');
});
