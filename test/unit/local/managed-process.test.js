// Who hears what of a process, in which order, and who blocks it.
'use strict';

const { EventEmitter } = require('node:events');
const { PassThrough } = require('node:stream');
const { ManagedProcess, endEvent } = require('../../../lib/local/managed-process');

/** A stream that keeps what it gets and says whether it can take more. */
class Listener {
  received = [];
  finished = false;
  roomLeft = true;

  send(text) {
    this.received.push(JSON.parse(text).event);
    return this.roomLeft;
  }

  finish() {
    this.finished = true;
  }
}

function create() {
  const child = Object.assign(new EventEmitter(), { pid: 4242, kill: jest.fn() });
  const outputs = { stdout: new PassThrough(), stderr: new PassThrough() };
  const onEnd = jest.fn();
  const managed = new ManagedProcess({ child, stdin: null, outputs, config: {}, onEnd });
  return { child, outputs, managed, onEnd };
}

const turn = () => new Promise(setImmediate);

test('one listener without room stops the reading for all, until it has room again', async () => {
  const { outputs, managed } = create();
  const [quick, slow] = [new Listener(), new Listener()];
  managed.attach(quick);
  slow.roomLeft = false;
  managed.attach(slow);
  expect([outputs.stdout.isPaused(), outputs.stderr.isPaused()]).toEqual([true, true]);
  outputs.stdout.write('a');
  await turn();
  expect(quick.received).toHaveLength(1);
  slow.roomLeft = true;
  managed.unblock(slow);
  await turn();
  expect(quick.received.at(-1)).toEqual({ data: { stdout: 'YQ==' } });
  expect(slow.received.at(-1)).toEqual({ data: { stdout: 'YQ==' } });
});

test('a listener without room that leaves frees the others', async () => {
  const { outputs, managed } = create();
  const slow = new Listener();
  slow.roomLeft = false;
  managed.attach(slow);
  managed.detach(slow);
  expect(outputs.stdout.isPaused()).toBe(false);
});

test('output while nobody listens is read and lost', async () => {
  const { outputs, managed } = create();
  outputs.stdout.write('lost');
  await turn();
  const late = new Listener();
  managed.attach(late);
  await turn();
  expect(late.received).toEqual([{ start: { pid: 4242 } }]);
});

test('the end is told once, after the exit and the end of both pipes, in whatever order', async () => {
  for (const exitFirst of [true, false]) {
    const { child, outputs, managed, onEnd } = create();
    const listener = new Listener();
    managed.attach(listener);
    if (exitFirst) child.emit('exit', 0, null);
    outputs.stdout.end('x');
    await turn();
    expect(listener.finished).toBe(false);
    outputs.stderr.end();
    await turn();
    if (!exitFirst) child.emit('exit', 0, null);
    expect(listener.finished).toBe(true);
    expect(listener.received.slice(-2)).toEqual([
      { data: { stdout: 'eA==' } },
      { end: { exited: true, status: 'exit status 0' } },
    ]);
    expect(onEnd).toHaveBeenCalledTimes(1);
  }
});

test('a signal that Go has no name for keeps its own', () => {
  expect(endEvent({ code: null, signal: 'SIGSTKFLT' }).status).toBe('signal: SIGSTKFLT');
});
