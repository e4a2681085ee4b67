'use strict';

// lib/fleet/agents.js: what no far end can be made to do, an answer that is overtaken by an end.

const { Agents, agentRequest } = require('../../../lib/fleet/agents');

test('an agent whose sandbox was ended before its first line came in is not deployed', async () => {
  const events = [];
  const handle = { agentId: 'a', firstLine: Promise.resolve(), done: new Promise(() => {}) };
  const core = {
    aborting: new AbortController().signal,
    pool: { has: () => false },
    native: { runE2bAgent: async () => handle },
    options: (extra) => extra,
    retry: (type, id, operation) => operation(),
    emit: (name) => events.push(name),
  };
  const member = { id: 'i1', agents: new Map(), during: (work) => work(), addRun() {} };
  const deploying = new Agents(core).deploy(member, agentRequest('momentum', ['SPX'], {}));
  await expect(deploying).rejects.toMatchObject({
    name: 'NotFoundError',
    code: 'SANDBOX_GONE',
    outcome: 'interrupted',
    sandboxId: 'i1',
  });
  expect([events, member.agents.size]).toEqual([[], 0]);
});
