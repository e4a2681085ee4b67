'use strict';

// What a user is told when the addon cannot be loaded.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

let folder;
const given = process.env.E2B_SWARM_ADDON;

beforeEach(() => {
  jest.resetModules();
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-binding-'));
});

afterEach(() => {
  if (given === undefined) delete process.env.E2B_SWARM_ADDON;
  else process.env.E2B_SWARM_ADDON = given;
  fs.rmSync(folder, { recursive: true });
});

function failureOf(file) {
  process.env.E2B_SWARM_ADDON = file;
  try {
    require('../../lib/binding').load();
  } catch (error) {
    return error;
  }
  throw new Error('it was loaded');
}

test('an addon that was not built: the message says what to run', () => {
  const error = failureOf(path.join(folder, 'none.node'));
  expect(error).toMatchObject({ name: 'E2bError', code: 'ADDON_MISSING', outcome: 'not-sent' });
  expect(error.message).toMatch(/not built .*run `npm run build`/);
  expect(error.cause.code).toBe('ERR_DLOPEN_FAILED');
});

test('a file that is no addon: the message says what to run, and why', () => {
  const file = path.join(folder, 'broken.node');
  fs.writeFileSync(file, 'no ELF file');
  const error = failureOf(file);
  expect(error.code).toBe('ADDON_MISSING');
  expect(error.message).toMatch(/cannot be loaded: run `npm run build` \(.*broken\.node/);
});

test('a failed load is tried again at the next call', () => {
  const file = path.join(folder, 'none.node');
  const { load } = require('../../lib/binding');
  process.env.E2B_SWARM_ADDON = file;
  expect(load).toThrow(/not built/);
  fs.writeFileSync(file, 'no ELF file');
  expect(load).toThrow(/cannot be loaded/);
});
