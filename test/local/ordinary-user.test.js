// The backend of a user without any privilege: what the rungs below `root` give, as really reported.
'use strict';

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');

const PROGRAM = path.join(__dirname, 'children/ordinary-user.js');
const ORDINARY = 1000;

/** Runs the program as an ordinary user, also when this process is root. */
async function see(isolation) {
  const identity = process.getuid() === 0 ? { uid: ORDINARY, gid: ORDINARY } : {};
  const options = { ...identity, cwd: '/', env: { PATH: process.env.PATH } };
  const run = promisify(execFile)(process.execPath, [PROGRAM, isolation], options);
  const { stdout, stderr } = await run;
  return { ...JSON.parse(stdout), stderr };
}

test('a user namespace: files and processes of its own, one identity with two names', async () => {
  const seen = await see('namespaces');
  expect(seen.uid).not.toBe(0);
  expect(seen.isolation).toMatchObject({ rung: 'user', asked: 'namespaces' });
  expect(seen.isolation.has).toMatchObject({ files: true, network: true, users: false });
  expect(seen).toMatchObject({
    user: 'user\n1000\n/home/user',
    root: 'root\n0',
    sudo: '0\nuser',
    written: 'x\ny',
    login: '2',
    metrics: 200,
    left: { sandboxes: 0, processes: 0 },
  });
  expect(Number(seen.processes)).toBeLessThan(8);
  expect(seen.ownership.split('\n')[0]).toBe('user');
  expect(seen.entry).toMatchObject({ owner: 'user', group: 'user', path: '/home/user/mine' });
  expect(seen.upload[0].path).toBe('/root/up');
  expect(seen.isolation.doesNotStop.join('\n')).toContain('names for one identity');
});

test('auto takes it, and says nothing', async () => {
  const { isolation, stderr } = await see('auto');
  expect(isolation).toMatchObject({ rung: 'user', asked: 'auto' });
  expect(isolation.refusals).toEqual(['root: this process is not root']);
  expect(stderr).toBe('');
});

test('without walls there are homes, and the truth', async () => {
  const seen = await see('none');
  expect(seen.isolation).toMatchObject({ rung: 'none', has: { files: false } });
  expect(seen.user).toMatch(/\/home\/user$/);
  expect(seen).toMatchObject({ written: 'x\ny', login: '2', metrics: 200 });
  expect(seen.entry).toMatchObject({ owner: 'user', path: '/home/user/mine' });
  expect(seen.left).toEqual({ sandboxes: 0, processes: 0 });
  expect(seen.isolation.doesNotStop.join('\n')).toMatch(/files:[^]*processes:[^]*users:/);
});
