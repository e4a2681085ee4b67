// The official command line tool @e2b/cli 2.19.0, unmodified, against the local backend.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { createE2bSandbox, executeE2bProcess, terminateE2bSandbox } = require('../..');
const { withBackend, waitFor } = require('../helpers/backend');
const { cliClient } = require('./cli-client');
const { checkEveryExchange } = require('./spec');

// Each start of the tool takes a good part of a second, and much more on a machine that is busy.
jest.setTimeout(60_000);

const far = withBackend();
let cli;

beforeEach(() => {
  cli = cliClient(far.backend.env);
});
afterEach(() => cli.close());

/** @returns {Promise<string>} the id of a new sandbox, made without the tool: each start of it costs */
async function create(template = 'base') {
  const args = [undefined, undefined, far.client];
  return (await createE2bSandbox('of-cli', template, 100, ...args)).sandboxId;
}

test('sandbox create, list and info agree about a sandbox', async () => {
  const lifecycle = ['--lifecycle.ontimeout', 'pause', '--lifecycle.autoresume'];
  const settings = ['--detach', '--timeout', '100', ...lifecycle];
  const { stdout, stderr } = await cli.run('sandbox', 'create', ...settings);
  expect(stderr).toBe('');
  const id = stdout.trim();
  const [listed, info] = await Promise.all([
    cli.json('sandbox', 'list'),
    cli.json('sandbox', 'info', id),
  ]);
  expect(listed).toMatchObject([{ sandboxId: id, state: 'running', cpuCount: 2 }]);
  expect(info).toMatchObject({
    ...{ sandboxId: id, name: 'base', lifecycle: { onTimeout: 'pause', autoResume: true } },
  });
  expect(Date.parse(info.endAt) - Date.parse(info.startedAt)).toBe(100_000);
});

test('sandbox list filters by state, metadata, template and time, and sorts', async () => {
  await create();
  const filters = [
    ['--state', 'paused', '--metadata', 'a=b', '--template', 'python'],
    ['--started-after', new Date(Date.now() + 60_000).toISOString()],
    ['--limit', '3', '--order', 'asc'],
  ];
  const found = await Promise.all(filters.map((filter) => cli.json('sandbox', 'list', ...filter)));
  expect(found.map(({ length }) => length)).toEqual([0, 0, 1]);
});

test('sandbox exec passes output and exit code on, and takes user, directory and variables', async () => {
  const id = await create();
  const settings = ['--cwd', '/tmp', '--env', 'A=b', '--user', 'root'];
  const [plain, failed] = await Promise.all([
    cli.run('sandbox', 'exec', ...settings, id, 'echo $A $USER; pwd'),
    cli.run('sandbox', 'exec', id, 'echo err >&2; exit 3'),
  ]);
  expect(plain).toMatchObject({ code: 0, stdout: 'b root\n/tmp\n' });
  expect(failed).toMatchObject({ code: 3, stderr: expect.stringContaining('err\n') });
});

test('sandbox exec in the background leaves the command running', async () => {
  const id = await create();
  const { code, stderr } = await cli.run('sandbox', 'exec', '--background', id, 'sleep 1000');
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^\d+\n$/)]);
  const [{ processes }] = far.backend.sandboxes();
  expect(processes.map(({ pid }) => pid)).toEqual([Number(stderr)]);
});

test('sandbox logs and metrics tell what a sandbox did', async () => {
  const id = await create();
  await cli.run('sandbox', 'exec', id, 'echo hi');
  const [logs, metrics] = await Promise.all([
    cli.run('sandbox', 'logs', '--format', 'json', id),
    cli.run('sandbox', 'metrics', '--format', 'json', id),
  ]);
  const lines = logs.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ message }) => message)).toEqual(['Process started', 'Process ended']);
  expect(lines[1]).toMatchObject({ level: 'info', args: '-l -c echo hi', exitCode: '0' });
  expect(JSON.parse(metrics.stdout.trim().split('\n')[0])).toMatchObject({
    cpuCount: 2,
    memTotal: 1024 ** 3,
  });
});

test('sandbox pause and resume change its state', async () => {
  const id = await create();
  expect(await cli.run('sandbox', 'pause', id)).toMatchObject({ code: 0 });
  expect(far.backend.sandboxes()).toMatchObject([{ state: 'paused' }]);
  expect(await cli.run('sandbox', 'resume', id)).toMatchObject({ code: 0 });
  expect(far.backend.sandboxes()).toMatchObject([{ state: 'running' }]);
});

test('sandbox snapshot creates, lists and deletes', async () => {
  const id = await create();
  const made = await cli.run('sandbox', 'snapshot', 'create', '--name', 'mine', id);
  const [snapshot] = /\S+:default/.exec(made.stdout);
  expect((await cli.run('sandbox', 'snapshot', 'list', id)).stdout).toContain(snapshot);
  expect(await cli.run('sandbox', 'snapshot', 'delete', snapshot)).toMatchObject({ code: 0 });
  expect((await cli.run('sandbox', 'snapshot', 'list')).stdout).not.toContain(snapshot);
});

test('sandbox kill ends one, says of one that is gone that it is, and ends all', async () => {
  const [id] = await Promise.all([create(), create()]);
  expect((await cli.run('sandbox', 'kill', id)).stdout).toContain('has been killed');
  expect((await cli.run('sandbox', 'kill', id)).stderr).toContain("wasn't found");
  expect(await cli.run('sandbox', 'kill', '--all')).toMatchObject({ code: 0 });
  expect(far.backend.sandboxes()).toEqual([]);
});

test('template create builds from a Dockerfile; list, publish and delete know it', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-dockerfile-'));
  const dockerfile = ['FROM ubuntu:22.04', 'COPY one.txt one.txt', 'RUN cat one.txt > two.txt', ''];
  fs.writeFileSync(path.join(directory, 'e2b.Dockerfile'), dockerfile.join('\n'));
  fs.writeFileSync(path.join(directory, 'one.txt'), 'one');
  const there = cliClient(far.backend.env, directory);
  try {
    const built = await there.run('template', 'create', 'of-cli');
    expect([built.code, built.stderr]).toEqual([0, '']);
    const aliases = async () =>
      (await cli.json('template', 'list')).flatMap((template) => template.aliases);
    expect(await aliases()).toContain('of-cli');
    const id = await create('of-cli');
    const found = 'find / -name two.txt -not -path "/proc/*" 2>/dev/null | xargs cat';
    const run = await executeE2bProcess(id, found, undefined, 20, true, {
      ...far.client,
      user: 'root',
    });
    expect(run.stdout).toContain('one');
    await terminateE2bSandbox(id, true, far.client);
    expect(await there.run('template', 'publish', '--yes', 'of-cli')).toMatchObject({ code: 0 });
    expect(await there.run('template', 'delete', '--yes', 'of-cli')).toMatchObject({ code: 0 });
    expect(await aliases()).not.toContain('of-cli');
  } finally {
    there.close();
    fs.rmSync(directory, { recursive: true });
  }
});

test('a wrong key is told', async () => {
  const stranger = cliClient({ ...far.backend.env, E2B_API_KEY: `e2b_${'1'.repeat(40)}` });
  const { code, stderr, stdout } = await stranger.run('sandbox', 'list');
  stranger.close();
  expect(code).toBe(1);
  expect(stderr + stdout).toContain('Invalid API key');
});

checkEveryExchange(far);

describe('in domain mode', () => {
  const byDomain = withBackend({ domain: 'e2b.localhost' });

  test('the tool works by the domain alone', async () => {
    const preload = path.join(__dirname, '../local/children/loopback-names.js');
    const env = { ...byDomain.backend.env, NODE_OPTIONS: `--require ${preload}` };
    const tool = cliClient(env);
    const { stdout } = await tool.run('sandbox', 'create', '--detach');
    const id = stdout.trim();
    expect(await tool.run('sandbox', 'exec', id, 'echo hi')).toMatchObject({ stdout: 'hi\n' });
    expect(await tool.json('sandbox', 'list')).toMatchObject([{ sandboxId: id }]);
    await tool.run('sandbox', 'kill', id);
    tool.close();
    await waitFor(() => byDomain.backend.sandboxes().length === 0);
  });

  checkEveryExchange(byDomain);
});
