// What the control plane tells of a sandbox's past: its daemon's events in both forms, its
// measurements and how they are thinned, the one team.
'use strict';

const { thin } = require('../../lib/local/control/metric-routes');
const { SandboxLogs } = require('../../lib/local/sandbox-logs');
const { Client } = require('../unit/local/client');
const { waitFor, withBackend } = require('../helpers/backend');

const far = withBackend();
let client;
let sandbox;

beforeEach(async () => {
  client = new Client(far.backend);
  sandbox = await client.create();
});

const get = async (path) => (await client.control('GET', path)).json;
const logs = async (query = '') => (await get(`/v2/sandboxes/${sandbox.id}/logs?${query}`)).logs;
const messages = (entries) => entries.map(({ message }) => message);

test('processes and file operations are logged, and not what a command prints', async () => {
  await client.run(sandbox, 'echo printed; exit 3');
  await client.unary(sandbox, '/filesystem.Filesystem/MakeDir', { path: '/home/user/d' });
  await client.envd(sandbox, 'POST', '/files?path=f.txt', {
    ...{ body: 'x', headers: { 'content-type': 'application/octet-stream' } },
  });
  await waitFor(async () => (await logs()).length === 4);
  const entries = await logs('direction=forward');
  expect(entries).toMatchObject([
    { level: 'info', message: 'Process started', fields: { cmd: '/bin/sh', user: 'user' } },
    { message: 'Process ended', fields: { exitCode: '3', status: 'exit status 3' } },
    { message: 'Directory made', fields: { path: '/home/user/d' } },
    { message: 'Files written', fields: { path: '/home/user/f.txt' } },
  ]);
  expect(entries[0].timestamp).toMatch(/^\d{4}-.*Z$/);
  expect(messages(await logs())).toEqual(messages(entries).reverse());
  expect(messages(await logs('limit=1'))).toEqual(['Files written']);
  expect(messages(await logs('search=f.txt'))).toEqual(['Files written']);
  expect(await logs('level=warn')).toEqual([]);
  const first = Date.parse(entries[0].timestamp);
  expect(await logs(`cursor=${first - 1}`)).toEqual([]);
  expect(await logs(`direction=forward&cursor=${first}`)).toHaveLength(4);
});

test('the older form has lines that are JSON texts, the oldest first', async () => {
  await client.run(sandbox, 'true');
  const path = `/sandboxes/${sandbox.id}/logs`;
  await waitFor(async () => (await get(path)).logs.length === 2);
  const { logs: lines, logEntries } = await get(path);
  expect(messages(logEntries)).toEqual(['Process started', 'Process ended']);
  expect(JSON.parse(lines[0].line)).toMatchObject({ level: 'info', logger: 'process' });
  const after = Date.parse(lines[1].timestamp) + 1;
  expect((await get(`${path}?start=${after}`)).logs).toEqual([]);
});

test.each(['limit=1001', 'limit=x', 'direction=up', 'level=loud', `search=${'x'.repeat(257)}`])(
  'logs with %s are a 400',
  async (query) => {
    const { status } = await client.control('GET', `/v2/sandboxes/${sandbox.id}/logs?${query}`);
    expect(status).toBe(400);
  },
);

test('a log has a bound, and the newest are kept', () => {
  const log = new SandboxLogs();
  for (let i = 0; i < 2_100; i += 1) log.add('info', `m${i}`, { long: 'x'.repeat(5_000) });
  const kept = log.read({ limit: 5_000, direction: 'backward' });
  expect([kept.length, kept[0].message, kept[0].fields.long.length]).toEqual([
    2_000,
    'm2099',
    1_000,
  ]);
});

test.each([
  ['under an hour every one', 3_500, 5, 5],
  ['under six hours one in 30 s', 20_000, 5, 30],
  ['under twelve hours one a minute', 40_000, 5, 60],
  ['under a day one in two minutes', 80_000, 5, 120],
  ['under a week one in five minutes', 500_000, 60, 300],
  ['above that one in 15 minutes', 700_000, 60, 900],
])('measurements are thinned: %s', (what, covered, taken, kept) => {
  const samples = [];
  for (let at = 0; at <= covered; at += taken) samples.push({ timestampUnix: at });
  const shown = thin(samples);
  expect(shown.at(-1)).toEqual(samples.at(-1));
  const gaps = shown
    .slice(2)
    .map(({ timestampUnix }, i) => timestampUnix - shown[i + 1].timestampUnix);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(Math.max(kept, taken));
  expect(Math.max(...gaps)).toBeGreaterThan(kept - taken);
});

test('the latest measurements of several sandboxes come at once, of a paused one the last', async () => {
  const other = await client.create();
  await get(`/sandboxes/${other.id}/metrics`);
  await client.control('POST', `/sandboxes/${other.id}/pause`, {});
  const { sandboxes } = await get(`/sandboxes/metrics?sandbox_ids=${sandbox.id},${other.id},inone`);
  expect(Object.keys(sandboxes).sort()).toEqual([sandbox.id, other.id].sort());
  expect((await client.control('GET', '/sandboxes/metrics')).status).toBe(400);
  const bad = await client.control('GET', `/sandboxes/${sandbox.id}/metrics?start=2&end=1`);
  expect(bad.status).toBe(400);
});

test('there is one team, and it knows how many sandboxes run', async () => {
  const [team] = await get('/teams');
  expect(team).toMatchObject({ name: 'local', isDefault: true });
  expect(await get(`/teams/${team.teamID}/metrics`)).toMatchObject([{ concurrentSandboxes: 1 }]);
  const max = `/teams/${team.teamID}/metrics/max?metric=concurrent_sandboxes`;
  expect(await get(max)).toMatchObject({ value: 1 });
  expect((await client.control('GET', '/teams/other/metrics')).status).toBe(403);
});
