'use strict';

// lib/fleet/identity.js on real processes of this machine.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const { isAlive, self } = require('../../../lib/fleet/identity');

/** A process that waits for its stdin to end, and its facts as itself would tell them. */
async function child() {
  const code =
    'process.stdout.write(JSON.stringify(require(process.argv[1]).self()));process.stdin.resume()';
  const file = require.resolve('../../../lib/fleet/identity');
  const started = spawn(process.execPath, ['-e', code, file]);
  const [text] = await once(started.stdout, 'data');
  return { started, facts: JSON.parse(text) };
}

async function ended({ started }) {
  const exited = once(started, 'exit');
  started.stdin.end();
  await exited;
}

test('this process lives, by the facts that it tells, also after JSON', () => {
  const facts = JSON.parse(JSON.stringify(self()));
  expect(facts).toEqual({
    pid: process.pid,
    place: expect.stringMatching(/^[0-9a-f]{16}$/),
    startedAt: expect.stringMatching(/^\d+$/),
  });
  expect(isAlive(facts)).toBe(true);
});

test('another process of this machine lives until it ends, then it is dead for certain', async () => {
  const other = await child();
  expect(other.facts.pid).toBe(other.started.pid);
  expect(other.facts.place).toBe(self().place);
  expect(isAlive(other.facts)).toBe(true);
  await ended(other);
  expect(isAlive(other.facts)).toBe(false);
});

test('one that is killed and not yet waited for is dead', async () => {
  // A shell that does not wait: its child stays a zombie for as long as it lives.
  const line = 'sleep 0 & echo $!; exec tail -f /dev/null';
  const shell = spawn('/bin/sh', ['-c', line]);
  try {
    const [text] = await once(shell.stdout, 'data');
    const pid = Number(text);
    const state = () => readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1][0];
    while (state() !== 'Z') await new Promise(setImmediate);
    const startedAt = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ')[19];
    expect(isAlive({ ...self(), pid, startedAt })).toBe(false);
  } finally {
    const exited = once(shell, 'exit');
    shell.kill('SIGKILL');
    await exited;
  }
});

test('a process with the same pid and another start is another one', () => {
  expect(isAlive({ ...self(), startedAt: '1' })).toBe(false);
});

test.each([
  ['another machine or container', { place: 'f'.repeat(16) }],
  ['a machine that could not say', { place: null }],
  ['no start', { startedAt: null }],
  ['no pid', { pid: 'x' }],
])('of %s nobody here can say anything', (_name, fields) => {
  expect(isAlive({ ...self(), ...fields })).toBeNull();
});

test('of no facts at all neither', () => {
  expect(isAlive(undefined)).toBeNull();
  expect(isAlive({})).toBeNull();
});
