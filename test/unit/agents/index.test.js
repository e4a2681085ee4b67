'use strict';

// Tests of lib/agents: the catalogue of agent types and their programs.

const fs = require('node:fs');

const { agentProgram, agentTypes, resolveAgentType } = require('../../../lib/agents');

test('momentum is the one built-in type', () => {
  expect(agentTypes()).toEqual(['momentum']);
});

test.each(['momentum', 'Momentum', 'MOMENTUM_TRADER', 'momentum-trading', 'Momentum Strategy'])(
  '%s means momentum',
  (name) => {
    expect(resolveAgentType(name)).toBe('momentum');
  },
);

test.each(['', 'momentumm', 'toString', '__proto__', undefined, null, 7, {}])(
  'the unknown type %p is refused with the list of the known ones',
  (name) => {
    expect(() => resolveAgentType(name)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('known: momentum'),
      }),
    );
  },
);

test('the message of a refusal does not repeat an endless name', () => {
  expect(() => resolveAgentType('x'.repeat(10_000))).toThrow(/^.{1,150}$/);
});

test('a program is its file as it stands, and requires only modules of Node', () => {
  const { fileName, text } = agentProgram('momentum');
  expect(fileName).toBe('momentum.js');
  expect(text).toBe(fs.readFileSync(require.resolve('../../../lib/agents/momentum.js'), 'utf8'));
  const required = [...text.matchAll(/require\('([^']+)'\)/g)].map(([, name]) => name);
  expect(required.filter((name) => !name.startsWith('node:'))).toEqual([]);
});
