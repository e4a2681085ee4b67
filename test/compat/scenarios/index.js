// The table of scenarios: what a user of E2B does and what comes of it, the same for every client.
//
//     { op,              the operation, a row of docs/compat.md
//       name,            a fact
//       run(client, t),  gives a plain value
//       expected,        that value; with `byRung` by what isolates the sandboxes: { none, user, else }
//       needs?,          what a client may lack, see `lacks` of `clients/`
//       modes?,          'url', 'domain' and 'any' (which may be either) unless said
//       differs? }       by client: { expected, why }
//
// `client` is one of `clients/`. Nothing here may know which one, nor where the far end is.
'use strict';

const SCENARIOS = [
  ...require('./lifecycle'),
  ...require('./state'),
  ...require('./commands'),
  ...require('./terminals'),
  ...require('./files'),
  ...require('./watch'),
  ...require('./network'),
  ...require('./observe'),
  ...require('./git'),
  ...require('./templates'),
  ...require('./code'),
];

/** @returns {object[]} those that a client can play in a mode */
function scenariosOf(client, mode) {
  return SCENARIOS.filter(({ needs = [], modes = ['url', 'domain', 'any'] }) => {
    return modes.includes(mode) && !needs.some((need) => client.lacks.has(need));
  });
}

/** @returns {unknown} what a scenario must give */
function expectedOf({ expected, byRung, differs = {} }, clientName, rung) {
  if (clientName in differs) return differs[clientName].expected;
  if (!byRung) return expected;
  return expected[rung] ?? expected.else;
}

module.exports = { SCENARIOS, expectedOf, scenariosOf };
