// envd's process service over HTTP: streams, input, signals, deadlines, errors.
'use strict';

const fs = require('node:fs');
const { isAliveInside, processesOf, waitFor, withBackend } = require('../../helpers/backend');
const { Client } = require('./client');

const far = withBackend();
const START = '/process.Process/Start';
const CONNECT = '/process.Process/Connect';
let client;
let sandbox;

beforeEach(async () => {
  client = new Client(far.backend);
  sandbox = await client.create({ envVars: { FROM_SANDBOX: 'a b' } });
});

const start = (process, rest = {}, options = {}) =>
  client.stream(sandbox, START, { process, stdin: false, ...rest }, options);

test('a stream is start, data, end, and the end envelope', async () => {
  const answer = await client.run(sandbox, 'echo hi');
  expect(answer.status).toBe(200);
  expect(answer.headers['content-type']).toBe('application/connect+json');
  expect(answer.events).toEqual([
    { start: { pid: expect.any(Number) } },
    { data: { stdout: 'aGkK' } },
    { end: { exited: true, status: 'exit status 0' } },
  ]);
  expect(answer.end).toEqual({});
});

test('arguments reach the process unchanged', async () => {
  const args = ['', 'a b', '"', "'", '$(id)', '`id`', '\\', 'x\ny', 'é€😀', '-n', '*', '$HOME'];
  const answer = await start({ cmd: 'printf', args: ['[%s]', ...args] });
  expect(answer.stdout).toBe(args.map((arg) => `[${arg}]`).join(''));
});

test('the environment is the sandbox’s and the call’s, and not the backend’s', async () => {
  process.env.BACKENDS_OWN_SECRET = 'secret';
  try {
    const answer = await start({ cmd: 'env', args: [], envs: { FROM_CALL: 'x', USER: 'me' } });
    const env = Object.fromEntries(
      answer.stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)),
    );
    expect(env).toMatchObject({
      ...{ FROM_SANDBOX: 'a b', FROM_CALL: 'x', USER: 'me', LOGNAME: 'user' },
      ...{ E2B_SANDBOX: 'true', E2B_SANDBOX_ID: sandbox.id },
    });
    expect(env.HOME).toMatch(/\/home\/user$/);
    expect(answer.stdout).not.toContain('secret');
  } finally {
    delete process.env.BACKENDS_OWN_SECRET;
  }
});

test('node is on the PATH, also in a login shell', async () => {
  const plain = await client.run(sandbox, 'node --version');
  const login = await start({ cmd: '/bin/bash', args: ['-l', '-c', 'node --version'] });
  expect([plain.stdout.trim(), login.stdout.trim()]).toEqual([process.version, process.version]);
});

test('the work directory is the home, or what cwd says, relative to the home', async () => {
  const home = (await client.run(sandbox, 'echo $HOME; mkdir sub')).stdout.trim();
  const pwd = async (cwd) => (await start({ cmd: 'pwd', args: [], cwd })).stdout.trim();
  expect(await pwd(undefined)).toBe(home);
  expect(await pwd('/home/user/sub')).toBe(`${home}/sub`);
  expect(await pwd('sub')).toBe(`${home}/sub`);
  expect(await pwd('/')).toBe('/');
});

test('a cwd that does not exist is an error in a stream with status 200', async () => {
  const answer = await start({ cmd: 'pwd', args: [], cwd: '/nope' });
  expect(answer.status).toBe(200);
  expect(answer.events).toEqual([]);
  expect(answer.end).toEqual({
    error: { code: 'invalid_argument', message: "cwd '/nope' does not exist" },
  });
});

test.each([
  ['exit 3', { exitCode: 3, exited: true, status: 'exit status 3', error: 'exit status 3' }],
  ['kill -KILL $$', { exitCode: -1, status: 'signal: killed', error: 'signal: killed' }],
  [
    'kill -SEGV $$',
    { exitCode: -1, status: 'signal: segmentation fault', error: 'signal: segmentation fault' },
  ],
])('%s ends as the protocol says', async (line, end) => {
  expect((await client.run(sandbox, line)).exit).toEqual(end);
});

test('a command that is not there exits 127, one that cannot be run exits 126', async () => {
  const missing = await start({ cmd: 'no-such-command', args: [] });
  expect(missing.exit.exitCode).toBe(127);
  expect(missing.stderr).toContain('no-such-command');
  const directory = await start({ cmd: '/etc/passwd', args: [] });
  expect(directory.exit.exitCode).toBe(126);
});

test('a program finds what it would after `sh -c exec`, and a script without a first line runs', async () => {
  const options = { cmd: '/bin/bash', args: ['-c', 'tr "\\0" "\\n" < /proc/$$/environ'] };
  const { stdout } = await start({
    ...options,
    cwd: '/usr',
    envs: { 'not.a-name': '1', is_1: '2' },
  });
  const variables = stdout.split('\n');
  expect(variables).toEqual(expect.arrayContaining(['PWD=/usr', 'is_1=2']));
  expect(stdout).not.toContain('not.a-name');
  await client.run(sandbox, 'echo "echo from-\\$1" > script; chmod +x script');
  const home = (await client.run(sandbox, 'echo $HOME')).stdout.trim();
  expect((await start({ cmd: `${home}/script`, args: ['there'] })).stdout).toBe('from-there\n');
});

test('output that is reopened through /dev arrives: stdout and stderr are pipes', async () => {
  const answer = await client.run(sandbox, 'echo a >/dev/stdout; echo b >/dev/stderr');
  expect([answer.stdout, answer.stderr]).toEqual(['a\n', 'b\n']);
});

test('a megabyte comes in events of at most 32 KiB, complete and in order', async () => {
  const answer = await client.run(sandbox, 'seq 1 200000');
  const sizes = answer.events
    .filter((event) => event.data)
    .map((event) => Buffer.from(event.data.stdout, 'base64').length);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(32 * 1024);
  expect(answer.stdout).toBe(`${Array.from({ length: 200_000 }, (_, i) => i + 1).join('\n')}\n`);
});

test('output comes while the process runs', async () => {
  const running = await client.background(sandbox, {
    process: { cmd: '/bin/sh', args: ['-c', 'echo one; read line; echo two'] },
  });
  await waitFor(() => running.stdout() === 'one\n');
  await client.unary(sandbox, '/process.Process/SendInput', {
    process: { pid: running.pid },
    input: { stdin: Buffer.from('go\n').toString('base64') },
  });
  expect((await running.done).stdout).toBe('one\ntwo\n');
});

test('the end waits for the pipes, which a child may hold', async () => {
  const answer = await client.run(sandbox, '(sleep 0.3; echo late) & echo early');
  expect(answer.stdout).toBe('early\nlate\n');
});

test('the end does not wait for the pipes after a signal through the API', async () => {
  const running = await client.background(sandbox, {
    process: { cmd: '/bin/sh', args: ['-c', 'sleep 1000 & echo up; wait'] },
    stdin: false,
  });
  await waitFor(() => running.stdout() === 'up\n');
  const answer = await client.unary(sandbox, '/process.Process/SendSignal', {
    process: { pid: running.pid },
    signal: 'SIGNAL_SIGTERM',
  });
  expect([answer.status, answer.json]).toEqual([200, {}]);
  const { exit } = await running.done;
  expect(exit).toEqual({ exitCode: -1, status: 'signal: terminated', error: 'signal: terminated' });
});

test('stdin is /dev/null when refused, open when not mentioned, and can be closed', async () => {
  const refused = await start({ cmd: 'cat', args: [] });
  expect(refused.exit).toMatchObject({ exited: true });
  const running = await client.background(sandbox, { process: { cmd: 'cat', args: [] } });
  const call = (method, rest) =>
    client.unary(sandbox, `/process.Process/${method}`, { process: { pid: running.pid }, ...rest });
  const big = 'x'.repeat(300_000);
  await call('SendInput', { input: { stdin: Buffer.from(big).toString('base64') } });
  await call('CloseStdin');
  const { stdout, exit } = await running.done;
  expect(stdout).toBe(big);
  expect(exit).toMatchObject({ exited: true });
});

test('input to a process without stdin is an internal error', async () => {
  const running = await client.background(sandbox, {
    process: { cmd: 'sleep', args: ['100'] },
    stdin: false,
  });
  const answer = await client.unary(sandbox, '/process.Process/SendInput', {
    process: { pid: running.pid },
    input: { stdin: 'aGkK' },
  });
  expect(answer.status).toBe(500);
  expect(answer.json).toEqual({
    code: 'internal',
    message: 'error writing to stdin: stdin not enabled or closed',
  });
});

test('processes are listed while they run, with tag and configuration', async () => {
  const list = async () => (await client.unary(sandbox, '/process.Process/List', {})).json;
  expect(await list()).toEqual({});
  const process = { cmd: 'sleep', args: ['100'], envs: { A: '1' }, cwd: '/tmp' };
  const { pid } = await client.background(sandbox, { process, tag: 'mine' });
  expect(await list()).toEqual({ processes: [{ config: process, pid, tag: 'mine' }] });
  await client.unary(sandbox, '/process.Process/SendSignal', {
    process: { tag: 'mine' },
    signal: 'SIGNAL_SIGKILL',
  });
  await waitFor(async () => Object.keys(await list()).length === 0);
});

test('a client that goes away leaves the process running, and can come back', async () => {
  const running = await client.background(sandbox, {
    process: { cmd: '/bin/sh', args: ['-c', 'read line; echo "got $line"'] },
  });
  running.abort();
  await running.done;
  const again = await client.background(
    ...[sandbox, { process: { pid: running.pid } }, { path: CONNECT }],
  );
  expect(again.pid).toBe(running.pid);
  await client.unary(sandbox, '/process.Process/SendInput', {
    process: { pid: running.pid },
    input: { stdin: Buffer.from('x\n').toString('base64') },
  });
  expect((await again.done).stdout).toBe('got x\n');
});

test('a connect after the exit still gets start and end', async () => {
  const first = await client.run(sandbox, 'echo x; exit 4');
  const { pid } = first.events[0].start;
  const late = await client.stream(sandbox, CONNECT, { process: { pid } });
  expect(late.events).toEqual([{ start: { pid } }, { end: first.exit }]);
  expect(late.end).toEqual({});
});

test('an unknown process is not_found: in the stream, or as a 404', async () => {
  const error = { code: 'not_found', message: 'process with pid 99999999 not found' };
  const late = await client.stream(sandbox, CONNECT, { process: { pid: 99_999_999 } });
  expect(late.end).toEqual({ error });
  for (const method of ['SendSignal', 'SendInput', 'CloseStdin']) {
    const answer = await client.unary(sandbox, `/process.Process/${method}`, {
      process: { pid: 99_999_999 },
    });
    expect([answer.status, answer.json]).toEqual([404, error]);
  }
});

test('the deadline of a start kills the process and ends the stream without an end event', async () => {
  const answer = await client.run(sandbox, 'echo hi; exec sleep 1000', {
    headers: { 'connect-timeout-ms': '300' },
  });
  expect(answer.exit).toBeNull();
  expect(answer.stdout).toBe('hi\n');
  expect(answer.end).toEqual({
    error: { code: 'deadline_exceeded', message: 'context deadline exceeded' },
  });
  await waitFor(() => !isAliveInside(sandbox.id, answer.events[0].start.pid));
});

test('the deadline of a connect ends only that stream', async () => {
  const running = await client.background(sandbox, { process: { cmd: 'sleep', args: ['100'] } });
  const second = await client.stream(...[sandbox, CONNECT, { process: { pid: running.pid } }], {
    headers: { 'connect-timeout-ms': '50' },
  });
  expect(second.end.error.code).toBe('deadline_exceeded');
  await waitFor(() => isAliveInside(sandbox.id, running.pid));
});

test('a deadline that is not a number is refused', async () => {
  const answer = await client.run(sandbox, 'true', { headers: { 'connect-timeout-ms': 'soon' } });
  expect(answer.end.error.code).toBe('invalid_argument');
});

test('silence is filled with keepalives', async () => {
  const answer = await client.run(sandbox, 'sleep 1.3', {
    headers: { 'keepalive-ping-interval': '1' },
  });
  expect(answer.events.map((event) => Object.keys(event)[0])).toEqual([
    'start',
    'keepalive',
    'end',
  ]);
});

test('a reader that stops reading blocks the process, and frees it by going away', async () => {
  const running = await client.background(sandbox, {
    process: { cmd: '/bin/sh', args: ['-c', 'head -c 50000000 /dev/zero; touch done'] },
    stdin: false,
  });
  running.response.pause();
  const state = () => {
    const writing = processesOf(sandbox.id).find(({ command }) => command.startsWith('head'));
    return writing && fs.readFileSync(`/proc/${writing.pid}/stat`, 'latin1');
  };
  await waitFor(() => state()?.includes(') S'));
  const ls = () => client.run(sandbox, 'ls done');
  expect((await ls()).exit.exitCode).not.toBe(0);
  running.abort();
  await waitFor(async () => (await ls()).exit.exitCode === undefined);
});

test.each([
  [{}, 'process.cmd is required'],
  [{ cmd: 'a', args: [1] }, 'args must be strings'],
  [{ cmd: 'a', envs: { 'a=b': 'c' } }, 'not a valid variable'],
  [{ cmd: 'a', args: ['x'.repeat(200_000)] }, 'error starting process'],
  [{ cmd: 'a\0b' }, 'error starting process'],
])('a start that makes no sense is an invalid argument', async (process, text) => {
  const { end } = await start(process);
  expect(end.error.code).toBe('invalid_argument');
  expect(end.error.message).toContain(text);
});

test('the token is required, and its absence told as envd does', async () => {
  for (const token of ['', 'wrong']) {
    const answer = await client.unary({ id: sandbox.id, token }, '/process.Process/List', {});
    expect(answer.status).toBe(401);
    expect(answer.json).toEqual({
      code: 401,
      message:
        'unauthorized access, please provide a valid access token or method signing if supported',
    });
  }
});

test('the user of a call is user or root, and nobody else', async () => {
  const basic = (user) => ({
    authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}`,
  });
  const root = await client.run(sandbox, 'echo $USER $HOME', { headers: basic('root') });
  expect(root.stdout).toMatch(/^root .*\/root\n$/);

  const { end } = await client.run(sandbox, 'true', { headers: basic('alice') });
  expect(end.error).toEqual({ code: 'unauthenticated', message: "invalid username: 'alice'" });
});

test('a wrong content type is a 415, a wrong method a 405', async () => {
  const answer = await client.unary(sandbox, START, {});
  expect([answer.status, answer.headers['accept-post']]).toEqual([
    415,
    'application/connect+json, application/connect+proto',
  ]);
  expect((await client.envd(sandbox, 'GET', START)).status).toBe(405);
});

test('a hundred processes at once all answer', async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => client.run(sandbox, `echo ${i}`)),
  );
  expect(answers.map(({ stdout }) => stdout)).toEqual(answers.map((_, i) => `${i}\n`));
});
