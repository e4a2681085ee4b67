'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { checkNode } = require('../../../tools/setup');
const { takeLock, withLock } = require('../../../tools/setup/lock');
const { nodeDir, nodeGypCli, npmCli, which } = require('../../../tools/setup/node-tools');
const { missingPackages, refuseLink } = require('../../../tools/setup/packages');
const { State } = require('../../../tools/setup/state');
const { settle } = require('../../../tools/stages');

let folder;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'setup-'));
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

test('a Node that is too old is refused with both versions', () => {
  expect(() => checkNode('18.20.0')).toThrow('Node 20.18 or later is needed, this is 18.20.0');
  expect(() => checkNode('20.17.9')).toThrow();
  expect(() => checkNode('20.18.0')).not.toThrow();
  expect(() => checkNode('24.0.0')).not.toThrow();
});

test('npm, its node-gyp and the headers are found with nothing but PATH in the environment', () => {
  const bare = { PATH: process.env.PATH };
  expect(fs.existsSync(npmCli(bare))).toBe(true);
  expect(fs.existsSync(nodeGypCli(bare))).toBe(true);
  expect(fs.existsSync(path.join(nodeDir(bare), 'include', 'node', 'node_api.h'))).toBe(true);
});

test('an npm_execpath that is another package manager is not taken for npm', () => {
  expect(npmCli({ PATH: process.env.PATH, npm_execpath: '/opt/yarn/bin/yarn.js' })).toMatch(
    /npm-cli\.js$/,
  );
});

test('packages are not installed through a link, which would empty what it leads to', () => {
  expect(() => refuseLink(folder)).not.toThrow();
  fs.mkdirSync(path.join(folder, 'theirs'));
  fs.symlinkSync('theirs', path.join(folder, 'node_modules'));
  expect(() => refuseLink(folder)).toThrow(/node_modules is a link/);
});

test('which finds executable files only, in the order of PATH', () => {
  const [one, two] = ['one', 'two'].map((name) => path.join(folder, name));
  for (const each of [one, two]) fs.mkdirSync(path.join(each, 'folder'), { recursive: true });
  fs.writeFileSync(path.join(one, 'tool'), '', { mode: 0o644 });
  fs.writeFileSync(path.join(two, 'tool'), '', { mode: 0o755 });
  const env = { PATH: `${one}:${two}` };
  expect(which('tool', env)).toBe(path.join(two, 'tool'));
  expect(which('folder', env)).toBeNull();
  expect(which('tool', {})).toBeNull();
});

describe('the state', () => {
  test('a part is remembered across instances and can be forgotten', () => {
    new State(folder).remember('addon Release', 'key');
    new State(folder).remember('toolchain', 'other');
    expect(new State(folder).get('addon Release')).toBe('key');
    new State(folder).forget('addon Release');
    expect(new State(folder).get('addon Release')).toBeNull();
    expect(new State(folder).get('toolchain')).toBe('other');
  });

  test.each(['', '{"toolchain":', 'null', '[1]', '{"toolchain": 7}'])(
    'a spoiled file %j is an empty state',
    (text) => {
      fs.writeFileSync(path.join(folder, 'state.json'), text);
      const state = new State(folder);
      expect(state.get('toolchain')).toBeNull();
      state.remember('toolchain', 'key');
      expect(state.get('toolchain')).toBe('key');
    },
  );
});

describe('the lock', () => {
  const lockFile = () => path.join(folder, 'x.lock');
  const owner = (pid, start = null) => fs.writeFileSync(lockFile(), JSON.stringify({ pid, start }));

  function deadPid() {
    return spawnSync(process.execPath, ['--version']).pid;
  }

  test('it is held during the work and gone after it, also when the work throws', () => {
    withLock('x', () => expect(fs.existsSync(lockFile())).toBe(true), { folder });
    expect(fs.existsSync(lockFile())).toBe(false);
    const fail = () => {
      throw new Error('work failed');
    };
    expect(() => withLock('x', fail, { folder })).toThrow('work failed');
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('a living owner is waited for, until the deadline', () => {
    owner(process.ppid);
    expect(() => takeLock('x', { folder, timeoutMs: 1 })).toThrow(
      new RegExp(`process ${process.ppid} still holds`),
    );
    expect(fs.existsSync(lockFile())).toBe(true);
  });

  test('the lock of a dead process is taken over', () => {
    owner(deadPid());
    expect(withLock('x', () => 'done', { folder, timeoutMs: 0 })).toBe('done');
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  test('the lock of a process whose pid was given to another is taken over', () => {
    owner(process.ppid, 'another start');
    expect(withLock('x', () => 'done', { folder, timeoutMs: 0 })).toBe('done');
  });

  test('a spoiled lock is taken over', () => {
    fs.writeFileSync(lockFile(), 'not JSON');
    expect(withLock('x', () => 'done', { folder, timeoutMs: 0 })).toBe('done');
  });

  test('several processes never hold it at once', async () => {
    const program = `
      const fs = require('node:fs');
      const { withLock } = require(${JSON.stringify(require.resolve('../../../tools/setup/lock'))});
      for (let i = 0; i < 20; i += 1) {
        withLock('x', () => {
          fs.mkdirSync('inside');
          fs.rmdirSync('inside');
          fs.appendFileSync('log', '.');
        }, { folder: ${JSON.stringify(folder)} });
      }`;
    const { execFile } = require('node:child_process');
    const { promisify } = require('node:util');
    const one = () => promisify(execFile)(process.execPath, ['-e', program], { cwd: folder });
    await Promise.all([one(), one(), one()]);
    expect(fs.readFileSync(path.join(folder, 'log'), 'utf8')).toHaveLength(60);
  });
});

describe('the npm packages', () => {
  const LOCK = {
    packages: {
      '': { name: 'x' },
      'node_modules/run': { version: '1.0.0' },
      'node_modules/tool': { version: '2.0.0', dev: true },
      'node_modules/mac-only': { version: '1.0.0', dev: true, optional: true },
    },
  };

  function install(names, packages = LOCK.packages) {
    for (const name of names) {
      fs.mkdirSync(path.join(folder, name), { recursive: true });
      fs.writeFileSync(path.join(folder, name, 'package.json'), '{}');
    }
    const installed = Object.fromEntries(names.map((name) => [name, packages[name]]));
    const hidden = path.join(folder, 'node_modules', '.package-lock.json');
    fs.writeFileSync(hidden, JSON.stringify({ packages: installed }));
  }

  beforeEach(() => {
    fs.writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify(LOCK));
  });

  test('nothing installed: all that are not optional are missing', () => {
    expect(missingPackages({ dev: true }, folder)).toEqual([
      'node_modules/run',
      'node_modules/tool',
    ]);
    expect(missingPackages({ dev: false }, folder)).toEqual(['node_modules/run']);
  });

  test('an install without development packages is ready for the demo and not for the tests', () => {
    install(['node_modules/run']);
    expect(missingPackages({ dev: false }, folder)).toEqual([]);
    expect(missingPackages({ dev: true }, folder)).toEqual(['node_modules/tool']);
  });

  test('a whole install is ready, one with a folder deleted or another version is not', () => {
    install(['node_modules/run', 'node_modules/tool']);
    expect(missingPackages({ dev: true }, folder)).toEqual([]);
    fs.rmSync(path.join(folder, 'node_modules/tool'), { recursive: true });
    expect(missingPackages({ dev: true }, folder)).toEqual(['node_modules/tool']);
    install(['node_modules/run', 'node_modules/tool'], {
      ...LOCK.packages,
      'node_modules/run': { version: '0.9.0' },
    });
    expect(missingPackages({ dev: true }, folder)).toEqual(['node_modules/run']);
  });

  test('an install that was interrupted, before npm wrote its own record, is not ready', () => {
    install(['node_modules/run', 'node_modules/tool']);
    fs.rmSync(path.join(folder, 'node_modules', '.package-lock.json'));
    expect(missingPackages({ dev: false }, folder)).toEqual(['node_modules/run']);
  });

  test('without packages to install none are missing', () => {
    fs.writeFileSync(path.join(folder, 'package-lock.json'), '{"packages":{"":{}}}');
    expect(missingPackages({ dev: true }, folder)).toEqual([]);
  });
});

describe('the outcome of a stage', () => {
  const counts = (passed, failed, skipped) => ({ passed, failed, skipped });

  test('a stage that counted nothing failed', () => {
    expect(settle(null, true)).toEqual(counts(0, 1, 0));
    expect(settle(counts(0, 0, 0), true)).toEqual(counts(0, 1, 0));
  });

  test('a bad exit without a failed test is a failure of its own', () => {
    expect(settle(counts(9, 0, 1), false)).toEqual(counts(9, 1, 1));
  });

  test('other counts stand', () => {
    expect(settle(counts(9, 2, 1), false)).toEqual(counts(9, 2, 1));
    expect(settle(counts(9, 0, 1), true)).toEqual(counts(9, 0, 1));
  });
});
