'use strict';

// eslint: strict where a mistake would be a bug, silent about style (prettier owns that).

const js = require('@eslint/js');
const globals = require('globals');

const rules = {
  'no-unused-vars': [
    'error',
    { argsIgnorePattern: '^_', caughtErrors: 'all', ignoreRestSiblings: true },
  ],
  'no-var': 'error',
  'prefer-const': 'error',
  'object-shorthand': 'error',
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'no-shadow': 'error',
  'no-use-before-define': ['error', { functions: false, classes: false, variables: false }],
  'no-return-assign': 'error',
  'no-throw-literal': 'error',
  'prefer-promise-reject-errors': 'error',
  'no-implicit-coercion': ['error', { allow: ['!!', '+'] }],
  'no-constructor-return': 'error',
  'no-self-compare': 'error',
  'no-template-curly-in-string': 'error',
  'no-unmodified-loop-condition': 'error',
  'no-unreachable-loop': 'error',
  'array-callback-return': 'error',
  'default-case-last': 'error',
  'no-eval': 'error',
  'no-new-func': 'error',
  'no-extend-native': 'error',
  'no-console': 'error',
  'max-len': 'off',
};

module.exports = [
  {
    ignores: [
      'build/',
      'node_modules/',
      'coverage/',
      'tmp/',
      '.setup/',
      'prebuilds/',
      '**/*.d.ts',
      '**/*.d.mts',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.js', '**/*.cjs'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'commonjs', globals: { ...globals.node } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: { ...rules, strict: ['error', 'global'] },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: { ...globals.node } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules,
  },
  { files: ['test/**'], languageOptions: { globals: { ...globals.jest } } },
  {
    files: ['examples/**/*.test.js'],
    languageOptions: { globals: { ...globals.jest, e2bBackend: 'readonly' } },
  },
  // Programs whose output is their product.
  {
    files: ['tools/**', 'examples/**', 'test/bench/**', 'test/**/children/**'],
    rules: { 'no-console': 'off' },
  },
];
