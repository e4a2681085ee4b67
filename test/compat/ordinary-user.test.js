// The same scenarios where backend and client belong to a user without any privilege.
'use strict';

const { testPlayed } = require('./played');
const { specAvailable } = require('./spec');

const ORDINARY = 1000;
const identity = process.getuid() === 0 ? { uid: ORDINARY, gid: ORDINARY } : {};
const environment = { PATH: process.env.PATH };
if (process.env.E2B_SPEC_DIR) environment.E2B_SPEC_DIR = process.env.E2B_SPEC_DIR;

describe.each(['e2b', 'own'])('%s', (name) => {
  const end = testPlayed(name, 'any', () => ({
    isolation: 'auto',
    options: { ...identity, cwd: '/', env: environment },
  }));

  test('the sandboxes were isolated as far as such a user can, and nothing is left', () => {
    expect(end.last).toMatchObject({ rung: 'user', left: { sandboxes: 0, processes: 0 } });
  });

  const register = specAvailable ? test : test.skip;
  register('every exchange was as the interface files say', () => {
    expect(end.last.problems).toEqual([]);
  });
});
