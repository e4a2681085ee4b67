'use strict';

// SUITE-09 and SUITE-10: status of one, list of all. MGR-09, MGR-10, HLT-08.

const { recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

test('the status of a known one: our record, its health, what the far end says', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  await manager.executeStrategy(ids[0], 'true');
  expect(await manager.getSandboxStatus(ids[0])).toMatchObject({
    success: true,
    sandboxId: ids[0],
    sandbox: { id: ids[0], name: 's0', executionCount: 1, state: 'idle' },
    health: 'healthy',
    reasons: [],
    status: {
      sandboxId: ids[0],
      status: 'running',
      uptime: expect.any(Number),
      endsAt: expect.any(String),
    },
  });
});

test('it has all of HLT-08, with real metrics, and moves with the load', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { endAt } = fleet.backend.sandboxes()[0];
  const idle = (await manager.getSandboxStatus(ids[0])).status;
  expect(idle).toMatchObject({
    sandboxId: ids[0],
    status: 'running',
    health: 'healthy',
    uptime: expect.any(Number),
    memoryUsage: expect.any(Number),
    cpuUsage: expect.any(Number),
    executionCount: 0,
  });
  await manager.deployAgent(ids[0], 'momentum', ['SPX'], { paceMs: 5 });
  const { status } = await manager.getSandboxStatus(ids[0]);
  expect(status.memoryUsage).toBeGreaterThan(idle.memoryUsage);
  expect(status).toMatchObject({ executionCount: 1, lastActivity: expect.stringMatching(/Z$/) });
  expect(fleet.backend.sandboxes()[0].endAt).toBe(endAt);
});

test.each([['nowhere'], [''], [undefined], [{}], ['../etc'], ['__proto__']])(
  'the status of %p: not found',
  async (id) => {
    const { manager } = await fleet.managerOf(1);
    const before = fleet.backend.requests.length;
    expect(await manager.getSandboxStatus(id)).toMatchObject({
      success: false,
      code: 'NOT_FOUND',
      error: expect.stringContaining('not found'),
    });
    expect(fleet.backend.requests.length).toBe(before);
  },
);

test('the status of one that is gone at the far end: not found, and it is replaced', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  await fleet.kill(ids[0]);
  expect(await manager.getSandboxStatus(ids[0])).toMatchObject({
    success: false,
    sandboxId: ids[0],
    code: 'NOT_FOUND',
    status: 404,
    error: expect.stringContaining('not found'),
  });
  await waitFor(() => of('recovery:success').length === 1);
});

test('the list of none', () => {
  expect(fleet.manager().listSandboxes()).toEqual({ success: true, count: 0, sandboxes: [] });
});

test('the list of many, synchronous, without asking anybody', async () => {
  const { manager, ids } = await fleet.managerOf(4);
  const before = fleet.backend.requests.length;
  const { success, count, sandboxes } = manager.listSandboxes();
  expect([success, count]).toEqual([true, 4]);
  expect(sandboxes.map(({ id }) => id)).toEqual(ids);
  expect(sandboxes[0]).toMatchObject({
    name: 's0',
    template: 'base',
    status: 'running',
    created: expect.stringMatching(/Z$/),
    lastUsed: expect.stringMatching(/Z$/),
    agentCount: 0,
    executionCount: 0,
    health: 'healthy',
  });
  expect(fleet.backend.requests.length).toBe(before);
});

test('records are copies: changing them changes nothing', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  manager.listSandboxes().sandboxes[0].status = 'broken';
  manager.activeSandboxes.get(ids[0]).id = 'other';
  expect(manager.listSandboxes().sandboxes[0]).toMatchObject({ id: ids[0], status: 'running' });
  expect(manager.activeSandboxes.clear).toBeUndefined();
});

test('activeSandboxes and sandboxPool can be walked like maps', async () => {
  const { manager, ids } = await fleet.managerOf(2);
  expect([...manager.activeSandboxes.keys()]).toEqual(ids);
  expect([...manager.sandboxPool].map(([id, record]) => [id, record.name])).toEqual([
    [ids[0], 's0'],
    [ids[1], 's1'],
  ]);
  const walked = [];
  manager.activeSandboxes.forEach((record, id) => walked.push([id, record.id]));
  expect(walked).toEqual(ids.map((id) => [id, id]));
  expect([...manager.activeSandboxes.values()].map(({ id }) => id)).toEqual(ids);
});
