'use strict';

// jest: which files are tests and how they run. Sources run as they are written (no transform);
// *.test.mjs is for what must import an ESM-only package, which jest cannot require().
// Never --forceExit here: a handle left open is a finding, and the closing line would be lost.

const ROOMS = ['unit', 'native', 'lifecycle', 'local', 'scenario', 'simulation', 'compat', 'cli'];

module.exports = {
  rootDir: __dirname,
  testEnvironment: 'node',
  testMatch: ROOMS.map((room) => `<rootDir>/test/${room}/**/*.test.{js,mjs}`),
  moduleFileExtensions: ['js', 'mjs', 'cjs', 'json', 'node'],
  transform: {},
  // Their main files are CommonJS that requires an ESM package, which Jest cannot load: their ESM faces.
  moduleNameMapper: {
    '^e2b$': 'e2b/dist/index.mjs',
    '^@e2b/code-interpreter$': '@e2b/code-interpreter/dist/index.mjs',
  },
  // Copies of package.json below these folders would be a "haste collision".
  modulePathIgnorePatterns: ['<rootDir>/build/', '<rootDir>/tmp/', '<rootDir>/.setup/'],
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/build/', '<rootDir>/tmp/'],
  testTimeout: 20_000,
  maxWorkers: 2,
  reporters: ['default', '<rootDir>/tools/count-reporter.js'],
};
