'use strict';

// lib/fleet/create-spec.js: which sandboxes are interchangeable.

const { createSpec } = require('../../../lib/fleet/create-spec');

const spec = (given) => createSpec(given, () => 'made-up');
const print = (given) => spec(given).fingerprint;

test('without a config the defaults are used and a name is made', () => {
  expect(spec()).toMatchObject({
    name: 'made-up',
    template: 'base',
    timeout: 3600,
    memoryMb: null,
    cpuCount: null,
    env: {},
    metadata: {},
  });
});

test('a default that is written out is the same sandbox', () => {
  expect(print({ template: 'base', timeout: 3600, env: {} })).toBe(print());
});

test('the name does not matter', () => {
  expect(print({ name: 'a' })).toBe(print({ name: 'b' }));
});

test.each([
  [{ template: 'node' }],
  [{ timeout: 3601 }],
  [{ memoryMb: 512 }],
  [{ cpuCount: 2 }],
  [{ env: { A: '1' } }],
  [{ env: { A: '2' } }],
  [{ env: { AB: '1' } }],
  [{ metadata: { A: '1' } }],
  [{ autoPause: true }],
  [{ autoResume: true }],
  [{ network: { denyOut: ['0.0.0.0/0'] } }],
  [{ allowInternetAccess: false }],
  [{ allowInternetAccess: true }],
])('%j is a sandbox of its own', (given) => {
  const others = [{}, { template: 'python' }, { env: { A: '1', B: '2' } }, { timeout: 1 }];
  for (const other of others) expect(print(given)).not.toBe(print(other));
});

test('the order of keys does not matter', () => {
  expect(print({ env: { A: '1', B: '2' } })).toBe(print({ env: { B: '2', A: '1' } }));
});

test('quotes in values cannot imitate another spec', () => {
  expect(print({ env: { A: '1","B":"2' } })).not.toBe(print({ env: { A: '1', B: '2' } }));
});

test('a later change of the given objects changes nothing', () => {
  const env = { A: '1' };
  const made = spec({ env });
  env.A = '2';
  expect(made.env).toEqual({ A: '1' });
});

test('an unknown key is refused and the nearest is named', () => {
  expect(() => spec({ memory: 512 })).toThrow("unknown option 'memory' of the sandbox");
  expect(() => spec({ memory: 512 })).toThrow("did you mean 'memoryMb'");
});

test.each([[{ env: 'A=1' }], [{ env: ['A'] }], [{ metadata: 5 }], [[]], ['x']])(
  '%j is refused',
  (given) => {
    expect(() => spec(given)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  },
);
