'use strict';

// Leases: acquire, use, release, renew, their deadline and their fencing token. API section 2.

const { memoryStore } = require('../../lib/store');
const { wrapped } = require('../helpers/store');
const { movableClock, recorded, waitFor, withFleet } = require('./helpers/fleet');

const fleet = withFleet();
const far = () => fleet.backend.sandboxes().map(({ sandboxId }) => sandboxId);

test('a lease runs commands, holds files, and is ended by release', async () => {
  const manager = fleet.manager();
  const lease = await manager.acquire({ timeout: 600 }, { owner: 'alice' });
  expect(lease.toJSON()).toMatchObject({ sandboxId: far()[0], owner: 'alice', over: null });
  await lease.writeFile('/tmp/a', 'text');
  expect(String(await lease.readFile('/tmp/a'))).toBe('text');
  expect(await lease.execute('cat /tmp/a')).toMatchObject({ stdout: 'text', exitCode: 0 });
  expect(manager.inspect()).toMatchObject({ leased: 1, idle: 0 });
  expect(await lease.release()).toEqual({ sandboxId: lease.sandboxId, recycled: false });
  expect(far()).toEqual([]);
});

test('release twice throws, and a stale holder is refused before anything is sent', async () => {
  const manager = fleet.manager();
  const lease = await manager.acquire();
  await lease.release();
  const asked = fleet.backend.requests.length;
  const over = expect.objectContaining({ code: 'LEASE_OVER', name: 'ConflictError' });
  await expect(lease.release()).rejects.toEqual(over);
  await expect(lease.execute('true')).rejects.toEqual(over);
  await expect(lease.writeFile('/tmp/a', 'x')).rejects.toEqual(over);
  await expect(lease.renew()).rejects.toEqual(over);
  expect(fleet.backend.requests.length).toBe(asked);
});

test('use releases at the end, whatever the end is', async () => {
  const manager = fleet.manager();
  expect(await manager.use({}, async (lease) => (await lease.execute('echo hi')).stdout)).toBe(
    'hi\n',
  );
  const failure = new Error('mine');
  const failing = manager.use({}, async () => Promise.reject(failure));
  await expect(failing).rejects.toBe(failure);
  expect(far()).toEqual([]);
});

test('recycled for the same owner, with a greater fencing token; never for another', async () => {
  const manager = fleet.manager();
  const first = await manager.acquire({}, { owner: 'alice' });
  await first.release({ recycle: true });
  const second = await manager.acquire({}, { owner: 'alice' });
  expect(second.sandboxId).toBe(first.sandboxId);
  expect(second.token).toBeGreaterThan(first.token);
  await second.release({ recycle: true });
  const other = await manager.acquire({}, { owner: 'bob' });
  expect(other.sandboxId).not.toBe(first.sandboxId);
  expect(await manager.acquire({})).not.toMatchObject({ sandboxId: first.sandboxId });
});

test('what was used without a name goes to nobody who has one', async () => {
  const manager = fleet.manager();
  const first = await manager.acquire();
  await first.release({ recycle: true });
  const named = await manager.acquire({}, { owner: 'bob' });
  expect(named.sandboxId).not.toBe(first.sandboxId);
  const { sandboxId } = await manager.createTradingSandbox({ env: { A: '1' } });
  await manager.executeStrategy(sandboxId, 'true');
  const other = await manager.acquire({ env: { A: '1' } }, { owner: 'bob' });
  expect(other.sandboxId).not.toBe(sandboxId);
  expect(await manager.acquire()).toMatchObject({ sandboxId: first.sandboxId, owner: null });
});

test('for another owner only after the reset hook has run; one that fails ends it', async () => {
  const reset = jest.fn(({ execute }) => execute('rm -f /tmp/secret'));
  const manager = fleet.manager({ pool: { reset } });
  const first = await manager.acquire({}, { owner: 'alice' });
  await first.writeFile('/tmp/secret', 'x');
  await first.release({ recycle: true });
  const second = await manager.acquire({}, { owner: 'bob' });
  expect(second.sandboxId).toBe(first.sandboxId);
  expect(await second.execute('ls /tmp/secret')).toMatchObject({ stdout: '' });
  reset.mockImplementation(async () => Promise.reject(new Error('no')));
  expect(await second.release({ recycle: true })).toMatchObject({ recycled: false });
  expect(far()).toEqual([]);
});

test('whoever waits gets what is released, first come first served', async () => {
  const manager = fleet.manager({ maxPoolSize: 1 });
  const held = await manager.acquire();
  const order = [];
  const waiters = ['a', 'b', 'c'].map(async (name) => {
    const lease = await manager.acquire();
    order.push(name);
    await lease.release({ recycle: name !== 'b' });
  });
  expect(manager.inspect().waiting).toBe(3);
  await held.release({ recycle: true });
  await Promise.all(waiters);
  expect(order).toEqual(['a', 'b', 'c']);
});

test('a higher priority goes first, and waiting long counts as priority', async () => {
  const time = movableClock();
  const manager = fleet.manager({ maxPoolSize: 1, clock: time.clock });
  const held = await manager.acquire();
  const order = [];
  const wait = (name, priority) =>
    manager.acquire({}, { priority }).then((lease) => {
      order.push(name);
      return lease.release({ recycle: true });
    });
  const old = wait('old', 0);
  time.pass(15_000);
  const waiters = [old, wait('low', 0), wait('high', 1), wait('top', 5)];
  await held.release({ recycle: true });
  await Promise.all(waiters);
  expect(order).toEqual(['top', 'old', 'high', 'low']);
});

test('nothing within timeoutMs: TIMEOUT that says why, and the waiter is gone', async () => {
  const manager = fleet.manager({ maxPoolSize: 1 });
  const held = await manager.acquire();
  await expect(manager.acquire({}, { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'TIMEOUT',
    outcome: 'not-sent',
    message: expect.stringContaining('1 of 1 places'),
  });
  expect(manager.inspect().waiting).toBe(0);
  await held.release();
});

test('a signal gives up the waiting, with its reason, and what arrives is not lost', async () => {
  const manager = fleet.manager();
  fleet.backend.faults.add({ op: 'create', n: 1, action: { type: 'slow', delayMs: 100 } });
  const controller = new AbortController();
  const waiting = manager.acquire({}, { signal: controller.signal });
  await waitFor(() => fleet.asked('create').length === 1);
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED', cause: reason });
  await waitFor(() => manager.inspect().idle === 1);
});

test('an idle sandbox of another spec makes room', async () => {
  const manager = fleet.manager({ maxPoolSize: 1 });
  const { sandboxId } = await manager.createTradingSandbox({ env: { A: '1' } });
  const lease = await manager.acquire({ env: { A: '2' } });
  expect(far()).toEqual([lease.sandboxId]);
  expect(lease.sandboxId).not.toBe(sandboxId);
});

test('a concurrency refusal waits for one of ours to end', async () => {
  const manager = fleet.manager();
  const held = await manager.acquire();
  const body = { code: 429, message: 'maximum number of concurrent E2B sandboxes (1)' };
  const full = fleet.backend.faults.add({ op: 'create', action: { status: 429, body } });
  const waiting = manager.acquire();
  await waitFor(() => full.hits > 0 && manager.inspect().maximum === 1);
  full.remove();
  await held.release({ recycle: true });
  expect((await waiting).sandboxId).toBe(held.sandboxId);
});

test('what the far end says of a bad spec is the answer at once', async () => {
  const manager = fleet.manager();
  await expect(manager.acquire({ template: 'no-such-template' })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test('a lease renews itself at half its life, with the life that was asked for', async () => {
  const time = movableClock();
  const timers = [];
  const clock = {
    ...time.clock,
    setTimeout: (callback, ms) => {
      if (ms < 100_000) return setTimeout(callback, ms);
      timers.push({ callback, ms });
      return timers.at(-1);
    },
  };
  const manager = fleet.manager({ clock });
  const lease = await manager.acquire({ timeout: 600 });
  expect(timers.at(-1).ms).toBeCloseTo(297_500, -3);
  const before = Date.parse(lease.expiresAt);
  time.pass(300_000);
  timers.at(-1).callback();
  await waitFor(() => fleet.asked('timeout').length === 1);
  expect(JSON.parse(fleet.asked('timeout')[0].body)).toEqual({ timeout: 600 });
  await waitFor(() => Date.parse(lease.expiresAt) > before + 290_000);
});

test('a lease that nobody releases ends at pool.maxLeaseMs, and its sandbox with it', async () => {
  const manager = fleet.manager({ pool: { maxLeaseMs: 60 } });
  const { of } = recorded(manager, ['lease:expired']);
  const lease = await manager.acquire({}, { owner: 'alice' });
  await waitFor(() => far().length === 0);
  expect(lease.over).toBe('expired');
  expect(of('lease:expired')).toEqual([
    { sandboxId: lease.sandboxId, owner: 'alice', token: lease.token },
  ]);
  await expect(lease.execute('true')).rejects.toMatchObject({ code: 'LEASE_OVER' });
});

test('a sandbox that dies under its lease is not replaced: the holder is told', async () => {
  const manager = fleet.manager();
  const { of } = recorded(manager, ['lease:lost']);
  const lease = await manager.acquire({}, { owner: 'alice' });
  await fleet.kill(lease.sandboxId);
  await manager.monitorHealth();
  expect(of('lease:lost')).toEqual([expect.objectContaining({ sandboxId: lease.sandboxId })]);
  await expect(lease.execute('true')).rejects.toMatchObject({ code: 'SANDBOX_GONE' });
  expect(far()).toEqual([]);
});

test('await using releases', async () => {
  const manager = fleet.manager();
  const lease = await manager.acquire();
  await lease[Symbol.asyncDispose]();
  await lease[Symbol.asyncDispose]();
  expect(far()).toEqual([]);
});

test('drain takes no more orders, waits for the leases, and ends everything', async () => {
  const manager = fleet.manager();
  const lease = await manager.acquire();
  const draining = manager.drain();
  await expect(manager.acquire()).rejects.toMatchObject({ code: 'CLOSED' });
  expect(await lease.execute('echo still')).toMatchObject({ stdout: 'still\n' });
  await lease.release();
  expect(await draining).toMatchObject({ success: true });
});

test('a drain that is given up leaves a manager that goes on', async () => {
  const manager = fleet.manager();
  const lease = await manager.acquire();
  const controller = new AbortController();
  const draining = manager.drain({ signal: controller.signal });
  controller.abort();
  await expect(draining).rejects.toMatchObject({ code: 'CANCELLED' });
  const another = await manager.acquire();
  await Promise.all([lease.release(), another.release()]);
  expect(await manager.drain()).toMatchObject({ success: true });
});

test('shutdown answers who waits', async () => {
  const manager = fleet.manager({ maxPoolSize: 1 });
  await manager.acquire();
  const waiting = manager.acquire();
  const refused = expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
  await manager.shutdown();
  await refused;
});

test('several blocks in one call, each with its own end', async () => {
  const manager = fleet.manager();
  const lease = await manager.acquire();
  const starts = () => fleet.asked('start').length;
  const before = starts();
  const { results, failed } = await lease.batch([
    'echo one',
    { language: 'python', code: 'import sys; sys.exit(3)' },
    { command: ['echo', 'three'] },
  ]);
  expect(results).toMatchObject([
    { stdout: 'one\n', exitCode: 0 },
    { exitCode: 3 },
    { stdout: 'three\n', exitCode: 0 },
  ]);
  expect(failed).toBe(1);
  expect(starts() - before).toBe(1);
});

test('a hundred that wait are not a hundred questions to the store at every turn', async () => {
  const store = memoryStore();
  let questions = 0;
  const counted = wrapped(store, (op, _args, work) => {
    if (op === 'claim' || op === 'insert') questions++;
    return work();
  });
  const manager = fleet.manager({ store: counted, maxPoolSize: 2 });
  const held = await Promise.all([manager.acquire(), manager.acquire()]);
  const waiting = Array.from({ length: 100 }, () => manager.acquire());
  const served = waiting.map((one) => one.then((lease) => lease.release({ recycle: true })));
  await waitFor(() => manager.inspect().waiting === 100);
  for (const lease of held) await lease.release({ recycle: true });
  await Promise.all(served);
  expect(questions).toBeLessThan(1000);
});

test('a call with a signal of its own ends with it, and with a shutdown', async () => {
  const manager = fleet.manager({ shutdownGraceMs: 30 });
  const lease = await manager.acquire();
  const first = new AbortController();
  const given = lease.execute('tail -f /dev/null', null, { signal: first.signal });
  await waitFor(() => fleet.asked('start').length === 1);
  first.abort();
  await expect(given).rejects.toMatchObject({ code: 'CANCELLED' });
  const second = new AbortController();
  const running = lease.execute('tail -f /dev/null', null, { signal: second.signal });
  const ended = expect(running).rejects.toBeDefined();
  await waitFor(() => fleet.asked('start').length === 2);
  await manager.shutdown();
  await ended;
});

test.each([
  ['acquire', (manager, signal) => manager.acquire({}, { signal })],
  ['use', (manager, signal) => manager.use({}, () => {}, { signal })],
  ['drain', (manager, signal) => manager.drain({ signal })],
  ['verifyCleanup', (manager, signal) => manager.verifyCleanup({ signal })],
])('%s: a controller in place of its signal is refused at once', async (_, call) => {
  const manager = fleet.manager();
  await expect(call(manager, new AbortController())).rejects.toMatchObject({
    ...{ code: 'INVALID_ARGUMENT', message: expect.stringContaining('signal') },
  });
  expect(manager.inspect().waiting).toBe(0);
});

test('warm sandboxes are there from the start, and again when one was taken', async () => {
  const manager = fleet.manager({ pool: { warm: 2, warmSpec: { timeout: 600 } } });
  await waitFor(() => manager.inspect().idle === 2);
  await manager.acquire({ timeout: 600 });
  await waitFor(() => manager.inspect().idle === 2 && manager.inspect().leased === 1);
});
