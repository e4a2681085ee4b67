'use strict';

// SUITE-06: scaling up. MGR-05, EVT-05, POOL-04.

const { recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();

test('up to the target, told once, the present ones counted', async () => {
  const { manager } = await fleet.managerOf(1);
  const { of } = recorded(manager);
  expect(await manager.scaleUp(4)).toEqual({
    success: true,
    created: 3,
    failed: 0,
    currentCount: 4,
    message: expect.stringContaining('4'),
    errors: [],
  });
  expect(fleet.backend.sandboxes()).toHaveLength(4);
  expect(of('scale:up')).toEqual([{ targetCount: 4, created: 3 }]);
  expect(manager.sandboxPool.size).toBe(4);
});

test('in parallel: all creations are under way before the first has ended', async () => {
  const manager = fleet.manager();
  fleet.backend.faults.add({ op: 'create', action: { type: 'slow', delayMs: 150 } });
  const scaling = manager.scaleUp(5);
  await waitFor(() => fleet.asked('create').length === 5);
  expect(manager.activeSandboxes.size).toBe(0);
  expect(await scaling).toMatchObject({ created: 5 });
});

test.each([[0], [1], [2]])('a target of %i is reached by two already', async (target) => {
  const { manager } = await fleet.managerOf(2);
  const { events } = recorded(manager);
  expect(await manager.scaleUp(target)).toMatchObject({
    success: true,
    created: 0,
    currentCount: 2,
    message: expect.stringContaining('Already at or above target'),
  });
  expect(events).toEqual([]);
});

test('never above the maximum', async () => {
  const manager = fleet.manager({ maxPoolSize: 3 });
  expect(await manager.scaleUp(50)).toMatchObject({
    success: true,
    created: 3,
    currentCount: 3,
    message: expect.stringContaining('capped at maxPoolSize 3'),
  });
  expect(await manager.scaleUp(50)).toMatchObject({
    success: true,
    created: 0,
    message: expect.stringContaining('maximum'),
  });
  expect(fleet.backend.sandboxes()).toHaveLength(3);
});

test('two at the same time do not add up', async () => {
  const manager = fleet.manager();
  const results = await Promise.all([manager.scaleUp(3), manager.scaleUp(3)]);
  expect(results.map(({ created }) => created)).toEqual([3, 0]);
  expect(fleet.backend.sandboxes()).toHaveLength(3);
});

test('a partial failure is counted and does not hinder the others', async () => {
  const manager = fleet.manager();
  const { of } = recorded(manager);
  fleet.backend.faults.add({ op: 'create', n: 2, action: { status: 400 } });
  expect(await manager.scaleUp(5)).toMatchObject({
    success: true,
    created: 3,
    failed: 2,
    currentCount: 3,
    errors: [expect.any(String), expect.any(String)],
  });
  expect(of('scale:up')).toEqual([{ targetCount: 5, created: 3 }]);
  expect(of('error').map(({ type }) => type)).toEqual(['create_sandbox', 'create_sandbox']);
  expect(manager.stats).toMatchObject({ sandboxesCreated: 3, errors: 2 });
});

test('when none can be created it is a failure, and no scaling is told', async () => {
  const manager = fleet.manager();
  const { of } = recorded(manager);
  fleet.backend.faults.add({ op: 'create', action: { status: 400 } });
  expect(await manager.scaleUp(2)).toMatchObject({
    success: false,
    status: 400,
    created: 0,
    failed: 2,
    currentCount: 0,
  });
  expect(of('scale:up')).toEqual([]);
});

test('they are made from the config that is given, with numbered names', async () => {
  const manager = fleet.manager();
  await manager.scaleUp(2, { name: 'desk', template: 'node' });
  const { sandboxes } = manager.listSandboxes();
  expect(sandboxes.map(({ name }) => name).sort()).toEqual(['desk-1', 'desk-2']);
  expect(sandboxes.map(({ template }) => template)).toEqual(['node', 'node']);
});

test.each([[-1], [1.5], [NaN], ['3'], [undefined], [Infinity]])(
  '%p is no target',
  async (target) => {
    const manager = fleet.manager();
    expect(await manager.scaleUp(target)).toMatchObject({
      success: false,
      code: 'INVALID_ARGUMENT',
      error: expect.stringContaining('target'),
    });
    expect(fleet.backend.requests).toEqual([]);
  },
);
