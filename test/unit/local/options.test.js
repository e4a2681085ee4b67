// The options of startLocalBackend and their refusals.
'use strict';

const { DEVELOPMENT_KEY, parseOptions } = require('../../../lib/local/options');

test('defaults suit a test: a free port, a key of the form that old SDKs check', () => {
  const options = parseOptions();
  expect(options.port).toBe(0);
  expect(options.isolation).toBe('auto');
  expect(options.apiKeys).toEqual([DEVELOPMENT_KEY]);
  expect(DEVELOPMENT_KEY).toMatch(/^e2b_[0-9a-f]{40}$/);
});

test.each([
  [{ apiKey: 'x' }, "unknown option 'apiKey'; did you mean 'apiKeys'?"],
  [{ statedir: '/x' }, "unknown option 'statedir'; did you mean 'stateDir'?"],
  [{ limits: { maxSandbox: 1 } }, "unknown limit 'maxSandbox'; did you mean 'maxSandboxes'?"],
  [{ templates: { a: { cpuCuont: 1 } } }, "did you mean 'cpuCount'?"],
])('%j is refused with the nearest key', (options, text) => {
  expect(() => parseOptions(options)).toThrow(
    expect.objectContaining({ code: 'UNKNOWN_OPTION', message: expect.stringContaining(text) }),
  );
});

test.each([
  { port: -1 },
  { port: '80' },
  { isolation: 'docker' },
  { apiKeys: [] },
  { apiKeys: [''] },
  { stateDir: 1 },
  { limits: { maxSandboxes: 0 } },
  { limits: null },
  { templates: ['UPPER'] },
  { envdVersion: 'new' },
  { log: 'stderr' },
  { envd: true },
  { envd: '/no/such/envd' },
  { envd: __filename },
  { envd: '/' },
])('%j is invalid', (options) => {
  expect(() => parseOptions(options)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
});

test('envd is the path of an executable; without one it is built in', () => {
  expect(parseOptions({ envd: process.execPath }).envd).toBe(process.execPath);
  expect([parseOptions().envd, parseOptions({ envd: false }).envd]).toEqual([null, null]);
});

test('templates may be a list of names', () => {
  expect(parseOptions({ templates: ['a', 'b-c_1'] }).templates).toEqual({ a: {}, 'b-c_1': {} });
});
