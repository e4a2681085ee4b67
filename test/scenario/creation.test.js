'use strict';

// SUITE-02: creation. MGR-01, CFG-01, C-12; and what happens to a creation whose answer is lost.

const { movableClock, recorded, waitFor, withFleet } = require('./helpers/fleet');

const TOKEN = 'e2b-swarm.token';

const fleet = withFleet();

test('by default: base, an hour, a name of its own', async () => {
  const manager = fleet.manager();
  const created = await manager.createTradingSandbox();
  expect(created).toMatchObject({
    success: true,
    sandboxId: expect.stringMatching(/^[a-z0-9]+$/),
    message: expect.stringContaining('created'),
    sandbox: { template: 'base', timeout: 3600, memoryMb: null, cpuCount: null, envKeys: [] },
  });
  expect(created.sandbox.id).toBe(created.sandboxId);
  expect(created.sandbox.name).toMatch(/^trading-/);
  const [far] = fleet.backend.sandboxes();
  expect(far.sandboxId).toBe(created.sandboxId);
  expect(Date.parse(far.endAt) - Date.parse(far.startedAt)).toBe(3_600_000);
});

test('every option is visible at the far end', async () => {
  const manager = fleet.manager({ owner: 'desk-7' });
  const { sandboxId } = await manager.createTradingSandbox({
    name: 'Zürich 東京 🚀',
    template: 'node',
    timeout: 120,
    env: { GREETING: 'grüezi $(x) "quoted"' },
    metadata: { desk: 'fx' },
    allowInternetAccess: true,
  });
  const [far] = fleet.backend.sandboxes();
  expect(far).toMatchObject({
    sandboxId,
    alias: 'node',
    metadata: {
      desk: 'fx',
      'e2b-swarm.name': 'Zürich 東京 🚀',
      'e2b-swarm.owner': 'desk-7',
      'e2b-swarm.token': expect.any(String),
      'e2b-swarm.spec': expect.any(String),
    },
  });
  expect(Date.parse(far.endAt) - Date.parse(far.startedAt)).toBe(120_000);
  const [{ path, method, body }] = fleet.asked('create');
  expect([method, path]).toEqual(['POST', '/v2/sandboxes']);
  expect(JSON.parse(body)).toMatchObject({ templateID: 'node', allow_internet_access: true });
  expect(await fleet.run(manager, sandboxId, 'printf %s "$GREETING"')).toBe('grüezi $(x) "quoted"');
});

test('the values of the environment are in no record and no event', async () => {
  const manager = fleet.manager();
  const { events } = recorded(manager);
  const created = await manager.createTradingSandbox({ env: { BROKER_KEY: 's3cret-value' } });
  await manager.executeStrategy(created.sandboxId, 'true', { env: { OTHER: 's3cret-value' } });
  await manager.monitorHealth();
  const seen = JSON.stringify([created, events, manager.listSandboxes(), manager.getStats()]);
  expect(seen).not.toContain('s3cret-value');
  expect(created.sandbox.envKeys).toEqual(['BROKER_KEY']);
});

test('a created sandbox is idle in the pool', async () => {
  const { manager, ids } = await fleet.managerOf(1);
  expect([...manager.sandboxPool.keys()]).toEqual(ids);
  expect(manager.activeSandboxes.get(ids[0])).toMatchObject({ id: ids[0], state: 'idle' });
});

test('a full fleet answers CAPACITY at once and sends nothing', async () => {
  const { manager } = await fleet.managerOf(2, { maxPoolSize: 2 });
  const before = fleet.asked('create').length;
  expect(await manager.createTradingSandbox()).toMatchObject({
    success: false,
    code: 'CAPACITY',
    outcome: 'not-sent',
    error: expect.stringContaining('maxPoolSize 2'),
  });
  expect(fleet.asked('create').length).toBe(before);
});

test('parallel creations never pass the maximum', async () => {
  const manager = fleet.manager({ maxPoolSize: 3 });
  const all = await Promise.all(Array.from({ length: 8 }, () => manager.createTradingSandbox()));
  expect(all.filter(({ success }) => success)).toHaveLength(3);
  expect(all.filter(({ code }) => code === 'CAPACITY')).toHaveLength(5);
  expect(fleet.backend.sandboxes()).toHaveLength(3);
});

test('a raised maximum is used at once', async () => {
  const { manager } = await fleet.managerOf(1, { maxPoolSize: 1 });
  expect((await manager.createTradingSandbox()).code).toBe('CAPACITY');
  manager.config.maxPoolSize = 2;
  expect((await manager.createTradingSandbox()).success).toBe(true);
});

test('five creations are in flight at a time, the others wait', async () => {
  const manager = fleet.manager({ requestTimeoutMs: 10_000 });
  fleet.backend.faults.add({ op: 'create', action: { type: 'slow', delayMs: 100 } });
  let most = 0;
  const all = Array.from({ length: 10 }, () => manager.createTradingSandbox());
  const open = () => fleet.asked('create').filter(({ status }) => status === null).length;
  await waitFor(() => {
    most = Math.max(most, open());
    return fleet.asked('create').length === 10 && open() === 0;
  });
  const results = await Promise.all(all);
  expect(results.every(({ success }) => success)).toBe(true);
  expect(most).toBeLessThanOrEqual(5);
  expect(most).toBeGreaterThan(1);
});

test('a place is free again after a failed creation', async () => {
  const manager = fleet.manager({ maxPoolSize: 1 });
  fleet.backend.faults.add({ op: 'create', n: 1, action: { status: 400 } });
  expect(await manager.createTradingSandbox()).toMatchObject({ success: false, status: 400 });
  expect(await manager.createTradingSandbox()).toMatchObject({ success: true });
});

describe('a creation that may have happened is never sent again', () => {
  test.each([
    ['the answer is lost', 'reset-after'],
    ['the answer breaks off in its body', 'reset-body'],
  ])('%s: it is found by its token and adopted', async (_, action) => {
    const manager = fleet.manager();
    const { names } = recorded(manager);
    fleet.backend.faults.add({ op: 'create', n: 1, action });
    const created = await manager.createTradingSandbox({ name: 'lost', timeout: 600 });
    expect(created).toMatchObject({ success: true, sandbox: { name: 'lost', timeout: 600 } });
    expect(fleet.asked('create')).toHaveLength(1);
    const [look] = fleet.asked('list');
    const { metadata } = fleet.backend.sandboxes()[0];
    expect(decodeURIComponent(look.query.metadata)).toContain(metadata['e2b-swarm.token']);
    expect(names()).toEqual(['sandbox:created']);
    expect(await fleet.run(manager, created.sandboxId, 'echo alive')).toBe('alive\n');
  });

  test('no answer at all within the deadline: adopted', async () => {
    const manager = fleet.manager({ requestTimeoutMs: 300 });
    fleet.backend.faults.add({ op: 'create', n: 1, action: { type: 'stall', execute: true } });
    expect(await manager.createTradingSandbox()).toMatchObject({ success: true });
    expect(fleet.asked('create')).toHaveLength(1);
    expect(fleet.backend.sandboxes()).toHaveLength(1);
  });

  test.each([
    ['reset before it was executed', 'reset'],
    ['a 504', { status: 504 }],
    ['a 201 with HTML', { status: 201, body: '<html></html>', contentType: 'text/html' }],
  ])('%s: nothing is found in the settle window, so it is begun anew', async (_, action) => {
    const manager = fleet.manager({ maxPoolSize: 2 });
    const { names } = recorded(manager);
    fleet.backend.faults.add({ op: 'create', n: 1, action });
    expect(await manager.createTradingSandbox()).toMatchObject({ success: true });
    const tokens = fleet.asked('create').map(({ body }) => JSON.parse(body).metadata[TOKEN]);
    expect(new Set(tokens).size).toBe(2);
    const looks = fleet.asked('list').map(({ query }) => decodeURIComponent(query.metadata));
    expect(looks.length).toBeGreaterThanOrEqual(2);
    expect(looks.every((look) => look.includes(tokens[0]))).toBe(true);
    expect(names()).toEqual(['sandbox:created']);
    // The first may still arrive: its place stays taken.
    expect(await manager.createTradingSandbox()).toMatchObject({ code: 'CAPACITY' });
  });

  test('without a second place nothing is begun anew, and the outcome stays unknown', async () => {
    const manager = fleet.manager({ maxPoolSize: 1 });
    fleet.backend.faults.add({ op: 'create', n: 1, action: 'reset' });
    expect(await manager.createTradingSandbox()).toMatchObject({ outcome: 'unknown' });
    expect(fleet.asked('create')).toHaveLength(1);
  });

  test('while the list cannot be read nothing is sent; shutdown ends what was made', async () => {
    const time = movableClock();
    const manager = fleet.manager({ clock: time.clock });
    fleet.backend.faults.add({ op: 'create', n: 1, action: 'reset-after' });
    const broken = fleet.backend.faults.add({ op: 'list', action: { status: 400 } });
    const creating = manager.createTradingSandbox();
    await waitFor(() => fleet.asked('list').length >= 3);
    time.pass(60_000);
    expect(await creating).toMatchObject({ success: false, outcome: 'unknown' });
    expect(fleet.asked('create')).toHaveLength(1);
    expect(fleet.backend.sandboxes()).toHaveLength(1);
    broken.remove();
    expect(await manager.shutdown()).toMatchObject({ success: true });
    expect(fleet.backend.sandboxes()).toEqual([]);
  });
});

describe('a signal gives up before anything was made: CANCELLED, with its reason', () => {
  const given = { success: false, code: 'CANCELLED', outcome: 'not-sent' };
  const reason = new Error('enough');

  async function expectCancelled(manager, creating) {
    const told = new Promise((resolve) => {
      manager.once('error', ({ error }) => resolve(error));
    });
    expect(await creating()).toMatchObject(given);
    expect(await told).toMatchObject({ name: 'CancelledError', cause: reason });
  }

  test('at once', async () => {
    const manager = fleet.manager();
    const signal = AbortSignal.abort(reason);
    await expectCancelled(manager, () => manager.createTradingSandbox({}, { signal }));
    await expectCancelled(manager, () => manager.getOrCreateSandbox({}, { signal }));
    await expectCancelled(manager, () => manager.scaleUp(1, {}, { signal }));
    expect(fleet.backend.requests).toEqual([]);
  });

  test('while it waits for its turn', async () => {
    const manager = fleet.manager({ maxConcurrentCreations: 1 });
    fleet.backend.faults.add({ op: 'create', n: 1, action: { type: 'slow', delayMs: 100 } });
    const controller = new AbortController();
    const first = manager.createTradingSandbox();
    const second = manager.createTradingSandbox({}, { signal: controller.signal });
    await expectCancelled(manager, () => {
      controller.abort(reason);
      return second;
    });
    expect(await first).toMatchObject({ success: true });
    expect(fleet.asked('create')).toHaveLength(1);
  });

  test('between two attempts', async () => {
    const manager = fleet.manager({ retryDelay: 600_000, clock: { random: () => 1 } });
    fleet.backend.faults.add({ op: 'create', action: { status: 503 } });
    const controller = new AbortController();
    manager.once('retry:scheduled', () => setImmediate(() => controller.abort(reason)));
    const { signal } = controller;
    await expectCancelled(manager, () => manager.createTradingSandbox({}, { signal }));
    expect(fleet.asked('create')).toHaveLength(1);
  });
});

test('a signal gives up: what was made meanwhile is ended', async () => {
  const manager = fleet.manager();
  const controller = new AbortController();
  fleet.backend.faults.add({ op: 'create', n: 1, action: { type: 'stall', execute: true } });
  const creating = manager.createTradingSandbox({}, { signal: controller.signal });
  await waitFor(() => fleet.backend.sandboxes().length === 1);
  controller.abort();
  expect(await creating).toMatchObject({ success: false, code: 'CANCELLED' });
  expect(fleet.backend.sandboxes()).toEqual([]);
  expect(manager.stats.sandboxesCreated).toBe(0);
});

test('how a sandbox reaches the network and is woken travels with its create', async () => {
  const manager = fleet.manager();
  const spec = { autoResume: true, autoPause: true, network: { denyOut: ['0.0.0.0/0'] } };
  expect(await manager.createTradingSandbox(spec)).toMatchObject({ success: true });
  const [{ body }] = fleet.asked('create');
  expect(JSON.parse(body)).toMatchObject({ network: { denyOut: ['0.0.0.0/0'] } });
  expect(JSON.parse(body)).toHaveProperty('autoResume');
  expect(await manager.getOrCreateSandbox(spec)).toMatchObject({ reused: true });
  const open = await manager.getOrCreateSandbox({ autoResume: true, autoPause: true });
  expect(open).toMatchObject({ reused: false });
});
