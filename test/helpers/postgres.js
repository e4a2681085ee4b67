'use strict';

// A PostgreSQL server of the tests' own: in a temporary folder, reachable by a socket in it and no other
// way, as a user without rights, never the system's. It ends with the process that started it, whichever
// way that ends: a shell waits for the end of its standard input.

const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { createInterface } = require('node:readline');

const { serverFolder } = require('../../tools/setup/postgres');

const START_TIMEOUT_MS = 60_000;
// Immediate shutdown: what is in it is thrown away.
const UNTIL_STDIN_ENDS = '"$@" <&- & server=$!; cat >/dev/null; kill -QUIT $server; wait $server';

/** Who may run a server: anybody but root. */
function identity() {
  if (process.getuid() !== 0) return {};
  for (const name of ['postgres', 'nobody']) {
    const line = new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm');
    const found = line.exec(fs.readFileSync('/etc/passwd', 'utf8'));
    if (found) return { uid: Number(found[1]), gid: Number(found[2]) };
  }
  throw new Error('there is no user to run a PostgreSQL server as');
}

/**
 * @param {{ durable?: boolean }} [options] durable: with its syncs, which tests do without
 * @returns {Promise<{ url: string, socket: string, stop: () => Promise<void> }>}
 */
async function startPostgres({ durable = false } = {}) {
  const programs = serverFolder();
  if (programs === null) {
    throw new Error('PostgreSQL is not installed: `npm test` installs it, or says how');
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'e2b-swarm-pg-'));
  const data = path.join(folder, 'data');
  const user = identity();
  if (user.uid !== undefined) fs.chownSync(folder, user.uid, user.gid);
  const options = { ...user, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: 'C' } };
  execFileSync(
    path.join(programs, 'initdb'),
    ['-D', data, '-U', 'tester', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...options, stdio: 'pipe' },
  );
  const settings = {
    listen_addresses: '',
    unix_socket_directories: folder,
    fsync: durable ? 'on' : 'off',
    shared_buffers: '16MB',
    max_connections: 60,
  };
  const server = [
    ...[path.join(programs, 'postgres'), '-D', data],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const shell = spawn('/bin/sh', ['-c', UNTIL_STDIN_ENDS, 'sh', ...server], {
    ...options,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const exit = once(shell, 'exit');
  const stop = async () => {
    shell.stdin.end();
    await exit;
    fs.rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(shell);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `postgres://tester@/postgres?host=${encodeURIComponent(folder)}`,
    socket: path.join(folder, '.s.PGSQL.5432'),
    stop,
  };
}

async function untilReady(shell) {
  const lines = createInterface({ input: shell.stderr });
  const said = [];
  const timer = setTimeout(() => lines.close(), START_TIMEOUT_MS);
  try {
    for await (const line of lines) {
      said.push(line);
      if (line.includes('ready to accept connections')) return;
    }
  } finally {
    clearTimeout(timer);
    shell.stderr.resume();
  }
  throw new Error(`the PostgreSQL server does not start:\n${said.slice(-20).join('\n')}`);
}

module.exports = { startPostgres };
