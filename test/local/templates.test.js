// Templates: built by the official client from steps, looked up, tagged, deleted; snapshots likewise.
'use strict';

const { execFile } = require('node:child_process');
const path = require('node:path');
const { promisify } = require('node:util');
const { Client, request } = require('../unit/local/client');
const { waitFor, withBackend } = require('../helpers/backend');

const far = withBackend();
const exec = promisify(execFile);
let client;
let names = 0;

beforeEach(() => {
  client = new Client(far.backend);
});

/** Asks for a build, starts it and waits for its end. */
async function build(name, plan, request3 = {}) {
  const asked = await client.control('POST', '/v3/templates', { name, ...request3 });
  expect(asked.status).toBe(202);
  const { templateID, buildID } = asked.json;
  const target = `/templates/${templateID}/builds/${buildID}`;
  const started = await client.control('POST', `/v2${target}`, { steps: [], ...plan });
  expect([started.status, started.headers['content-length']]).toEqual([202, '0']);
  let status;
  await waitFor(async () => {
    status = (await client.control('GET', `${target}/status`)).json;
    return ['ready', 'error'].includes(status.status);
  });
  return { templateID, buildID, target, ...status };
}

const fresh = () => `template-${(names += 1)}`;
const run = (...args) => ({ type: 'RUN', args });

test('the official client builds a template, and sandboxes of it are what its steps said', async () => {
  const { stdout } = await exec(
    process.execPath,
    [path.join(__dirname, 'children/e2b-template.mjs')],
    { env: { PATH: process.env.PATH, ...far.backend.env }, timeout: 25_000 },
  );
  const found = JSON.parse(stdout);
  expect(found).toMatchObject({
    built: { isTemplateId: true, tags: ['v1', 'v2'] },
    files: 'vanilla deep\nmainonestarted',
    ...{ env: 'vanilla', processes: ['start_cmd'], exists: true },
    failure: expect.stringContaining('exit status 3'),
  });
  expect(found.logs.join('\n')).toContain("'ubuntu:22.04' is not fetched");
  expect(far.backend.requests.filter(({ op }) => op === 'unknown')).toEqual([]);
}, 40_000);

test('a build tells its log, page by page, and the reason of its failure', async () => {
  const plan = { steps: [run('echo one; echo two >&2'), run('exit 7'), run('echo never')] };
  const failed = await build(fresh(), plan);
  expect(failed).toMatchObject({
    status: 'error',
    reason: { step: '2', message: 'the command failed: exit status 7' },
  });
  const messages = failed.logEntries.map(({ message }) => message);
  expect(messages).toEqual(expect.arrayContaining(['one', 'two', 'RUN exit 7']));
  expect(messages).not.toContain('never');
  expect(failed.logs).toEqual(messages);
  const { json: rest } = await client.control(
    'GET',
    `${failed.target}/status?logsOffset=2&limit=1`,
  );
  expect(rest.logEntries).toEqual([failed.logEntries[2]]);
  const { json } = await client.control(
    'GET',
    `${failed.target}/logs?direction=backward&level=error`,
  );
  expect(json.logs).toMatchObject([{ level: 'error', step: '2' }]);
  expect((await client.control('POST', `/v2${failed.target}`, { steps: [] })).status).toBe(400);
});

test.each([
  ['an unknown step', [{ type: 'VOLUME', args: ['/x'] }], /unknown step type/],
  ['a copy without files', [{ type: 'COPY', args: ['a', 'b'] }], /no files were uploaded/],
  ['a copy from above', [{ type: 'COPY', args: ['../a', 'b'], filesHash: 'aa' }], /missing|leaves/],
  ['a variable without a value', [{ type: 'ENV', args: ['A'] }], /names and values/],
  ['a user with a strange name', [{ type: 'USER', args: ['a b'] }], /not a name/],
])('%s fails the build', async (what, steps, text) => {
  const failed = await build(fresh(), { steps });
  expect(failed).toMatchObject({
    status: 'error',
    reason: { message: expect.stringMatching(text) },
  });
});

test('a template lies on top of another one, with its variables', async () => {
  const [first, second] = [fresh(), fresh()];
  const env = { type: 'ENV', args: ['BELOW', '1'] };
  await build(first, { steps: [env, run('echo below > below.txt')] });
  const above = [run('echo $BELOW above > above.txt'), run('rm below.txt')];
  expect((await build(second, { fromTemplate: first, steps: above })).status).toBe('ready');
  const sandbox = await client.create({ templateID: second });
  expect((await client.run(sandbox, 'ls; cat above.txt')).stdout).toBe('above.txt\n1 above\n');
});

test('an upload needs its link, and is asked for once', async () => {
  const { json } = await client.control('POST', '/v3/templates', { name: fresh() });
  const target = `/templates/${json.templateID}/files/abc123`;
  const link = await client.control('GET', target);
  expect([link.status, link.json.present]).toEqual([201, false]);
  expect((await request(far.url, { method: 'PUT', path: target, body: 'x' })).status).toBe(403);
  const url = new URL(link.json.url);
  const put = { method: 'PUT', path: url.pathname + url.search, body: 'x' };
  expect((await request(far.url, put)).status).toBe(200);
  expect((await client.control('GET', target)).json).toEqual({ present: true });
});

test('templates are listed page by page, tagged, published and deleted', async () => {
  const name = fresh();
  const { templateID, buildID } = await build(
    name,
    {},
    { cpuCount: 4, memoryMB: 512, tags: ['v1'] },
  );
  const first = await client.control('GET', '/v2/templates?limit=2');
  expect(first.json).toHaveLength(2);
  const token = first.headers['x-next-token'];
  const second = await client.control('GET', `/v2/templates?limit=100&nextToken=${token}`);
  expect(second.json.find((one) => one.templateID === templateID)).toMatchObject({
    ...{ buildID, cpuCount: 4, memoryMB: 512, aliases: [name], names: [`local/${name}`] },
    ...{ buildStatus: 'ready', buildCount: 1, public: false },
  });
  const one = await client.control('GET', `/templates/${name}`);
  expect(one.json).toMatchObject({ templateID, builds: [{ buildID, status: 'ready' }] });
  const tagged = await client.control('POST', '/templates/tags', {
    ...{ target: `${name}:v1`, tags: ['V2', 'stable'] },
  });
  expect([tagged.status, tagged.json]).toEqual([201, { tags: ['v2', 'stable'], buildID }]);
  await client.control('DELETE', '/templates/tags', { name, tags: ['v1'] });
  const { json: tags } = await client.control('GET', `/templates/${templateID}/tags`);
  expect(tags.map(({ tag }) => tag)).toEqual(['v2', 'stable']);
  const patched = await client.control('PATCH', `/v2/templates/${templateID}`, { public: true });
  expect(patched.json).toEqual({ names: [`local/${name}`] });
  expect((await client.control('GET', `/templates/aliases/${name}`)).json.public).toBe(true);
  const sandbox = await client.create({ templateID: `local/${name}:stable` });
  const inUse = await client.control('DELETE', `/templates/${templateID}`);
  expect([inUse.status, inUse.json.message]).toEqual([400, expect.stringContaining('1 sandbox')]);
  await client.control('DELETE', `/sandboxes/${sandbox.id}`);
  expect((await client.control('DELETE', `/templates/${templateID}`)).status).toBe(204);
  expect((await client.control('DELETE', `/templates/${templateID}`)).status).toBe(404);
});

test.each([
  ['POST', '/v3/templates', {}, 400],
  ['POST', '/v3/templates', { name: 'Bad Name' }, 400],
  ['POST', '/v3/templates', { name: 'base' }, 409],
  ['POST', '/v3/templates', { name: 'x', cpuCount: 3 }, 400],
  ['POST', '/v3/templates', { name: 'x', memoryMB: 129 }, 400],
  ['POST', '/templates', { dockerfile: 'FROM x' }, 410],
  ['DELETE', '/templates/base', undefined, 403],
  ['GET', '/templates/nope/tags', undefined, 404],
  ['POST', '/templates/tags', { target: 'nope:a', tags: ['b'] }, 404],
])('%s %s with %j is a %i', async (method, target, body, status) => {
  expect((await client.control(method, target, body)).status).toBe(status);
});

test('a snapshot is a template with what its sandbox had written', async () => {
  const sandbox = await client.create({ metadata: { a: 'b' } });
  await client.run(sandbox, 'echo before > file');
  const target = `/sandboxes/${sandbox.id}/snapshots`;
  const unnamed = await client.control('POST', target, {});
  expect([unnamed.status, unnamed.json]).toEqual([
    201,
    { snapshotID: expect.stringMatching(/^[a-z0-9]{20}:default$/), names: [] },
  ]);
  await client.run(sandbox, 'echo after > file');
  const named = await client.control('POST', target, { name: 'my-snap:v1' });
  expect(named.json).toEqual({ snapshotID: 'local/my-snap:v1', names: ['local/my-snap:v1'] });
  for (const [{ json }, text] of [
    [unnamed, 'before\n'],
    [named, 'after\n'],
  ]) {
    const other = await client.create({ templateID: json.snapshotID });
    expect((await client.run(other, 'cat file')).stdout).toBe(text);
    await client.control('DELETE', `/sandboxes/${other.id}`);
  }
  const list = async (query) => (await client.control('GET', `/snapshots?${query}`)).json;
  expect(await list(`sandboxID=${sandbox.id}`)).toEqual([named.json, unnamed.json]);
  expect(await list('name=my-snap')).toEqual([named.json]);
  expect(await list('sandboxID=iaaaaaaaaaaaaaaaaaaaa')).toEqual([]);
  const page = await client.control('GET', '/snapshots?limit=1');
  expect(page.json).toEqual([named.json]);
  const next = page.headers['x-next-token'];
  expect(await list(`limit=1&nextToken=${next}`)).toEqual([unnamed.json]);
  const encoded = encodeURIComponent(named.json.snapshotID);
  expect((await client.control('DELETE', `/templates/${encoded}`)).status).toBe(204);
  expect((await client.control('DELETE', `/templates/${encoded}`)).status).toBe(404);
});

test('a snapshot of a sandbox of a snapshot has the files of both', async () => {
  const first = await client.create();
  await client.run(first, 'echo 1 > one');
  const one = (await client.control('POST', `/sandboxes/${first.id}/snapshots`, {})).json;
  const second = await client.create({ templateID: one.snapshotID });
  await client.run(second, 'echo 2 > two');
  const two = (await client.control('POST', `/sandboxes/${second.id}/snapshots`, {})).json;
  await client.control('DELETE', `/sandboxes/${second.id}`);
  const gone = await client.control('DELETE', `/templates/${encodeURIComponent(one.snapshotID)}`);
  expect(gone.status).toBe(204);
  const third = await client.create({ templateID: two.snapshotID });
  expect((await client.run(third, 'cat one two')).stdout).toBe('1\n2\n');
});
