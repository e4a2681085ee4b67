'use strict';

// `e2b-swarm local` as a user runs it: a program with arguments, a terminal's two streams, signals and
// an exit status.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const CLI = path.join(__dirname, '../../lib/cli/index.js');

function start(args) {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { child, stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => (said[name] += text));
  }
  said.ended = once(child, 'close').then(([status]) => ({ status, ...said }));
  return said;
}

async function until(said, name, pattern) {
  while (!pattern.test(said[name])) await once(said.child[name], 'data');
  return said[name];
}

describe('e2b-swarm local', () => {
  test('prints what a shell can eval, serves until SIGTERM, and then answers nobody', async () => {
    const said = start(['local', '--isolation', 'none']);
    const lines = await until(said, 'stdout', /E2B_API_KEY=.*\n/);
    const url = /^export E2B_API_URL='(http:\/\/127\.0\.0\.1:\d+)'$/m.exec(lines)[1];
    expect(lines).toMatch(/^export E2B_SANDBOX_URL='http/m);
    expect(lines).toMatch(/^export E2B_API_KEY='e2b_0+'$/m);
    expect((await fetch(`${url}/health`)).ok).toBe(true);
    said.child.kill('SIGTERM');
    expect((await said.ended).status).toBe(128 + os.constants.signals.SIGTERM);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  test('--json prints one document on stdout, with the isolation that is active', async () => {
    const said = start(['local', '--isolation', 'none', '--json', '--quiet']);
    const { url, env, isolation } = JSON.parse(await until(said, 'stdout', /\n/));
    expect(env).toMatchObject({ E2B_API_URL: url });
    expect(isolation).toMatchObject({ rung: 'none', doesNotStop: expect.any(Array) });
    said.child.kill('SIGINT');
    expect(await said.ended).toMatchObject({ status: 130, stderr: '' });
  });

  test('runs a command with the environment, arguments untouched, and ends with its status', async () => {
    const script =
      'console.log(process.env.E2B_API_URL, ...process.argv.slice(1)); process.exit(7)';
    const command = [process.execPath, '-e', script, '--', '--port', 'its own'];
    const { status, stdout } = await start(['local', '--isolation', 'none', '--', ...command])
      .ended;
    expect(status).toBe(7);
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+ --port its own\n$/);
  });

  test('a command that is not there is a failure that names it', async () => {
    const { status, stderr } = await start(['local', '--isolation', 'none', '--', './nowhere'])
      .ended;
    expect(status).toBe(1);
    expect(stderr).toContain('cannot run ./nowhere');
  });

  test.each([
    [['local', '--port', '70000'], /--port must be a number from 0 to 65535, not '70000'/],
    [['local', '--isolation', 'jail'], /isolation must be one of .*'jail'/],
    [['local', '--prot', '1'], /unknown option '--prot'[^]*--port/],
    [['locale'], /unknown command 'locale'[^]*local/],
    [['local', '--faults', 'no-such-file.json'], /--faults no-such-file\.json: ENOENT/],
  ])('%j is wrong usage: status 2, said on stderr', async (args, text) => {
    const { status, stdout, stderr } = await start(args).ended;
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(text);
  });

  test('a port that is taken is a failure that says so', async () => {
    const first = start(['local', '--isolation', 'none', '--json', '--quiet']);
    const { url } = JSON.parse(await until(first, 'stdout', /\n/));
    const { port } = new URL(url);
    const { status, stderr } = await start(['local', '--isolation', 'none', '--port', port]).ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/EADDRINUSE/);
    first.child.kill('SIGTERM');
    await first.ended;
  });

  test('the file behind the bin entry of package.json can be executed', () => {
    const { bin } = require('../../package.json');
    fs.accessSync(path.join(__dirname, '../..', bin['e2b-swarm']), fs.constants.X_OK);
  });
});
