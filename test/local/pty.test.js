// A process with a terminal: what is typed, what is seen, how large it is, how it ends.
'use strict';

const { withBackend } = require('../helpers/backend');
const { Client } = require('../unit/local/client');
const { LiveStream } = require('./helpers/live-stream');

const far = withBackend();
const START = '/process.Process/Start';
let client;
let sandbox;

beforeEach(async () => {
  client = new Client(far.backend);
  sandbox = await client.create();
});

async function open(process, size = { cols: 80, rows: 24 }) {
  const stream = await LiveStream.open(far.url, sandbox, START, { process, pty: { size } });
  const { pid } = stream.messages[0].event.start;
  const call = (method, rest = {}) =>
    client.unary(sandbox, `/process.Process/${method}`, { process: { pid }, ...rest });
  const type = (text) =>
    call('SendInput', { input: { pty: Buffer.from(text).toString('base64') } });
  return { stream, call, type };
}

const line = (text) => ({ cmd: '/bin/sh', args: ['-c', text] });

test('all three of its files are one terminal', async () => {
  const { stream } = await open(line('[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && tty && echo err >&2'));
  await stream.until(() => stream.end);
  expect(stream.text).toMatch(/^\/dev\/pts\/\d+\r\nerr\r\n$/);
  expect(stream.messages.at(-1)).toEqual({
    event: { end: { exited: true, status: 'exit status 0' } },
  });
});

test('its size is what was asked for, and what it is changed to, which the process hears', async () => {
  const program = 'trap "stty size; exit" WINCH; stty size; while :; do sleep 0.05; done';
  const { stream, call } = await open(line(program), { cols: 100, rows: 30 });
  await stream.until(() => stream.text === '30 100\r\n');
  const answer = await call('Update', { pty: { size: { cols: 120, rows: 40 } } });
  expect([answer.status, answer.json]).toEqual([200, {}]);
  await stream.until(() => stream.end);
  expect(stream.text).toBe('30 100\r\n40 120\r\n');
});

test('what is typed is echoed and read, and Ctrl+D is its end', async () => {
  const { stream, type } = await open({ cmd: 'cat', args: [] });
  await type('hi\n');
  await stream.until(() => stream.text === 'hi\r\nhi\r\n');
  await type('\x04');
  await stream.until(() => stream.end);
  expect(stream.messages.at(-1).event.end).toMatchObject({ exited: true });
});

test('a program that ends by itself is never told as hung up', async () => {
  for (let round = 0; round < 40; round += 1) {
    const { stream, type } = await open({ cmd: 'cat', args: [] });
    await type('\x04');
    await stream.until(() => stream.end);
    expect(stream.messages.at(-1).event.end).toMatchObject({ exited: true });
  }
});

test('Ctrl+C reaches the foreground process', async () => {
  // A shell's child that is not yet the next program would swallow the signal: so there are many.
  const program = 'trap "echo caught; exit 3" INT; echo up; while :; do sleep 0.05; done';
  const { stream, type } = await open(line(program));
  await stream.until(() => stream.text.includes('up'));
  await type('\x03');
  await stream.until(() => stream.end);
  expect(stream.text).toContain('caught');
  expect(stream.messages.at(-1).event.end.exitCode).toBe(3);
});

test('an interactive login shell is quick and in the home', async () => {
  const shell = { cmd: '/bin/bash', args: ['-i', '-l'], envs: { TERM: 'xterm-256color' } };
  const { stream, type } = await open(shell);
  await type('echo "$PWD|$TERM|$((20+3))"\n');
  await stream.until(() => /\/home\/user\|xterm-256color\|23/.test(stream.text));
  await type('exit 5\n');
  await stream.until(() => stream.end);
  expect(stream.messages.at(-1).event.end.exitCode).toBe(5);
});

test('killed, it ends as killed', async () => {
  const { stream, call } = await open(line('sleep 100'));
  await call('SendSignal', { signal: 'SIGNAL_SIGKILL' });
  await stream.until(() => stream.end);
  expect(stream.messages.at(-1).event.end).toEqual({
    ...{ exitCode: -1, status: 'signal: killed', error: 'signal: killed' },
  });
});

test('events hold at most 16 KiB, and a megabyte comes whole', async () => {
  const { stream } = await open(line('seq 1 150000'));
  await stream.until(() => stream.end);
  const sizes = stream.messages.map(({ event }) => (event.data?.pty?.length ?? 0) * 0.75);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(16 * 1024 + 2);
  const expected = Array.from({ length: 150_000 }, (_, i) => `${i + 1}\r\n`).join('');
  expect(stream.text === expected).toBe(true);
});

test('stdin and terminal are not mixed up', async () => {
  const { call } = await open(line('sleep 100'));
  const stdin = await call('SendInput', { input: { stdin: 'aGkK' } });
  expect([stdin.status, stdin.json.code]).toEqual([500, 'internal']);
  const closed = await call('CloseStdin');
  expect([closed.status, closed.json.code]).toEqual([500, 'unknown']);
  const plain = await client.background(sandbox, { process: { cmd: 'cat', args: [] } });
  const typed = await client.unary(sandbox, '/process.Process/SendInput', {
    process: { pid: plain.pid },
    input: { pty: 'aGkK' },
  });
  expect(typed.json.message).toContain('tty not assigned');
});

test('a size that is none is refused', async () => {
  const { stream } = await open(line('true'), { cols: 80, rows: 24 });
  await stream.until(() => stream.end);
  const bad = await client.stream(sandbox, START, {
    ...{ process: line('true'), pty: { size: { cols: -1, rows: 3 } } },
  });
  expect(bad.end.error.code).toBe('invalid_argument');
});
