// Watching directories: as a stream, and to be asked for.
'use strict';

const { waitFor, withBackend } = require('../helpers/backend');
const { Client } = require('../unit/local/client');
const { LiveStream } = require('./helpers/live-stream');

const far = withBackend();
const WATCH = '/filesystem.Filesystem/WatchDir';
let client;
let sandbox;

beforeEach(async () => {
  client = new Client(far.backend);
  sandbox = await client.create();
  await client.run(sandbox, 'mkdir -p w/sub; echo old > w/old');
});

const rpc = (method, message) => client.unary(sandbox, `/filesystem.Filesystem/${method}`, message);
const watch = (message, headers) =>
  LiveStream.open(far.url, sandbox, WATCH, { path: 'w', ...message }, headers);

/** Names with the types of their events, in order, without repetitions. */
function told(stream) {
  const events = stream.messages.slice(1).map(({ filesystem: { name, type } }) => {
    return `${name} ${type.replace('EVENT_TYPE_', '')}`;
  });
  return [...new Set(events)];
}

test('a stream starts with start and tells what is made, written, renamed, removed', async () => {
  const stream = await watch({});
  expect(stream.messages).toEqual([{ start: {} }]);
  await client.run(sandbox, 'cd w; echo 1 > a; chmod 600 a; mv a b; rm b');
  await stream.until(() => told(stream).includes('b REMOVE'));
  const events = told(stream);
  for (const event of ['a CREATE', 'a WRITE', 'a CHMOD', 'a RENAME', 'b CREATE', 'b REMOVE']) {
    expect(events).toContain(event);
  }
  stream.close();
});

test('what happens below is told only when asked for, with names relative to the directory', async () => {
  const [flat, deep] = [await watch({}), await watch({ recursive: true })];
  await client.run(sandbox, 'cd w; echo 1 > sub/a; mkdir -p new/er; echo 1 > new/er/b; echo 1 > z');
  await deep.until(() => told(deep).includes('z CREATE'));
  await deep.until(() => told(deep).includes('new/er/b CREATE'));
  await flat.until(() => told(flat).includes('z CREATE'));
  expect(told(deep)).toContain('sub/a CREATE');
  expect(told(flat).filter((event) => event.includes('/'))).toEqual([]);
  flat.close();
  deep.close();
});

test('entries come when asked for', async () => {
  const stream = await watch({ includeEntry: true });
  await client.run(sandbox, 'cd w; echo 123 > a');
  await stream.until(() => told(stream).includes('a WRITE')); // what is gone again has no entry
  await client.run(sandbox, 'rm w/a');
  await stream.until(() => told(stream).includes('a REMOVE'));
  const events = stream.messages.slice(1).map(({ filesystem }) => filesystem);
  const created = events.find(({ entry }) => entry);
  expect(created.entry).toMatchObject({ name: 'a', path: '/home/user/w/a' });
  expect(events.find(({ type }) => type === 'EVENT_TYPE_REMOVE')).not.toHaveProperty('entry');
  stream.close();
});

test('silence is filled with keepalives, and a deadline ends the stream', async () => {
  const headers = { 'keepalive-ping-interval': '1', 'connect-timeout-ms': '1500' };
  const stream = await watch({}, headers);
  await stream.until(() => stream.end);
  expect(stream.messages).toEqual([{ start: {} }, { keepalive: {} }]);
  expect(stream.end.error.code).toBe('deadline_exceeded');
});

test('a client that goes away ends the watching', async () => {
  const stream = await watch({});
  stream.close();
  const usage = () => client.run(sandbox, 'ls /proc/1/fd 2>/dev/null | wc -l');
  expect((await usage()).exit.exited).toBe(true);
  const again = await watch({});
  await client.run(sandbox, 'touch w/x');
  await again.until(() => told(again).includes('x CREATE'));
  again.close();
});

test('what is no directory cannot be watched', async () => {
  const missing = await watch({ path: '/nope' });
  expect(missing.end.error).toEqual({ code: 'not_found', message: 'path /nope not found' });
  const file = await watch({ path: 'w/old' });
  expect(file.end.error).toEqual({
    ...{ code: 'invalid_argument', message: 'path /home/user/w/old not a directory' },
  });
});

test('a watcher is made, asked, and removed', async () => {
  const { json } = await rpc('CreateWatcher', { path: 'w' });
  const { watcherId } = json;
  expect((await rpc('GetWatcherEvents', { watcherId })).json).toEqual({});
  await client.run(sandbox, 'touch w/a');
  const heard = [];
  await waitFor(async () => {
    const { events = [] } = (await rpc('GetWatcherEvents', { watcherId })).json;
    heard.push(...events);
    return heard.length > 0;
  });
  expect(heard[0]).toEqual({ name: 'a', type: 'EVENT_TYPE_CREATE' });
  expect((await rpc('RemoveWatcher', { watcherId })).json).toEqual({});
  for (const method of ['GetWatcherEvents', 'RemoveWatcher']) {
    const gone = await rpc(method, { watcherId });
    expect([gone.status, gone.json]).toEqual([
      404,
      { code: 'not_found', message: `watcher with id ${watcherId} not found` },
    ]);
  }
});

test('who does not fetch his events is told that some are lost, once', async () => {
  const { watcherId } = (await rpc('CreateWatcher', { path: 'w' })).json;
  const fill = 'cd w; i=0; while [ $i -lt 6000 ]; do i=$((i+1)); : > f; : > g; done; echo done';
  await client.run(sandbox, fill);
  let count = 0;
  let lost = null;
  await waitFor(async () => {
    const { status, json } = await rpc('GetWatcherEvents', { watcherId });
    if (status !== 200) lost = json;
    count += json.events?.length ?? 0;
    return lost;
  });
  expect(lost.code).toBe('resource_exhausted');
  expect(count).toBeGreaterThanOrEqual(10_000);
});
