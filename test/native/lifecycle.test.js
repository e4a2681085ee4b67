'use strict';

// What happens to a sandbox between its birth and its end, and what the provider knows of it.

const {
  connectE2bSandbox,
  createE2bSandbox,
  deleteE2bSnapshot,
  executeE2bProcess,
  forkE2bSandbox,
  getE2bSandboxLogs,
  getE2bSandboxMetrics,
  getE2bSandboxStatus,
  listE2bProcesses,
  listE2bSnapshots,
  pauseE2bSandbox,
  readE2bFile,
  resumeE2bSandbox,
  setE2bSandboxNetwork,
  snapshotE2bSandbox,
  writeE2bFile,
} = require('../../lib');
const { withBackend } = require('../helpers/backend');

const far = withBackend();
const create = async (template = 'base', options = {}) => {
  const given = { ...far.client, ...options };
  const { sandboxId } = await createE2bSandbox('a', template, 600, undefined, undefined, given);
  return sandboxId;
};
const asked = (method, path) =>
  far.backend.requests.filter((request) => request.method === method && path.test(request.path));

describe('pausing', () => {
  test('a paused sandbox stands still, and goes on with its files when it is resumed', async () => {
    const id = await create();
    await writeE2bFile(id, 'kept.txt', 'kept', far.client);
    expect(await pauseE2bSandbox(id, far.client)).toEqual({
      sandboxId: id,
      status: 'stopped',
      alreadyPaused: false,
    });
    expect((await getE2bSandboxStatus(id, far.client)).status).toBe('stopped');
    expect(await resumeE2bSandbox(id, far.client)).toMatchObject({ sandboxId: id, resumed: true });
    expect(await readE2bFile(id, 'kept.txt', far.client)).toBe('kept');
  });

  test('to pause twice is no error, and resuming what runs changes nothing', async () => {
    const id = await create();
    await pauseE2bSandbox(id, far.client);
    expect(await pauseE2bSandbox(id, far.client)).toMatchObject({ alreadyPaused: true });
    await connectE2bSandbox(id, far.client);
    expect(await resumeE2bSandbox(id, far.client)).toMatchObject({ resumed: false });
  });

  test('without memory its processes are gone afterwards', async () => {
    const id = await create();
    const options = { ...far.client, background: true };
    const running = await executeE2bProcess(id, 'sleep 1000', undefined, 2000, true, options);
    await pauseE2bSandbox(id, { ...far.client, memory: false });
    await expect(running.done).rejects.toMatchObject({ outcome: 'interrupted' });
    await resumeE2bSandbox(id, far.client);
    expect(await listE2bProcesses(id, far.client)).toEqual([]);
  });

  test('resumed without the memory that it has, it boots anew with its files', async () => {
    const id = await create();
    await writeE2bFile(id, 'kept.txt', 'kept', far.client);
    const options = { ...far.client, background: true };
    const running = await executeE2bProcess(id, 'sleep 1000', undefined, 2000, true, options);
    running.done.catch(() => {});
    await pauseE2bSandbox(id, far.client);
    const resumed = await resumeE2bSandbox(id, { ...far.client, memory: false });
    expect(resumed).toMatchObject({ sandboxId: id, resumed: true });
    expect(await listE2bProcesses(id, far.client)).toEqual([]);
    expect(await readE2bFile(id, 'kept.txt', far.client)).toBe('kept');
  });

  test('the request is sent once; an answer that is lost is an unknown outcome', async () => {
    const id = await create();
    far.backend.faults.add({ op: 'pause', n: 1, action: 'reset-after' });
    await expect(pauseE2bSandbox(id, far.client)).rejects.toMatchObject({
      outcome: 'unknown',
      retryable: false,
    });
    expect(asked('POST', /\/pause$/)).toHaveLength(1);
  });

  test('an unknown sandbox is NOT_FOUND', async () => {
    await expect(pauseE2bSandbox('inowhere', far.client)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      outcome: 'rejected',
      sandboxId: 'inowhere',
    });
  });
});

describe('copies', () => {
  test('forks have the files of their origin, and are sandboxes of their own', async () => {
    const id = await create();
    await writeE2bFile(id, 'a.txt', 'before', far.client);
    const { sandboxIds, errors } = await forkE2bSandbox(id, { ...far.client, count: 2 });
    expect(errors).toEqual([]);
    expect(new Set([id, ...sandboxIds]).size).toBe(3);
    await writeE2bFile(id, 'a.txt', 'after', far.client);
    for (const fork of sandboxIds) {
      expect(await readE2bFile(fork, 'a.txt', far.client)).toBe('before');
    }
    expect(asked('POST', /\/fork$/)[0].json()).toEqual({ count: 2, timeout: 3600 });
  });

  test('a snapshot is a template, until it is deleted', async () => {
    const id = await create();
    await writeE2bFile(id, 'a.txt', 'in the snapshot', far.client);
    const { snapshotId } = await snapshotE2bSandbox(id, 'my-snap', far.client);
    const names = (await listE2bSnapshots(far.client)).map((snapshot) => snapshot.snapshotId);
    expect(names).toContain(snapshotId);
    const child = await create(snapshotId);
    expect(await readE2bFile(child, 'a.txt', far.client)).toBe('in the snapshot');
    await expect(deleteE2bSnapshot(snapshotId, far.client)).rejects.toMatchObject({ status: 400 });
    await far.backend.reset();
    expect(await deleteE2bSnapshot('no-such:default', far.client)).toMatchObject({
      alreadyGone: true,
    });
  });
});

describe('what the provider knows', () => {
  test('metrics are samples in time with everything that was measured', async () => {
    const id = await create();
    const [first] = await getE2bSandboxMetrics(id, far.client);
    expect(Object.keys(first).sort()).toEqual(
      'cpuCount cpuUsedPct diskTotal diskUsed memCache memTotal memUsed timestamp'.split(' '),
    );
    const old = { start: new Date('2001-01-01'), end: new Date('2001-01-02') };
    expect(await getE2bSandboxMetrics(id, { ...far.client, ...old })).toEqual([]);
  });

  test('rules for the network that are not enforced are refused, never accepted silently', async () => {
    const id = await create();
    const rules = { denyOut: ['10.0.0.0/8'] };
    await expect(setE2bSandboxNetwork(id, rules, far.client)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      outcome: 'rejected',
    });
    expect(asked('PUT', /\/network$/)[0].json()).toEqual(rules);
    expect(await setE2bSandboxNetwork(id, { allowInternetAccess: true }, far.client)).toEqual({
      sandboxId: id,
    });
  });
});

test.each([
  ['pause', () => pauseE2bSandbox('a', { ...far.client, memory: 'no' }), /memory must be true/],
  ['fork', () => forkE2bSandbox('a', { ...far.client, count: 101 }), /count must be .* 1 to 100/],
  ['snapshot', () => snapshotE2bSandbox('a', ' ', far.client), /name must be a string/],
  ['delete', () => deleteE2bSnapshot('', far.client), /snapshotId must be a string/],
  ['metrics', () => getE2bSandboxMetrics('a', { ...far.client, start: 5 }), /start must be a Date/],
  ['logs', () => getE2bSandboxLogs('a', { ...far.client, level: 'loud' }), /level must be one of/],
  ['network', () => setE2bSandboxNetwork('a', null, far.client), /network must be an object/],
  ['network', () => setE2bSandboxNetwork('a', { deny: [] }, far.client), /did you mean/],
])('%s: bad input is refused by name before anything is sent', async (_, call, text) => {
  const before = far.backend.requests.length;
  await expect(call()).rejects.toMatchObject({
    name: 'InvalidArgumentError',
    outcome: 'not-sent',
    message: expect.stringMatching(text),
  });
  expect(far.backend.requests).toHaveLength(before);
});
